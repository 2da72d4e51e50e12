#include "actors/restart_loop.hpp"
#include <algorithm>
#include <weir/archive/archive_files.hpp>
#include <weir/core/clock.hpp>
#include "actors/store_options.hpp"

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

attempt_end stopped_attempt() {
  attempt_end end;
  end.phase = job_phase::stopped;
  return end;
}

/// Attempts, until there is to be no other.
attempt_end keep_running(const restart_settings& policy, job_shared& shared, const logger& log, const supervised_life& life,
                         job_store& store, bool rebuilt) {
  unsigned failures = 0;
  auto backoff = policy.initial_backoff;
  for (;;) {
    auto end = guarded_attempt([&] { return life.attempt(store, rebuilt); });
    if (end.newer)
      return end;
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
    log.warning("the job failed and restarts from " + life.from, {{"failure", failures},
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

/// The store as its copy is, as often as it takes. The end of the job, if it cannot be made.
std::optional<attempt_end> make_store(const job_spec& spec, job_shared& shared, const logger& log, const newer_copy& newer,
                                      const job_store_options& store) {
  auto copy = newer.from;
  auto whole = newer.how == archive_standing::rebuild;
  auto backoff = spec.restart.initial_backoff;
  for (unsigned failures = 0;;) {
    shared.set_phase(job_phase::recovering,
                     "making the store from the copy of checkpoint " + std::to_string(copy.newest.checkpoint));
    log.warning(whole ? "this store is not the newest of its job: it is made anew from the copy of the checkpoints"
                      : "this store is behind the copy of the checkpoints: it is brought up to it",
                {{"checkpoint", copy.newest.checkpoint}, {"copy", copy.path}});
    auto begun = system_clock().monotonic();
    auto go_on = [&shared]() -> result<> {
      return shared.stop_requested() ? error{errc::cancelled, "the job is to stop"} : success();
    };
    auto made = whole ? rebuild_from_archive(copy, store, go_on) : roll_forward(copy, store, go_on);
    if (made) {
      log.info("the store is as its copy is",
               {{"checkpoint", copy.newest.checkpoint}, {"ms", (system_clock().monotonic() - begun).count() / 1000}});
      return std::nullopt;
    }
    if (made.err().code == errc::cancelled)
      return stopped_attempt();
    shared.set_cause(made.err());
    if (is_terminal(made.err().code) || ++failures > spec.restart.max_attempts) {
      log.error("the store cannot be made from the copy of the checkpoints; the job is parked", {{"cause", made.err().message}});
      return failed_attempt(made.err());
    }
    shared.set_phase(job_phase::waiting, "reading the copy of the checkpoints again after: " + made.err().message);
    if (shared.wait_for_stop(backoff))
      return stopped_attempt();
    backoff = std::min(backoff * 2, spec.restart.max_backoff);
    // What is gone meanwhile a newer snapshot has.
    whole = true;
    if (auto now = look_into_archive({spec.checkpoint.directory, spec.name_space, spec.plan.job}); now && *now)
      copy = **now;
  }
}

attempt_end live(const supervisor_options& options, const logger& log, const supervised_life& life) {
  const auto& spec = *options.spec;
  const auto o = store_options_of(spec, life.first_map);
  for (auto rebuilt = false;; rebuilt = true) {
    auto store = open_job_store(o);
    if (!store)
      return failed_attempt(store.err());
    auto end = keep_running(spec.restart, *options.shared, log, life, **store, rebuilt);
    if (!end.newer)
      return end.phase == job_phase::failed || !life.settle ? end : life.settle(**store, std::move(end));
    store->reset();
    // Twice in a row: somebody else writes there, and is fenced by now.
    if (rebuilt && options.shared->wait_for_stop(spec.restart.initial_backoff))
      return stopped_attempt();
    if (auto failed = make_store(spec, *options.shared, log, *end.newer, o))
      return std::move(*failed);
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

void supervise(const supervisor_options& options, const logger& log, const supervised_life& life) {
  auto end = guarded_attempt([&] { return live(options, log, life); });
  options.shared->set_phase(end.phase, end.cause ? end.cause->message : std::string());
  job_end out;
  out.job = options.spec->plan.job;
  out.phase = end.phase;
  out.cause = std::move(end.cause);
  out.output_unpublished = end.unpublished != 0;
  out.unpublished_checkpoint = end.unpublished;
  options.ended(std::move(out));
}

} // namespace weir
