#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>
#include <weir/cluster/cluster_state.hpp>
#include <weir/cluster/placement.hpp>
#include <weir/record/partition.hpp>

/// Which node runs which service; each runs whole on one. Pure.
namespace weir::cluster {

/// A service of the file in force.
struct service_need {
  std::string name;
  bool with_leader = false; ///< It uses the embedded log, which is the leader's.
  unsigned standby = 0;     ///< Nodes beside its owner that keep its store ready.
  service_shard shard{};    ///< Which of the shards of a service it is, each placed for itself.
};

struct placing_facts {
  std::string leader;
  std::vector<service_need> services;
  std::vector<node_facts> nodes;               ///< Those that are heard; draining ones are not usable.
  std::map<std::string, std::uint64_t> starts; ///< Of their processes.
  /// By service, the nodes on which it failed for good a while ago: it goes there only when there is no other.
  std::map<std::string, std::set<std::string>> failed_on;
  std::set<std::string> again; ///< Services to be tried again where they are.
  /// The nodes that can work have been the same for a while: services may move between them. Else only those move that no node
  /// which can work has: a node that comes and goes takes nothing from the others.
  bool settled = true;
  /// Services that run well where the control topic has them: whoever takes one over need not hurry.
  std::set<std::string> running;
  /// By service, the nodes whose store of it is as good as its copy.
  std::map<std::string, std::set<std::string>> warm;
  /// The same, and those that are still at it.
  std::map<std::string, std::set<std::string>> warming;
};

/// The nodes that can work together with the leader now, among them those that are given work. Pure.
[[nodiscard]] std::set<std::string> nodes_able(const cluster_state& read, const placing_facts& f);

/// The assignments to be written for every service to be where it should be: on one of the nodes that can work together, staying
/// where it is while that is one of them, whatever process of it; once these have settled spread by capacity. A service that is
/// not in the file any more is assigned to nobody. None that nobody could run now is taken away from its owner. What has lost its
/// node goes where its store is warm, if there is such a node.
[[nodiscard]] std::vector<assignment_record> place_services(const cluster_state& read, const placing_facts& f);

/// Takes from `all`, of place_services, what can wait: a service that runs well on one node is not given to another before that
/// one's store is warm. Returns which those are and where they go. Pure. Source: KIP-441 (warm-up before a task moves).
[[nodiscard]] std::map<std::string, std::string> hold_back(const cluster_state& read, const placing_facts& f,
                                                           std::vector<assignment_record>& all);

/// The nodes that are to keep the store of each service ready, besides its owner: those that do already, then by load. Pure.
[[nodiscard]] std::map<std::string, std::set<std::string>> standbys(const cluster_state& read, const placing_facts& f);

/// The node that has the service by the newest record; empty: none.
[[nodiscard]] std::string service_owner(const cluster_state& read, const std::string& service);

/// The services that this process of a node is to run: by name the offset of the assignment.
[[nodiscard]] std::map<std::string, std::uint64_t> services_of(const cluster_state& read, const std::string& node,
                                                               std::uint64_t start);

} // namespace weir::cluster
