#pragma once
#include <caf/all.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <weir/net/control_words.hpp>
#include <weir/services/ask.hpp>
#include "actors/nodes/messages.hpp"
#include "actors/nodes/node_board.hpp"

namespace weir {

namespace msg {

/// An ask of a service that is not of the runtime of the asker, to the actor that speaks for the node.
struct ask_elsewhere {
  ask_message what;
  duration until{0};                     ///< Monotonic; the asker waits no longer.
  std::function<void(ask_outcome)> done; ///< Called once, from any thread.
};
/// It is time to look again where the service is.
struct look_again {
  std::uint64_t id;
};
/// What came of an ask of another node.
struct asked_here {
  std::uint64_t id;
  ask_outcome outcome;
};

} // namespace msg

struct node_asks_options {
  std::string self;
  /// Asks a service that runs on this node. False: it does not, and `done` is not called.
  std::function<bool(const ask_message& m, duration timeout, std::function<void(ask_outcome)> done)> ask_here;
  /// Whether the services file in force has the service.
  std::function<bool(const std::string& service)> known;
  duration look_again = std::chrono::milliseconds(100);
  std::size_t most_open = 4096; ///< At one node, and of other nodes here; more are refused.
};

/// Brings asks to the node that runs the service asked, and answers those of other nodes. Asks are requests that may be tried
/// again (their ids are known to their owner): one that finds its service moved, or loses its connection, looks again until its
/// time is up. Of the actor that speaks for the node.
class node_asks {
 public:
  using peer_map = std::map<std::string, peer_link>;

  node_asks(caf::event_based_actor* self, node_asks_options options, const peer_map& peers)
      : self_(self), options_(std::move(options)), peers_(peers) {}
  /// `owner`: the node that says that it runs the service; empty: none does.
  void ask(msg::ask_elsewhere m, const std::string& owner);
  /// One whose time has come to be asked again; empty: it is none any more.
  std::optional<msg::ask_elsewhere> take(std::uint64_t id);
  /// Of another node: answers the message that is being handled.
  void from_afar(node_ask a);
  void answered(msg::asked_here& m);
  /// What was asked there is asked again elsewhere.
  void lost(const std::string& node);
  [[nodiscard]] node_board::asks counted() const;
  /// At the end of the actor: nobody waits for ever.
  ~node_asks();
  node_asks(const node_asks&) = delete;

 private:
  struct open_ask {
    msg::ask_elsewhere what;
    std::string node;
  };
  void send(msg::ask_elsewhere m, const peer_link& to);
  void replied(std::uint64_t id, const node_message& answer);
  void failed(std::uint64_t id, const caf::error& e);
  void again(msg::ask_elsewhere m, const std::string& why);
  /// No service has said anything.
  void unanswered(const msg::ask_elsewhere& m, ask_error why);

  caf::event_based_actor* self_;
  node_asks_options options_;
  const peer_map& peers_;
  std::map<std::uint64_t, open_ask> open_;
  std::map<std::string, std::size_t> open_at_;          ///< By node.
  std::map<std::uint64_t, msg::ask_elsewhere> waiting_; ///< To look again.
  std::map<std::uint64_t, caf::response_promise> promised_;
  std::uint64_t next_ = 0;
  node_board::asks counted_;
};

} // namespace weir

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::ask_elsewhere)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::look_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::asked_here)
