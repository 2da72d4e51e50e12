#pragma once
#include <functional>
#include <optional>
#include <string>
#include "actors/job_shared.hpp"

namespace weir {

/// How an attempt came to its end.
struct attempt_end {
  job_phase phase = job_phase::failed;
  std::optional<error> cause;
  bool made_progress = false;    ///< Something became durable: the back-off begins anew.
  bool partitions_grew = false;  ///< Drained on purpose: start again at once with all partitions.
  bool terminal = false;         ///< No restart of this process can mend it, whatever the code of the cause.
  std::uint64_t unpublished = 0; ///< Final checkpoint whose output is not out.
};

[[nodiscard]] attempt_end failed_attempt(error e);

/// What `f` returns; an exception becomes the cause of a failed attempt: none leaves a service, the others of the process go on.
[[nodiscard]] attempt_end guarded_attempt(const std::function<attempt_end()>& f);

/// Makes attempts until one ends otherwise than by a failure that a restart may mend: with exponential back-off, until a stop is
/// requested, or until too many failed in a row. Keeps phase, cause and restarts in `shared`. `from` says in the log what a
/// restart goes on from. Blocks; the supervisor's thread.
[[nodiscard]] attempt_end keep_running(const restart_settings& policy, job_shared& shared, const logger& log,
                                       const std::string& from, const std::function<attempt_end()>& attempt);

} // namespace weir
