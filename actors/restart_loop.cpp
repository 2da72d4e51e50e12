#include "actors/restart_loop.hpp"
#include <algorithm>

namespace weir {
namespace {

/// Failures that no restart of this process can mend.
bool is_terminal(errc code) {
  switch (code) {
    case errc::fenced:
    case errc::store_locked:
    case errc::store_foreign:
    case errc::store_corrupt:
    case errc::incompatible:
    case errc::invalid_config:
    case errc::invalid_graph:
    case errc::memory_limit:
    case errc::unknown_outcome: // Of the store: never reopen to look.
    case errc::cancelled:
      return true;
    default:
      return false;
  }
}

} // namespace

attempt_end failed_attempt(error e) {
  attempt_end end;
  end.cause = std::move(e);
  return end;
}

attempt_end guarded_attempt(const std::function<attempt_end()>& f) {
  try {
    return f();
  } catch (const std::exception& e) {
    return failed_attempt({errc::user_code_failed, std::string("an exception ended the attempt: ") + e.what()});
  } catch (...) {
    return failed_attempt({errc::user_code_failed, "an exception of an unknown type ended the attempt"});
  }
}

attempt_end keep_running(const restart_settings& policy, job_shared& shared, const logger& log, const std::string& from,
                         const std::function<attempt_end()>& attempt) {
  unsigned failures = 0;
  auto backoff = policy.initial_backoff;
  for (;;) {
    auto end = guarded_attempt(attempt);
    if (end.partitions_grew) {
      failures = 0;
      continue;
    }
    if (end.phase != job_phase::failed)
      return end;
    shared.set_cause(*end.cause);
    if (end.cause->code == errc::cancelled && shared.stop_requested()) {
      end.phase = job_phase::stopped;
      end.cause.reset();
      return end;
    }
    if (end.terminal || is_terminal(end.cause->code)) {
      log.error("the job failed in a way that no restart mends; it is parked", {{"cause", end.cause->message}});
      return end;
    }
    if (end.made_progress) {
      failures = 0;
      backoff = policy.initial_backoff;
    }
    if (++failures > policy.max_attempts) {
      log.error("the job failed too often in a row; it is parked", {{"failures", failures}, {"cause", end.cause->message}});
      return end;
    }
    log.warning("the job failed and restarts from " + from, {{"failure", failures},
                                                             {"of", policy.max_attempts},
                                                             {"backoff_ms", backoff.count() / 1000},
                                                             {"cause", end.cause->message}});
    shared.set_phase(job_phase::waiting, "restarting after: " + end.cause->message);
    shared.restarts.fetch_add(1);
    if (shared.wait_for_stop(backoff)) {
      end.phase = job_phase::stopped;
      end.cause.reset();
      return end;
    }
    backoff = std::min(backoff * 2, policy.max_backoff);
  }
}

} // namespace weir
