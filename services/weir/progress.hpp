#pragma once
#include <string>
#include <vector>
#include <weir/core/logger.hpp>
#include "actors/runtime.hpp"

namespace weir {

/// The figures of a job between two snapshots.
struct job_rates {
  double in = 0; ///< Records per second.
  double out = 0;
};
/// Pure. A counter that went back (a restart) counts from zero.
[[nodiscard]] job_rates rates_between(const job_status& before, const job_status& now, duration apart);

/// The live line of a job: records/s in and out, lag, watermark delay, checkpoint number, age and size. Pure.
[[nodiscard]] std::string live_line(const job_status& s, const job_rates& rates, timestamp now);
/// `1234`, `12.3k`, `4.5M`: three digits, for people.
[[nodiscard]] std::string short_count(double n);

/// Turns snapshots into lines of the log: changes of phase and restarts at once, figures periodically.
class progress_log {
 public:
  /// Logs what changed since the last snapshot; `figures` also logs the figures of running jobs.
  void note(const std::vector<job_status>& statuses, timestamp now, duration monotonic, bool figures);
  /// One line per job for a terminal, joined by " | ".
  [[nodiscard]] std::string live(const std::vector<job_status>& statuses, timestamp now, duration monotonic);

 private:
  struct seen {
    std::string job;
    job_phase phase = job_phase::waiting;
    std::string detail;
    unsigned restarts = 0;
    bool any = false;
    job_status figures;
    duration figures_at{0};
    job_status live;
    duration live_at{0};
    job_rates rates;
  };
  seen& of(const std::string& job);
  std::vector<seen> seen_;
};

} // namespace weir
