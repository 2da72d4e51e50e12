#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include <weir/core/clock.hpp>
#include <weir/graph/plan.hpp>
#include <weir/task/output_router.hpp>
#include "actors/runtime.hpp"

namespace weir {

enum class partition_state : std::uint8_t {
  reading, ///< Holds back the watermarks behind it.
  idle,    ///< Nothing came for long: does not count for watermarks.
  ended,   ///< Read to its stop offset, or behind the final barrier.
  waiting, ///< Ahead of others of its alignment group: not read until they have come nearer. Counts for watermarks.
  held,    ///< Not read until the job's keyed state takes less memory. Counts for watermarks.
};

/// What one task or partition reader is doing. Written by its actor at the end of a turn, never per record; read by anyone.
/// Relaxed: each figure is right on its own.
struct alignas(64) task_figures {
  std::atomic<std::uint64_t> records_in{0};
  std::atomic<std::uint64_t> records_out{0};
  std::atomic<std::int64_t> busy_us{0};           ///< Time inside turns.
  std::atomic<std::int64_t> blocked_us{0};        ///< Time without credit that is over.
  std::atomic<std::int64_t> blocked_since_us{-1}; ///< Monotonic, while there is no credit; else -1.
  std::atomic<std::int64_t> watermark_us{min_timestamp.us};
  std::atomic<std::int64_t> lag{-1};         ///< Of a reader.
  std::atomic<std::int64_t> next_offset{-1}; ///< Of a reader.
  std::atomic<partition_state> state{partition_state::reading};
  std::atomic<const std::string*> handler{nullptr}; ///< Of an actor service: the one that runs; lives as long as the plan.
  std::atomic<std::int64_t> turn_us{-1};            ///< Monotonic, when the turn at hand began; -1: none.
};

/// What one task sent over one of its out-edges.
struct edge_figures {
  std::atomic<std::uint64_t> records{0};
  std::atomic<std::int64_t> in_flight{0}; ///< Bytes sent whose credit did not come back.
  std::atomic<std::int64_t> capacity{0};  ///< Bytes of credit in all.
};

/// The figures of a job's graph as one attempt laid it out. What it holds outlives the attempt through shared pointers.
class job_figures {
 public:
  /// `tasks` by vertex of the plan. Counters of tasks that `before` (may be null) had go on from there, so that a restart of
  /// the job does not look like one of the process. No actor writes to `before` any more.
  job_figures(const job_plan& plan, const std::vector<std::size_t>& tasks, const job_figures* before);

  struct task {
    task_figures own;
    std::deque<edge_figures> edges; ///< By out-port.
  };
  /// `place`: among the tasks, or the partitions read, of the vertex.
  [[nodiscard]] task& at(std::size_t vertex, std::size_t place) { return vertices_[vertex].tasks[place]; }

  /// Fills operators, partitions and channels.
  void describe(job_status& s, duration now) const;

 private:
  struct vertex_figures {
    std::string name;
    vertex_kind kind = vertex_kind::task;
    std::vector<std::string> chain;
    std::string topic;                ///< Of a source.
    std::optional<std::string> group; ///< Of a source: its alignment group.
    std::deque<task> tasks;
  };
  [[nodiscard]] operator_status describe(std::size_t v, duration now) const;
  [[nodiscard]] std::optional<held_by> holder_of(std::size_t v) const;
  /// The partition with the lowest watermark of those that count, among these sources.
  [[nodiscard]] std::optional<held_by> slowest(const std::function<bool(std::size_t source)>& among) const;

  service_shard shard_;
  std::deque<vertex_figures> vertices_;
  std::vector<edge_plan> edges_;
};

/// The actor's side of task_figures: keeps what was reported, so that the hot path is a few plain stores once per turn. Only
/// the actor's thread.
class task_meter {
 public:
  task_meter() = default;
  explicit task_meter(std::shared_ptr<job_figures::task> to) : to_(std::move(to)) {}
  /// A turn begins.
  void begin() {
    began_ = system_clock().monotonic();
    to_->own.turn_us.store(began_.count(), std::memory_order_relaxed);
  }
  /// A turn ends; `in` and `out` are what the core counted since it was made.
  void end(std::uint64_t in, std::uint64_t out, timestamp watermark, const output_router& output);
  /// What has no channels of credit: totals since it was made, `by_port` those of `out` by edge. No turn needs to have begun.
  void report(std::uint64_t in, std::uint64_t out, std::span<const std::uint64_t> by_port);
  [[nodiscard]] task_figures& figures() { return to_->own; }

 private:
  std::shared_ptr<job_figures::task> to_;
  duration began_{0};
  std::uint64_t in_ = 0, out_ = 0;
  std::vector<std::uint64_t> sent_;
  bool blocked_ = false;
};

} // namespace weir
