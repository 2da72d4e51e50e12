#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include "actors/runtime.hpp"

namespace weir {

/// Figures and requests of one job that cross threads without a message: written by its actors, read by `status`.
/// Counters are relaxed: each is right on its own, together they are a snapshot only roughly.
struct job_shared {
  std::string job;

  std::atomic<std::uint64_t> records_in{0};
  std::atomic<std::uint64_t> records_out{0};
  std::atomic<std::int64_t> watermark_us{min_timestamp.us};
  std::atomic<std::uint64_t> checkpoint{0};
  std::atomic<std::int64_t> checkpoint_at_us{0};
  std::atomic<std::uint64_t> checkpoint_bytes{0};
  std::atomic<std::uint64_t> store_bytes{0};
  std::atomic<unsigned> restarts{0};
  std::atomic<job_phase> phase{job_phase::waiting};
  /// Something was read or changed since the last checkpoint began; the coordinator takes it back.
  std::atomic<bool> activity{true};

  /// Asks the supervisor to drain; wakes whatever it waits for.
  void request_stop();
  [[nodiscard]] bool stop_requested() const { return stop_.load(std::memory_order_relaxed); }
  /// Waits until `timeout` passed or a stop is requested; true when it is.
  bool wait_for_stop(duration timeout);
  /// Pauses between two tries of something that must be done even while stopping: waits `d`; true when a stop was
  /// requested more than `limit` ago and the caller should give up.
  bool wait_or_give_up(duration d, duration limit);
  /// The attempt is over (or a new one begins): whoever pauses between two tries gives up at once.
  void end_attempt(bool over);
  /// Monotonic time of the request; none: not requested.
  [[nodiscard]] std::optional<duration> stop_requested_at() const;
  /// Called (once, from any thread) when a stop is requested while the graph runs.
  void on_stop(std::function<void()> f);

  void set_phase(job_phase p, std::string detail);
  void set_cause(const error& e);
  /// Lag is the sum over partitions; each reader owns a slot for one attempt.
  void set_lag_slots(std::size_t n);
  std::atomic<std::int64_t>* lag_slot(std::size_t i);
  /// Tasks report their merged watermark; the job's is the lowest.
  void set_watermark_slots(std::size_t n);
  std::atomic<std::int64_t>* watermark_slot(std::size_t i);

  [[nodiscard]] job_status status() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stop_{false};
  std::optional<duration> stop_at_;
  bool attempt_over_ = false;
  std::function<void()> on_stop_;
  std::string detail_;
  std::optional<error> cause_;
  std::unique_ptr<std::atomic<std::int64_t>[]> lags_;
  std::size_t lag_count_ = 0;
  std::unique_ptr<std::atomic<std::int64_t>[]> watermarks_;
  std::size_t watermark_count_ = 0;
};

} // namespace weir
