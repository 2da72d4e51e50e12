#pragma once
#include <functional>
#include <optional>
#include <string>
#include <weir/storage/job_store.hpp>
#include "actors/supervisor.hpp"

namespace weir {

/// How an attempt came to its end.
struct attempt_end {
  job_phase phase = job_phase::failed;
  std::optional<error> cause;
  bool made_progress = false;      ///< Something became durable: the back-off begins anew.
  bool partitions_grew = false;    ///< Drained on purpose: start again at once with all partitions.
  bool terminal = false;           ///< No restart of this process can mend it, whatever the code of the cause.
  std::uint64_t unpublished = 0;   ///< Final checkpoint whose output is not out.
  std::optional<newer_copy> newer; ///< The store is to be made as this copy is; then start again at once.
};

[[nodiscard]] attempt_end failed_attempt(error e);

/// What `f` returns; an exception becomes the cause of a failed attempt: none leaves a service, the others of the process go on.
[[nodiscard]] attempt_end guarded_attempt(const std::function<attempt_end()>& f);

/// What is particular to a kind of job that is kept running.
struct supervised_life {
  std::size_t first_map = 0; ///< Address space of the store at first; it grows when the file does.
  std::string from;          ///< For the log: what a restart goes on from.
  std::function<attempt_end(job_store&, bool rebuilt)> attempt; ///< `rebuilt`: the store was made from its copy just now.
  /// What the last attempt left; called unless the job failed. Null: nothing to see to.
  std::function<attempt_end(job_store&, attempt_end)> settle{};
};

/// The life of a job: opens its store and makes attempts until one ends otherwise than by a failure that a restart may mend, with
/// exponential back-off, until a stop is requested, or until too many failed in a row. Keeps phase, cause and restarts in
/// `options.shared`, and tells `options.ended` last. Blocks; the supervisor's thread.
void supervise(const supervisor_options& options, const logger& log, const supervised_life& life);

} // namespace weir
