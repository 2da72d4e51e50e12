#pragma once
#include <functional>
#include <vector>
#include <weir/graph/plan.hpp>

namespace weir {

/// How many tasks each vertex of the plan runs with, in the order of its vertices; of a source as many as `readers` says for
/// the index of its vertex. A vertex whose edges are all `forward` has no more tasks than the largest vertex before it: further
/// ones would have no input, never see a barrier, and hold every checkpoint and the watermark of all behind them for ever.
std::vector<std::size_t> task_counts(const job_plan& plan, const std::function<std::size_t(std::size_t vertex)>& readers);

} // namespace weir
