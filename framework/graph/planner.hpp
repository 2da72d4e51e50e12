#pragma once
#include <memory>
#include <vector>
#include <weir/graph/job_graph.hpp>

namespace weir::detail {

/// Why a job with through() is not run to the end of its input.
inline constexpr const char* through_has_no_end =
    "through() has no end: what is written to its topic last would stay unread; let a second job read that topic instead";

/// The graph as it is planned: the user's nodes and behind them the sinks of dead letters that policies imply. Nodes are
/// in topological order: a node's inputs come before it.
struct planned_graph {
  std::vector<const graph_node*> nodes;
  std::vector<std::unique_ptr<graph_node>> implied;
  std::shared_ptr<const operator_graph> declared; ///< Keeps `nodes` alive; null while only checking.
};

planned_graph with_dead_letters(const operator_graph& graph);
/// For each node whether it runs in its source's chain because event time is assigned there or behind it.
std::vector<bool> pinned_to_source(const planned_graph& graph);
/// For each node whether its original bytes must be kept by the sources above it.
std::vector<bool> keeps_raw(const planned_graph& graph);

} // namespace weir::detail
