#pragma once
#include <string>
#include <vector>
#include "actors/nodes/node_host.hpp"
#include "services/weir/commands.hpp"

namespace weir {

struct node_certs_options {
  std::string directory;
  std::string cluster;
  std::vector<std::string> nodes;
  int days = 825;
};

/// `node certs`: makes a test authority, or takes the one in the directory, and a certificate with key for each node. 2: a bad
/// name. 3: a file is there already (nothing is written), or the disk.
exit_code node_certs_command(const node_certs_options& options, const program_seams& seams);

/// What a node is started from; see program::start_node.
struct node_start {
  node_host_options host; ///< Without its seat.
  connection_settings control;
  std::string name_space;
  std::string store;
  duration session{0};
  bool seat = true; ///< False: this node cannot read the control topic, which is in another's store.
};
/// Opens the seat at the control topic and starts the node. Errors: those of node_host::start.
result<std::unique_ptr<node_host>> start_node(node_start s);

/// `node --config FILE`: one process of a cluster, until SIGINT or SIGTERM. 3: the directory, the address, or another process has
/// the node's store. 5: another process has joined in this node's name.
exit_code node_command_of(const program& p, const file_options& source, const program_seams& seams);

/// `validate` of a node's file. Touches neither its certificates nor anything else it names. 2: something is wrong with it.
exit_code validate_node_command(const file_options& source, const program_seams& seams);

struct cluster_options {
  file_options node; ///< The node's file: its node is asked.
  std::string file;  ///< Of apply.
  std::string name;  ///< Of remove: the service; of drain: the node.
  bool undo = false;
  bool json = false;
  bool ready = false; ///< Of status: an error unless not_ready() has nothing to say.
};
/// `cluster apply`: validates the services file and makes it the cluster's. 2: something is wrong with it. 3: nobody answers.
exit_code cluster_apply_command(const program& p, const cluster_options& options, const program_seams& seams);
exit_code cluster_status_command(const cluster_options& options, const program_seams& seams);
exit_code cluster_remove_command(const cluster_options& options, const program_seams& seams);
exit_code cluster_drain_command(const cluster_options& options, const program_seams& seams);

/// The JSON of a node's status for people.
[[nodiscard]] std::string cluster_text(std::string_view json);
/// Why the node that gave this status could take no part in its cluster's work; empty: it could. Pure.
[[nodiscard]] std::string not_ready(std::string_view json);

} // namespace weir
