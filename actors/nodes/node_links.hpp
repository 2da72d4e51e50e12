#pragma once
#include <functional>
#include <weir/core/logger.hpp>
#include <weir/net/liveness.hpp>
#include "actors/nodes/caf_wire.hpp"
#include "actors/nodes/frame_link.hpp"

namespace weir {

/// What the link actor is given.
struct links_options {
  node_identity self;
  std::vector<node_address> members; ///< Our own entry among them is passed over.
  gate* way = nullptr;               ///< Outlives the actor's work: stopped first.
  caf::actor speaker;                ///< The actor that speaks for this node.
  liveness::settings alive;
  duration redial = std::chrono::milliseconds(500);
  wire_limits limits;
  frame_link_settings frames;
  std::function<void(const peer_link&)> up;                                  ///< By the link actor's thread; must not block.
  std::function<void(const std::string& node, const std::string& why)> down; ///< Likewise, for each `up`.
  logger log;
};

/// Keeps this node connected to the members: of two nodes the one whose name comes first dials. Runs detached, so that no task's
/// work delays a sign of life.
struct links_state {
  explicit links_state(caf::event_based_actor* s) : self(s), alive({}) {}
  struct peer {
    node_address at;
    std::shared_ptr<node_connection> actors, frames;
    caf::node_id node;
    caf::actor speaker;
    caf::actor link;
    bool dialling = false, up = false;
    duration next_dial{0};
    std::string last_failure; ///< Logged once.
  };
  void start(links_options o);
  void opened(msg::link_opened& m);
  void failed(const msg::dial_failed& m);
  void closed(const msg::link_closed& m);
  void from_afar(const node_message& m);
  void tick();
  void stop();

  caf::event_based_actor* self;
  links_options options;
  std::map<std::string, peer> peers;
  liveness alive;
  bool stopped = false;

 private:
  [[nodiscard]] bool dials(const std::string& name) const { return options.self.node < name; }
  void dial(peer& p, link_purpose purpose);
  void dial_actors_of(peer& p, caf::io::scribe_ptr scribe);
  void take_frames(peer& p, opened_connection& c);
  void speaks(peer& p, const caf::actor& speaker);
  void end(peer& p, const std::string& why);
  void maybe_up(peer& p);
  peer* by_node(const caf::node_id& node);
};

caf::behavior node_links(caf::stateful_actor<links_state>* self, links_options options);

} // namespace weir
