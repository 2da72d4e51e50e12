#pragma once
#include <caf/all.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <weir/core/result.hpp>
#include <weir/net/envelope.hpp>
#include "actors/nodes/gate.hpp"

namespace weir {

/// The one type of message that CAF carries between nodes: what is in it, the receiver decodes.
struct node_message {
  enum class kind : std::uint8_t {
    hello = 1,      ///< The dialling node's first word; its sender is the actor that speaks for the node.
    keep_alive = 2, ///< Each interval, between the nodes' link actors.
    payload = 3,    ///< To the actor that speaks for a node, and its answers.
  };
  std::uint16_t version = 1;
  kind what = kind::payload;
  std::string bytes;
};
template <class Inspector>
auto inspect(Inspector& f, node_message& m) {
  return f(caf::meta::type_name("weir.node_message"), m.version, m.what, m.bytes);
}

/// Bytes that one message between nodes may have: more would end the connection.
inline constexpr std::size_t longest_node_message = (std::size_t{2} << 20) - 4096;
/// Errors: too_large.
result<node_message> make_node_message(std::string bytes);

/// A node that is connected in both ways.
struct peer_link {
  std::string node;
  caf::actor peer;           ///< The actor that speaks for the node: answers node_message.
  caf::actor frames;         ///< Our end of the connection for frames: takes the messages of frame_link.hpp.
  std::uint64_t session = 0; ///< Of the connection for frames.
};

namespace msg {

/// A connection is there: to the links.
struct link_opened {
  std::shared_ptr<opened_connection> what;
  bool dialled;
};
struct dial_failed {
  std::string node;
  error why;
};
struct link_closed {
  std::string node;
  std::uint64_t session;
  std::string why;
};
struct links_tick {};
struct links_stop {};

} // namespace msg
} // namespace weir

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::link_opened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::dial_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::link_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::links_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::links_stop)
