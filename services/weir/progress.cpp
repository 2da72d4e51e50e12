#include "services/weir/progress.hpp"
#include <fmt/format.h>
#include <weir/core/quantity.hpp>

namespace weir {
namespace {

constexpr duration second = std::chrono::seconds(1);

std::string seconds_text(duration d) { return fmt::format("{:.1f}s", static_cast<double>(d.count()) / 1e6); }

bool is_time(timestamp t) { return t != min_timestamp && t != max_timestamp; }

std::string watermark_text(const job_status& s, timestamp now) {
  if (!s.watermark || *s.watermark == min_timestamp)
    return "-";
  return is_time(*s.watermark) ? seconds_text(now - *s.watermark) : "end";
}

std::string lag_text(const job_status& s) { return s.lag < 0 ? "-" : short_count(static_cast<double>(s.lag)); }

} // namespace

job_rates rates_between(const job_status& before, const job_status& now, duration apart) {
  if (apart.count() <= 0)
    return {};
  auto rate = [&](std::uint64_t was, std::uint64_t is) {
    return static_cast<double>(is >= was ? is - was : is) * 1e6 / static_cast<double>(apart.count());
  };
  return {rate(before.records_in, now.records_in), rate(before.records_out, now.records_out)};
}

std::string short_count(double n) {
  if (n < 1000)
    return fmt::format("{:.0f}", n);
  if (n < 1e6)
    return fmt::format("{:.1f}k", n / 1e3);
  return n < 1e9 ? fmt::format("{:.1f}M", n / 1e6) : fmt::format("{:.1f}G", n / 1e9);
}

std::string live_line(const job_status& s, const job_rates& rates, timestamp now) {
  if (s.phase != job_phase::running)
    return s.job + ": " + to_string(s.phase) + (s.detail.empty() ? "" : " " + s.detail);
  auto out = fmt::format("{}: in {}/s out {}/s lag {} watermark {}", s.job, short_count(rates.in), short_count(rates.out),
                         lag_text(s), watermark_text(s, now));
  auto closed = s.checkpoints_closed > 0 ? fmt::format(" closed {}", s.checkpoints_closed) : std::string();
  if (s.checkpoint == 0 && !s.checkpoint_at)
    return out + " checkpoint -" + closed;
  out += fmt::format(" checkpoint {}", s.checkpoint);
  if (s.checkpoint_at)
    out += " " + seconds_text(now - *s.checkpoint_at) + " ago";
  return out + " " + approximate_size(s.checkpoint_bytes) + closed + " (store " + approximate_size(s.store_bytes) + ")";
}

progress_log::seen& progress_log::of(const std::string& job) {
  for (auto& s : seen_)
    if (s.job == job)
      return s;
  seen_.emplace_back();
  seen_.back().job = job;
  return seen_.back();
}

void progress_log::note(const std::vector<job_status>& statuses, timestamp now, duration monotonic, bool figures) {
  for (const auto& status : statuses) {
    auto& was = of(status.job);
    logger log(status.job, "-", -1);
    if (status.restarts > was.restarts)
      log.warning("restarted from the last complete checkpoint",
                  {{"restarts", status.restarts}, {"cause", status.cause ? status.cause->message : "not known"}});
    bool changed = !was.any || status.phase != was.phase || status.detail != was.detail;
    if (changed)
      log.info(std::string(to_string(status.phase)) + (status.detail.empty() ? "" : " " + status.detail));
    if (figures && was.any && status.phase == job_phase::running) {
      auto rates = rates_between(was.figures, status, monotonic - was.figures_at);
      log.info("figures", {{"in_per_s", short_count(rates.in)},
                           {"out_per_s", short_count(rates.out)},
                           {"records_in", status.records_in},
                           {"records_out", status.records_out},
                           {"lag", status.lag},
                           {"watermark_delay", watermark_text(status, now)},
                           {"checkpoint", status.checkpoint},
                           {"checkpoint_age", status.checkpoint_at ? seconds_text(now - *status.checkpoint_at) : "-"},
                           {"checkpoint_bytes", status.checkpoint_bytes},
                           {"checkpoints_closed", status.checkpoints_closed},
                           {"store_bytes", status.store_bytes}});
    }
    if (figures || !was.any) {
      was.figures = status;
      was.figures_at = monotonic;
    }
    was.any = true;
    was.phase = status.phase;
    was.detail = status.detail;
    was.restarts = status.restarts;
  }
}

std::string progress_log::live(const std::vector<job_status>& statuses, timestamp now, duration monotonic) {
  std::string out;
  for (const auto& status : statuses) {
    auto& was = of(status.job);
    // Over a second: shorter, the figures of a steady stream would jump with each checkpoint.
    if (auto apart = monotonic - was.live_at; apart >= second || was.live.job.empty()) {
      if (!was.live.job.empty())
        was.rates = rates_between(was.live, status, apart);
      was.live = status;
      was.live_at = monotonic;
    }
    out += (out.empty() ? "" : " | ") + live_line(status, was.rates, now);
  }
  return out;
}

} // namespace weir
