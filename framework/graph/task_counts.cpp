#include <algorithm>
#include <weir/graph/task_counts.hpp>

namespace weir {

std::vector<std::size_t> task_counts(const job_plan& plan, const std::function<std::size_t(std::size_t)>& readers) {
  std::vector<std::size_t> counts;
  // A vertex stands behind all that feed it.
  for (std::size_t v = 0; v < plan.vertices.size(); ++v) {
    const auto& vertex = plan.vertices[v];
    if (vertex.kind == vertex_kind::source) {
      counts.push_back(readers(v));
      continue;
    }
    std::size_t upstream = 1;
    auto forward = true;
    for (const auto& e : plan.edges) {
      if (e.to != v)
        continue;
      upstream = std::max(upstream, counts[e.from]);
      forward = forward && e.route == routing::forward;
    }
    auto wanted = vertex.parallelism > 0 ? static_cast<std::size_t>(vertex.parallelism) : upstream;
    counts.push_back(forward ? std::min(wanted, upstream) : wanted);
  }
  return counts;
}

} // namespace weir
