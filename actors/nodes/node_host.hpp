#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/cluster/seat/running_seat.hpp>
#include <weir/cluster/service_placement.hpp>
#include <weir/core/result.hpp>
#include <weir/net/control_words.hpp>
#include "actors/nodes/service_warmer.hpp"
#include "actors/runtime.hpp"

// No CAF here: the program and its tests see a node through this header alone.

namespace weir {

/// A node that a configuration names.
struct node_place {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
};

struct node_host_options {
  std::string cluster;
  node_place self;                  ///< Where it listens; port 0 takes a free one.
  std::vector<node_place> members;  ///< All, this node among them.
  std::string ca, certificate, key; ///< Files; all empty: the token stands for them.
  std::string token;
  std::uint32_t capacity = 1;
  std::string directory;        ///< The shared one; it answers a node that can write a small file of its own there.
  std::string appointed_leader; ///< Of a cluster on the embedded log; empty: the control topic says who leads.
  /// Opens this node's seat at the control topic; empty: it has none (it does not lead a cluster on the embedded log).
  std::function<result<std::unique_ptr<cluster::running_seat>>(cluster::running_seat::options)> open_seat;
  /// Whether a services file can be run by this node. Errors: invalid_config, with all that is wrong.
  std::function<result<>(const std::string& text)> check_services;
  /// What a services file has. Errors: invalid_config.
  std::function<result<std::vector<cluster::service_need>>(const std::string& text)> list_services;
  /// Starts one service of a file here, in a runtime with `ask_elsewhere`; see service_keeper_options. Empty: this node runs
  /// none.
  std::function<result<std::unique_ptr<runtime>>(const cluster::services_record& file, const std::string& service,
                                                 decltype(runtime_options::ask_elsewhere) ask_elsewhere)>
      start_service;
  warm_up_function warm_up; ///< Set with start_service.
};

/// One process of a cluster: connected with the others, with a seat at the control topic. Leads when that is given to it. Any
/// thread.
class node_host {
 public:
  /// Listens and begins to connect. Blocks for files and the address. Errors: those of node_transport::start and of `open_seat`.
  static result<std::unique_ptr<node_host>> start(node_host_options o);
  virtual ~node_host() = default;

  /// Does what is asked, at the leader if it is one of the leader's. Blocks, 15 s at most. Errors: unavailable (no leader, or it
  /// did not answer: it may have been done), those of cluster/orders.hpp, invalid_config.
  virtual result<std::string> command(node_command c) = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Another process has joined the cluster in this node's name: this one must end.
  [[nodiscard]] virtual bool replaced() const = 0;
};

} // namespace weir
