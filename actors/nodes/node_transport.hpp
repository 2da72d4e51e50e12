#pragma once
#include <memory>
#include "actors/nodes/node_links.hpp"

namespace weir {

struct node_transport_options {
  std::string cluster;
  node_address self;                 ///< Name, and where this node listens; port 0 takes a free one.
  std::vector<node_address> members; ///< All nodes of the cluster.
  std::optional<tls_files> tls;
  std::string token_file; ///< Without tls: what stands for it on loopback; made if it is not there.
  caf::actor speaker;     ///< Speaks for this node: gets every node_message of the others, and answers it.
  std::function<void(const peer_link&)> up;
  std::function<void(const std::string& node, const std::string& why)> down;
  admission::limits limits;
  liveness::settings alive;
  frame_link_settings frames;
};

/// Connects this process with the other nodes of its cluster, and keeps it connected, as long as it lives. The actor system must
/// have been configured by load_middleman.
class node_transport {
 public:
  /// Listens and begins to dial; blocks for reading files and for the address. Errors: those of tls_context, node_token and
  /// gate::open.
  static result<std::unique_ptr<node_transport>> start(caf::actor_system& system, node_transport_options options);
  /// Ends all connections; blocks until diallings under way have ended.
  ~node_transport();
  node_transport(const node_transport&) = delete;

  [[nodiscard]] std::uint16_t port() const { return gate_->port(); }
  [[nodiscard]] const gate::figures& counted() const { return gate_->counted(); }

 private:
  explicit node_transport(caf::actor_system& system) : system_(system) {}
  caf::actor_system& system_;
  caf::actor links_;
  std::unique_ptr<gate> gate_;
};

} // namespace weir
