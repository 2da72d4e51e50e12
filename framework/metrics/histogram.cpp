#include <algorithm>
#include <weir/metrics/histogram.hpp>

namespace weir {

void duration_histogram::observe(duration d) {
  auto bucket = std::lower_bound(duration_bounds.begin(), duration_bounds.end(), d) - duration_bounds.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(d.count(), std::memory_order_relaxed);
}

duration_counts duration_histogram::counts() const {
  duration_counts out;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    out.counts[i] = counts_[i].load(std::memory_order_relaxed);
    out.count += out.counts[i];
  }
  out.sum = duration{sum_us_.load(std::memory_order_relaxed)};
  return out;
}

} // namespace weir
