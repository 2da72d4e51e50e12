#pragma once
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <weir/archive/checkpoint_archive.hpp>
#include "actors/job_figures.hpp"
#include "actors/runtime.hpp"

namespace weir {

/// Figures and requests of one job that cross threads without a message: written by its actors, read by `status`.
/// Counters are relaxed: each is right on its own, together they are a snapshot only roughly.
struct job_shared {
  std::string job;

  std::atomic<std::uint64_t> records_in{0};
  std::atomic<std::uint64_t> records_out{0};
  std::atomic<std::uint64_t> checkpoint{0};
  std::atomic<std::int64_t> checkpoint_at_us{0};
  std::atomic<std::uint64_t> checkpoint_bytes{0};
  std::atomic<std::uint64_t> checkpoint_bytes_total{0};
  std::atomic<std::uint64_t> checkpoints_completed{0};
  std::atomic<std::int64_t> checkpoint_us{0};
  duration_histogram checkpoint_durations;
  std::atomic<std::uint64_t> store_bytes{0};
  std::atomic<std::uint64_t> unapplied_bytes{0};
  std::atomic<std::uint64_t> waiting_bytes{0};
  std::atomic<std::uint64_t> waiting_epochs{0};
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::int64_t> published_at_us{0};
  std::atomic<std::uint64_t> published_epochs{0};
  std::atomic<std::uint64_t> published_bytes{0};
  duration_histogram publish_durations;
  /// Of the copies of the checkpoints.
  const std::shared_ptr<archive_figures> copies = std::make_shared<archive_figures>();
  std::atomic<bool> makes_copies{false};
  std::atomic<bool> publishes{false};   ///< There are exactly-once sinks.
  std::atomic<bool> hosts_actor{false}; ///< An ordinary actor: what follows is of it.
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::int64_t> committed_at_us{0};
  std::atomic<std::uint64_t> open_events{0};
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
  void on_stop(const std::function<void()>& f);

  void set_phase(job_phase p, std::string detail);
  void set_cause(const error& e);
  /// The parked keys of one task of an actor service.
  void set_parked(int subtask, std::vector<parked_key> keys);
  /// The figure of that name, made at the first call; it lives as long as whoever holds it.
  [[nodiscard]] std::shared_ptr<std::atomic<std::uint64_t>> counter(const std::string& name);
  /// What an ordinary actor does not answer, for people; empty: nothing.
  void set_unanswered(std::string text);
  /// An attempt was closed without being complete.
  void checkpoint_closed(const std::string& why);
  /// An attempt lays out its graph, `tasks` by vertex; no actor of an earlier one is alive. The figures of one task are at
  /// `meter`, for its actor.
  void lay_out(const job_plan& plan, const std::vector<std::size_t>& tasks);
  [[nodiscard]] task_meter meter(std::size_t vertex, std::size_t place);

  [[nodiscard]] job_status status() const;

 private:
  void fill_checkpoint(job_status& s) const;
  void fill_publisher(publisher_status& p) const;
  [[nodiscard]] copies_status copies_now() const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stop_{false};
  std::optional<duration> stop_at_;
  bool attempt_over_ = false;
  std::function<void()> on_stop_;
  std::string detail_;
  std::map<int, std::vector<parked_key>> parked_;
  std::map<std::string, std::shared_ptr<std::atomic<std::uint64_t>>> counters_;
  std::string unanswered_;
  std::optional<error> cause_;
  std::uint64_t checkpoints_closed_ = 0;
  std::string closed_why_;
  std::optional<timestamp> phase_since_;
  std::shared_ptr<job_figures> figures_; ///< Null until the first attempt built a graph.
};

} // namespace weir
