#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/core/result.hpp>
#include <weir/graph/plan.hpp>
#include <weir/metrics/histogram.hpp>
#include <weir/services/service_port.hpp>

// No CAF here: the program and tests see the runtime through this header alone.

namespace weir {

struct checkpoint_settings {
  duration interval = std::chrono::seconds(1);
  duration min_pause = duration{0};
  duration timeout = std::chrono::minutes(10);
  unsigned tolerated_failures = 3;
  unsigned retained = 1;
  /// Where copies of the checkpoints go, durable before a checkpoint counts as complete; empty: nowhere. A store that is gone, or
  /// not the newest, is made from there.
  std::string directory;
};

struct restart_settings {
  duration initial_backoff = std::chrono::milliseconds(500);
  duration max_backoff = std::chrono::seconds(60);
  unsigned max_attempts = 10; ///< In a row without a complete checkpoint between; then the job fails with the cause.
};

/// Everything that is fixed for one job of this process.
struct job_spec {
  job_plan plan;
  std::string name_space;      ///< `namespace` of the configuration.
  std::string store_directory; ///< `<store>`; the job uses `<store>/<job>`.
  std::map<std::string, std::shared_ptr<connection>> connections;
  checkpoint_settings checkpoint;
  restart_settings restart;
  std::size_t memory_limit = std::size_t{512} << 20;
  std::size_t channel_bytes = std::size_t{2} << 20; ///< Credit pool of each receiving task.
  std::size_t outbox_limit = std::size_t{1} << 30;
  std::size_t store_max_bytes = 0;
  duration shutdown_timeout = std::chrono::seconds(30);
  /// A consumer group is told its offsets again after so long, though they stand still: a broker forgets them after days.
  duration commit_again = std::chrono::hours(12);
  bool encode_channels = false;        ///< The test transport: encodes and decodes every frame.
  bool until_end = false;              ///< Stop at the last stable offsets of the first bounded start.
  bool continue_ended = false;         ///< `--continue`: go on after an ended bounded run.
  bool new_lineage = false;            ///< `--new-lineage`.
  std::vector<std::string> drop_state; ///< `--drop-state NAME`.
};

enum class job_phase : std::uint8_t {
  waiting,    ///< For an input topic, a broker or the back-off's end; `detail` says for what.
  recovering, ///< Store, fencing, markers, leftovers.
  running,
  stopping, ///< Behind the final barrier.
  ended,    ///< Bounded input read, all published.
  stopped,  ///< On request, all published.
  failed,   ///< Parked: `cause` says why; no restart will help or the limit is reached. Other jobs go on.
};
/// One word.
[[nodiscard]] const char* to_string(job_phase phase);

/// The partition of a source that holds a watermark back: the lowest of those that are not idle.
struct held_by {
  std::string source;
  std::int32_t partition = 0;
};

/// One vertex of the job graph, summed over its tasks. Counters go on over restarts of the job.
struct operator_status {
  std::string name;
  vertex_kind kind = vertex_kind::task;
  std::vector<std::string> chain; ///< Operators fused into it, head first.
  unsigned tasks = 0;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;      ///< To other operators; of a sink to its topic.
  duration busy{0};                   ///< Working time, summed over tasks.
  duration blocked{0};                ///< Time without credit (back pressure from behind it), summed over tasks.
  unsigned blocked_tasks = 0;         ///< Without credit now.
  std::optional<timestamp> watermark; ///< The lowest of its tasks; none: nothing yet, or at the end of time.
  std::optional<held_by> held;
  std::string stuck{}; ///< The handler that one of its tasks has been in for over a second, and how long; empty: none.
};

struct partition_status {
  std::string source; ///< The operator that reads it.
  std::string topic;
  std::int32_t partition = 0;
  std::uint64_t records = 0;
  std::int64_t next_offset = -1; ///< -1: not known yet.
  std::int64_t lag = -1;         ///< Records behind its end; -1 unknown.
  std::optional<timestamp> watermark;
  bool idle = false;  ///< Does not hold watermarks back.
  bool ended = false; ///< Read to its stop offset.
  /// Ahead of its alignment group: not read until this partition, the group's slowest, has come nearer.
  std::optional<held_by> waits_for{};
  /// Not read: changed keyed state takes more memory than it may until checkpoints and base have taken it.
  bool waits_for_memory = false;
};

/// All channels between the tasks of two operators.
struct channel_status {
  std::string from, to;
  std::uint64_t records = 0;
  std::int64_t in_flight_bytes = 0; ///< Sent and not processed yet; one frame per channel may go above the capacity.
  std::int64_t capacity_bytes = 0;
};

/// What carries complete epochs from the store to the output topics.
struct publisher_status {
  bool present = false;         ///< The job has exactly-once sinks.
  std::uint64_t checkpoint = 0; ///< Newest whose output is out since the process started; 0: none.
  std::optional<timestamp> at;
  std::uint64_t epochs = 0;
  std::uint64_t bytes = 0;         ///< Of encoded output, published.
  duration_counts durations;       ///< Of one transaction of one or more epochs.
  std::uint64_t waiting_bytes = 0; ///< Durable and not published yet.
  std::uint64_t waiting_epochs = 0;
};

/// How far an ordinary actor's service has come: offsets that its consumer group was given.
struct commits_status {
  std::uint64_t count = 0;     ///< Since the process started.
  std::optional<timestamp> at; ///< Of the last one.
  std::uint64_t open = 0;      ///< Events that the actor has and has not answered.
};

/// What the copies of the checkpoints cost, since the process started.
struct copies_status {
  std::uint64_t changes = 0; ///< Checkpoints and facts.
  std::uint64_t bytes = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t snapshot_bytes = 0;
  duration waiting{0}; ///< So long one has been waiting for checkpoint.directory; 0: none does.
};

/// A snapshot of figures for the live line and for status. Rates are for the reader of two snapshots to compute.
struct job_status {
  std::string job;
  job_phase phase = job_phase::waiting;
  std::string detail;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::int64_t lag = -1;              ///< Records behind, over all partitions; -1 unknown.
  std::optional<timestamp> watermark; ///< The lowest merged watermark of the job's tasks.
  std::uint64_t checkpoint = 0;       ///< Newest complete.
  std::optional<timestamp> checkpoint_at;
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t checkpoints_closed = 0; ///< Attempts that were given up (a time-out, a full disk) since the process started.
  std::string closed_why;               ///< Of the last one.
  std::uint64_t store_bytes = 0;
  unsigned restarts = 0;
  std::optional<error> cause; ///< Of the last failure.
  std::optional<timestamp> phase_since;
  std::uint64_t checkpoints_completed = 0; ///< Since the process started.
  duration checkpoint_duration{0};         ///< Of the newest, from its barrier to its being durable.
  duration_counts checkpoint_durations;
  std::uint64_t checkpoint_bytes_total = 0;
  std::uint64_t unapplied_bytes = 0; ///< Of complete deltas that are not in the base: what a restart has to load.
  publisher_status publisher;
  std::vector<operator_status> operators; ///< In topological order; empty until the graph was built for the first time.
  std::vector<partition_status> partitions;
  std::vector<channel_status> channels;
  std::vector<parked_key> parked;          ///< Of an actor service.
  std::optional<commits_status> commits{}; ///< Of an ordinary actor, which has no checkpoints.
  std::vector<std::pair<std::string, std::uint64_t>>
      counters{};                        ///< By name: what an ordinary actor counts, and how its events went.
  std::optional<copies_status> copies{}; ///< None without checkpoint.directory.
};

/// How a job of this process ended.
struct job_end {
  std::string job;
  job_phase phase = job_phase::failed; ///< ended, stopped or failed.
  std::optional<error> cause;
  bool output_unpublished = false; ///< Stopped, but a durable epoch is still to be published at the next start.
  std::uint64_t unpublished_checkpoint = 0;
};

/// Runs jobs in this process on CAF. Create once; all members may be called from any thread.
class runtime {
 public:
  virtual ~runtime() = default; ///< Stops hard: what is durable stays so.
  /// The newest figures of every job; does not block on the actors.
  [[nodiscard]] virtual std::vector<job_status> status() const = 0;
  /// Drains: last checkpoint, publish, within shutdown_timeout. Idempotent, returns at once; async-signal-unsafe.
  virtual void request_stop() = 0;
  /// Waits until all jobs ended or `timeout` passed; empty on time-out.
  virtual std::vector<job_end> wait(duration timeout) = 0;
  /// Asks an actor service of this runtime; `done` is called once, on some thread, and must not block. `m.id` may be empty. Does
  /// not block.
  virtual void ask(ask_message m, duration timeout, std::function<void(ask_outcome)> done) = 0;
  /// The same, waiting for the answer.
  template <class Key, class Q, class A>
  answer<A> ask(const request<Key, Q, A>& r, const Key& key, const Q& question, ask_options options = {}) {
    return read_answer<A>(ask_and_wait(make_ask(r, key, question, options.durable), options.timeout));
  }
  /// Lets a parked key go on; waits for the task. False: the key of that service is not parked.
  virtual bool release(const std::string& service, const std::string& encoded_key, unpark how) = 0;

 protected:
  ask_outcome ask_and_wait(ask_message m, duration timeout);
};

struct runtime_options {
  unsigned threads = 0; ///< CAF workers; 0: cores.
  /// Asks an actor service that is not of this runtime; calls `done` once, from any thread, also when nothing comes in time.
  /// Called by actors: must not block. Empty: such an ask is answered with no_service.
  std::function<void(ask_message what, duration timeout, std::function<void(ask_outcome)> done)> ask_elsewhere{};
};

/// Starts all jobs. Errors before anything ran: store_locked, invalid_config (a connection that is not there), …
result<std::unique_ptr<runtime>> start_runtime(const runtime_options& options, std::vector<job_spec> jobs);

} // namespace weir
