#pragma once
// What we need of CAF's io module beyond its documented face: the one place that depends on CAF 0.17.6.
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/scribe.hpp>
#include <memory>
#include <set>
#include <string>
#include "actors/nodes/messages.hpp"
#include "actors/nodes/node_connection.hpp"
#include "actors/nodes/secure_socket.hpp"

namespace weir {

/// Loads CAF's middleman into a configuration: with a node id that is random per process (CAF's own is made from host and
/// pid and collides between containers), no automatic connections, no time-outs of its own, messages deserialized by the
/// thread that reads them, and with our message type. Before the actor system is made.
void load_middleman(caf::actor_system_config& config);

/// The text of this process's CAF node id, as it stands in the hello.
std::string process_id(const caf::actor_system& system);

/// Bounds of one connection in CAF's hands.
struct wire_limits {
  std::size_t most_read = std::size_t{2} << 20;    ///< Bytes of one read; a longer one closes the connection before allocation.
  std::size_t most_unsent = std::size_t{64} << 20; ///< Bytes that wait to be sent; more closes the connection.
};

/// An authenticated socket as CAF's scribe. On a connection for actors it also watches that the other end declares in BASP the
/// node id it gave in its hello, and refuses messages that are routed for third nodes. `socket` is driven by CAF from here on.
/// Any thread.
caf::io::scribe_ptr make_scribe(caf::actor_system& system, secure_socket socket, std::shared_ptr<node_connection> who,
                                wire_limits limits);

/// Gives CAF the accepting end of a connection; the other end gets `published` as the remote actor. Any thread.
void accept_actors(caf::actor_system& system, caf::io::scribe_ptr scribe, const caf::actor& published);

/// The name by which the link actor of each node is known to the others.
void register_links(caf::actor_system& system, const caf::actor& links);
void unregister_links(caf::actor_system& system);
/// To the link actor of another node, in the name of a local actor: the other end gets a handle to that one as the sender. Any
/// thread; lost without a word when there is no connection.
void send_to_links(caf::actor_system& system, const caf::actor& from, const caf::node_id& node, node_message m);

/// Gives CAF the dialling end and asks for the actor that the other end publishes: a request to be sent by `self`, answered
/// with (node id, strong actor pointer, interface) or an error.
template <class Self>
auto dial_actors(Self* self, caf::io::scribe_ptr scribe, caf::duration timeout) {
  auto basp = self->system().middleman().template named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  return self->request(basp, timeout, caf::connect_atom_v, std::move(scribe), std::uint16_t{0});
}

} // namespace weir
