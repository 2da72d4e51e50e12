#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

namespace weir {

/// Holds the sources of a job back while its keyed state takes more memory than it may. Changes stay in RAM until they are in the
/// base, so a job that changes keys faster than the base takes them would grow without bound; tasks themselves never stop, for
/// the barrier that makes changes leave lies behind their input. One per attempt. Any thread; nothing blocks for longer than the
/// callbacks take.
class memory_gate {
 public:
  /// Closes above `close_at` bytes of all tasks together and opens at or below `open_at`, which is less.
  memory_gate(std::size_t close_at, std::size_t open_at) : close_at_(close_at), open_at_(open_at) {}

  /// `f` is called after the gate has closed or opened, by whoever reported; must not block and not report. Before the first
  /// report.
  void on_change(std::function<void(bool closed)> f) { listeners_.push_back(std::move(f)); }
  /// A task's state had `before` bytes when it reported last (0 at first) and has `now`.
  void report(std::size_t before, std::size_t now);
  [[nodiscard]] bool closed() const { return closed_.load(); }

 private:
  [[nodiscard]] bool must_change() const { return closed_.load() ? bytes_.load() <= open_at_ : bytes_.load() > close_at_; }

  const std::size_t close_at_, open_at_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<bool> closed_{false};
  std::mutex changing_;
  std::vector<std::function<void(bool)>> listeners_;
};

} // namespace weir
