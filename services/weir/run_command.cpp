#include <algorithm>
#include <atomic>
#include <mutex>
#include <ostream>
#include <weir/core/clock.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/core/logger.hpp>
#include "services/weir/commands.hpp"
#include "services/weir/jobs.hpp"
#include "services/weir/progress.hpp"

namespace weir {
namespace {

// The live line and the lines of the log share one terminal: whoever writes holds the lock, wipes the line, and the line
// is drawn again by the next tick. Process-wide because the log's sink is a plain function.
class terminal_line {
 public:
  static terminal_line& instance() {
    static terminal_line one;
    return one;
  }
  void open(std::ostream& to) {
    std::lock_guard guard(lock_);
    to_ = &to;
    redirect_log([](std::string_view line) { instance().above(line); });
  }
  void close() {
    redirect_log(nullptr);
    std::lock_guard guard(lock_);
    if (to_ != nullptr)
      *to_ << wipe << std::flush;
    to_ = nullptr;
  }
  void draw(const std::string& line) {
    std::lock_guard guard(lock_);
    if (to_ != nullptr)
      *to_ << wipe << line << std::flush;
    drawn_ = line;
  }

 private:
  static constexpr const char* wipe = "\r\x1b[K";
  void above(std::string_view line) {
    std::lock_guard guard(lock_);
    if (to_ != nullptr)
      *to_ << wipe << line << "\n" << drawn_ << std::flush;
  }
  std::mutex lock_;
  std::ostream* to_ = nullptr;
  std::string drawn_;
};

struct live_terminal {
  explicit live_terminal(const program_seams& s) : on(s.terminal) {
    if (on)
      terminal_line::instance().open(s.err);
  }
  ~live_terminal() {
    if (on)
      terminal_line::instance().close();
  }
  live_terminal(const live_terminal&) = delete;
  live_terminal& operator=(const live_terminal&) = delete;
  bool on;
};

struct watching {
  explicit watching(stop_source& s) : source(s) {}
  ~watching() { source.unwatch(); }
  watching(const watching&) = delete;
  watching& operator=(const watching&) = delete;
  stop_source& source;
};

// Says how one job ended and returns its exit code.
exit_code report_end(const job_end& end, const program_seams& seams) {
  auto& err = seams.err;
  err << "weir: " << end.job << ": ";
  if (end.phase == job_phase::failed) {
    if (!end.cause) {
      err << "failed without a cause; this is a bug, please report it\n";
      return exit_code::bug;
    }
    auto code = exit_code_of(end.cause->code);
    err << "failed: " << end.cause->message << "\n";
    if (code == exit_code::fenced)
      err << "weir: " << end.job << ": another process has taken over this job; this one wrote nothing more\n";
    return code;
  }
  if (end.output_unpublished) {
    err << "stopped; checkpoint " << end.unpublished_checkpoint << " is durable and will be published at the next start\n";
    return exit_code::output_waiting;
  }
  if (end.phase == job_phase::ended) {
    err << "ended: the input was read to its end and all output is published\n";
    return exit_code::done;
  }
  err << "stopped; all output is published, the next start goes on from here\n";
  return exit_code::done;
}

// Of several jobs the gravest end is the process's: what needs a person first.
exit_code graver(exit_code a, exit_code b) {
  static constexpr exit_code order[] = {exit_code::bug,   exit_code::restore_refused, exit_code::fenced,
                                        exit_code::usage, exit_code::environment,     exit_code::output_waiting};
  for (auto code : order)
    if (a == code || b == code)
      return code;
  return exit_code::done;
}

/// The jobs as health tells of them, also before they run.
class watched_jobs {
 public:
  explicit watched_jobs(const std::vector<job_spec>& specs) {
    for (const auto& spec : specs)
      before_.emplace_back().job = spec.plan.job;
  }
  void started(runtime* jobs) {
    std::lock_guard guard(lock_);
    jobs_ = jobs;
  }
  [[nodiscard]] std::vector<job_status> status() {
    std::lock_guard guard(lock_);
    return jobs_ == nullptr ? before_ : jobs_->status();
  }

  /// Valid as long as this.
  served_jobs served() {
    return {[this] { return status(); },
            [this](const std::string& service, const std::string& key, unpark how) { return release(service, key, how); }};
  }

 private:
  /// Health is gone before the runtime is: the pointer outlives the call, which blocks and so must not hold the lock.
  bool release(const std::string& service, const std::string& encoded_key, unpark how) {
    std::unique_lock guard(lock_);
    auto* jobs = jobs_;
    guard.unlock();
    return jobs != nullptr && jobs->release(service, encoded_key, how);
  }

  std::mutex lock_;
  runtime* jobs_ = nullptr;
  std::vector<job_status> before_;
};

std::vector<job_end> watch_until_end(runtime& jobs, const program_seams& seams, health_service* health) {
  progress_log progress;
  const auto& clock = system_clock();
  auto last_figures = clock.monotonic();
  for (;;) {
    auto ends = jobs.wait(seams.terminal ? seams.live_period : std::min<duration>(seams.log_period, std::chrono::seconds(1)));
    auto now = clock.now();
    auto monotonic = clock.monotonic();
    auto statuses = jobs.status();
    bool figures = !seams.terminal && monotonic - last_figures >= seams.log_period;
    if (figures)
      last_figures = monotonic;
    progress.note(statuses, now, monotonic, figures);
    if (health != nullptr)
      health->note(statuses, monotonic);
    if (!ends.empty())
      return ends;
    if (seams.terminal)
      terminal_line::instance().draw(progress.live(statuses, now, monotonic));
  }
}

} // namespace

exit_code report(const error& e, const program_seams& seams) {
  seams.err << "weir: " << e.message << "\n";
  return exit_code_of(e.code);
}

exit_code run_command(const program& p, const run_options& options, const program_seams& seams) {
  auto loaded = load_jobs(p, options.source.file, options.source.overrides, seams);
  if (!loaded.ok()) {
    print_problems(seams.err, options.source.file, loaded.problems);
    return exit_code::usage;
  }
  const auto& c = loaded.value;
  configure_logging(c.logging.level, c.logging.format);
  auto made = job_specs(loaded, options, seams);
  if (!made)
    return report(made.err(), seams);
  auto specs = std::move(*made);
  if (auto go = hit(fail_point::program_prepared); !go)
    return report(go.err(), seams);

  // Before anything runs: an address that was asked for and cannot be had is an error of the start.
  watched_jobs watched(specs);
  std::unique_ptr<runtime> jobs;
  std::unique_ptr<health_service> health; // Behind the jobs: it asks them until it is gone.
  if (seams.serve_health) {
    auto serving = seams.serve_health(c.health, c.store.path, watched.served());
    if (!serving)
      return report(serving.err(), seams);
    health = std::move(*serving);
  }

  // Requests that come before the jobs are there are kept: they are stopped as soon as they started.
  std::mutex lock;
  runtime* running = nullptr;
  bool asked = false;
  std::vector<job_end> ends;
  {
    live_terminal terminal(seams);
    watching signals(seams.stop);
    seams.stop.watch(
        [&] {
          logger{}.info("stopping: finishing the last checkpoint and its output; a second signal stops at once");
          std::lock_guard guard(lock);
          asked = true;
          if (running != nullptr)
            running->request_stop();
        },
        [&] {
          if (seams.terminal)
            terminal_line::instance().close();
          seams.err << "weir: stopped at once; what is durable will be published at the next start" << std::endl;
          seams.exit_now(static_cast<int>(exit_code::output_waiting));
        });
    auto started = seams.start({c.runtime.threads}, std::move(specs));
    if (!started) {
      signals.source.unwatch();
      return report(started.err(), seams);
    }
    jobs = std::move(*started);
    watched.started(jobs.get());
    if (health)
      health->announce();
    {
      std::lock_guard guard(lock);
      running = jobs.get();
      if (asked)
        running->request_stop();
    }
    ends = watch_until_end(*jobs, seams, health.get());
    // Before the runtime goes, nobody may ask it for anything.
    signals.source.unwatch();
    health.reset();
    jobs.reset();
  }
  if (auto go = hit(fail_point::program_ended); !go)
    return report(go.err(), seams);
  auto code = exit_code::done;
  for (const auto& end : ends)
    code = graver(code, report_end(end, seams));
  return code;
}

} // namespace weir
