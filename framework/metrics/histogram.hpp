#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <weir/core/timestamp.hpp>

namespace weir {

/// Upper bounds of the buckets: what a checkpoint takes, from an idle job on a fast disk to the edge of its time-out.
inline constexpr std::array<duration, 14> duration_bounds{
    std::chrono::milliseconds(5),   std::chrono::milliseconds(10),  std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),  std::chrono::milliseconds(100), std::chrono::milliseconds(250),
    std::chrono::milliseconds(500), std::chrono::seconds(1),        std::chrono::milliseconds(2500),
    std::chrono::seconds(5),        std::chrono::seconds(10),       std::chrono::seconds(30),
    std::chrono::minutes(1),        std::chrono::minutes(5)};

/// A histogram at one moment. `counts[i]` are the observations above bound i - 1 and up to bound i; the last those above all.
/// Not cumulative: whoever prints adds them up.
struct duration_counts {
  std::array<std::uint64_t, duration_bounds.size() + 1> counts{};
  std::uint64_t count = 0;
  duration sum{0};
};

/// Counts durations by bucket. One thread observes, any may read; a reader may see an observation half (in its bucket and
/// not yet in the sum), never a wrong one.
class duration_histogram {
 public:
  void observe(duration d);
  [[nodiscard]] duration_counts counts() const;

 private:
  std::array<std::atomic<std::uint64_t>, duration_bounds.size() + 1> counts_{};
  std::atomic<std::int64_t> sum_us_{0};
};

} // namespace weir
