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

// No CAF here: the program and tests see the runtime through this header alone.

namespace weir {

struct checkpoint_settings {
  duration interval = std::chrono::seconds(1);
  duration min_pause = duration{0};
  duration timeout = std::chrono::minutes(10);
  unsigned tolerated_failures = 3;
  unsigned retained = 1;
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
  failed,   ///< `cause` says why; no restart will help or the limit is reached.
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
  std::uint64_t store_bytes = 0;
  unsigned restarts = 0;
  std::optional<error> cause; ///< Of the last failure.
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
};

struct runtime_options {
  unsigned threads = 0; ///< CAF workers; 0: cores.
};

/// Starts all jobs. Errors before anything ran: store_locked, invalid_config (a connection that is not there), …
result<std::unique_ptr<runtime>> start_runtime(const runtime_options& options, std::vector<job_spec> jobs);

} // namespace weir
