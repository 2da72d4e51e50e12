#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include "actors/nodes/messages.hpp"
#include "actors/nodes/node_asks.hpp"
#include "actors/nodes/node_board.hpp"

namespace weir {

/// What the actor that speaks for a node is given.
struct speaker_options {
  std::string self;
  std::string appointed_leader;
  bool seated = true; ///< This node reads the control topic itself; else the appointed leader does for it.
  node_report report; ///< Of this node; what changes is filled in.
  std::shared_ptr<node_board> board;
  /// Does an order as the leader, and answers from any thread; the answer may be that this node does not lead.
  std::function<void(node_command, std::function<void(node_answer)>)> lead;
  /// Each interval, with what the nodes report: the seat's moment.
  std::function<void(const std::map<std::string, node_report>&)> tick;
  /// What runs on this node.
  std::function<std::vector<running_service>()> services;
  std::function<std::vector<warm_service>()> warm; ///< Of those that are to come.
  std::function<void()> others_changed;            ///< Other services run on another node than before; may be empty.
  /// Asks a service of this node; see node_asks_options. Empty: it has none.
  decltype(node_asks_options::ask_here) ask_here;
  std::size_t most_asks = 4096; ///< See node_asks_options.
  /// Of the board, with all that is in it.
  std::function<std::string()> status;
  duration interval = std::chrono::milliseconds(500);
  duration lost_after = std::chrono::seconds(2); ///< A report is not believed for longer.
  duration order_time = std::chrono::seconds(12);
};

namespace msg {

struct peer_up {
  peer_link link;
};
struct peer_down {
  std::string node;
  std::string why;
};
struct speaker_tick {};
/// What runs here has changed: the others are told before the interval is over.
struct speak_now {};
/// From this process; answered with order_done.
struct order {
  node_command what;
  std::function<void(node_answer)> done; ///< Called once, from any thread.
};
struct order_done {
  std::uint64_t id;
  node_answer answer;
};

} // namespace msg

/// Speaks for this node: tells the others what it is and whom it hears, hears the same of them, and passes orders on to the
/// leader.
struct speaker_state {
  explicit speaker_state(caf::event_based_actor* s) : self(s) {}
  void start(speaker_options o);
  void up(const peer_link& l);
  void down(const msg::peer_down& m);
  void tick();
  void speak();
  void hear(node_report r);
  void from_afar(const node_message& m);
  /// Answers through `done`, at some time.
  void order(node_command c, std::function<void(node_answer)> done);
  /// Of a service of this node.
  void ask(msg::ask_elsewhere m);

  caf::event_based_actor* self;
  speaker_options options;
  std::map<std::string, peer_link> peers;
  struct heard {
    node_report report;
    duration at{0};
  };
  std::map<std::string, heard> reports;
  std::map<std::uint64_t, caf::response_promise> asked; ///< Orders of other nodes.
  std::uint64_t next_id = 0;
  std::unique_ptr<node_asks> asks;
};

caf::behavior node_speaker(caf::stateful_actor<speaker_state>* self, speaker_options options);

} // namespace weir

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::peer_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::peer_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::speaker_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::speak_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::order_done)
