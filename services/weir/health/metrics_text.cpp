#include "services/weir/health/metrics_text.hpp"
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>
#include <fstream>
#include <weir/metrics/exposition.hpp>
#include "services/weir/progress.hpp"

namespace weir {
namespace {

double seconds(duration d) { return static_cast<double>(d.count()) / 1e6; }
double seconds(timestamp t) { return static_cast<double>(t.us) / 1e6; }

template <class T>
void add_known(metric_samples& out, metric m, std::initializer_list<std::string_view> labels, const std::optional<T>& value) {
  if (value)
    out.add(m, labels, seconds(*value));
}

void add_service(metric_samples& out, const job_status& s) {
  static constexpr job_phase phases[] = {job_phase::waiting, job_phase::recovering, job_phase::running, job_phase::stopping,
                                         job_phase::ended,   job_phase::stopped,    job_phase::failed};
  for (auto phase : phases)
    out.add(metric::service_phase, {s.job, to_string(phase)}, s.phase == phase ? 1 : 0);
  out.add(metric::service_healthy, {s.job}, is_healthy(s.phase) ? 1 : 0);
  out.add(metric::service_restarts, {s.job}, s.restarts);
  out.add(metric::service_read, {s.job}, static_cast<double>(s.records_in));
  out.add(metric::service_written, {s.job}, static_cast<double>(s.records_out));
  if (s.lag >= 0)
    out.add(metric::service_lag, {s.job}, static_cast<double>(s.lag));
  add_known(out, metric::service_watermark, {s.job}, s.watermark);
  out.add(metric::service_parked_keys, {s.job}, static_cast<double>(s.parked.size()));
  out.add(metric::service_parked_events, {s.job}, static_cast<double>(parked_events(s)));
  if (s.commits) {
    out.add(metric::service_open_events, {s.job}, static_cast<double>(s.commits->open));
    out.add(metric::service_commits, {s.job}, static_cast<double>(s.commits->count));
  }
  for (const auto& [name, count] : s.counters)
    out.add(metric::service_counter, {s.job, name}, static_cast<double>(count));
}

void add_operators(metric_samples& out, const job_status& s) {
  for (const auto& o : s.operators) {
    out.add(metric::operator_tasks, {s.job, o.name}, o.tasks);
    out.add(metric::operator_in, {s.job, o.name}, static_cast<double>(o.records_in));
    out.add(metric::operator_out, {s.job, o.name}, static_cast<double>(o.records_out));
    out.add(metric::operator_busy, {s.job, o.name}, seconds(o.busy));
    out.add(metric::operator_blocked, {s.job, o.name}, seconds(o.blocked));
    out.add(metric::operator_blocked_tasks, {s.job, o.name}, o.blocked_tasks);
    add_known(out, metric::operator_watermark, {s.job, o.name}, o.watermark);
    out.add(metric::operator_stuck, {s.job, o.name}, o.stuck.empty() ? 0 : 1);
  }
}

void add_partitions(metric_samples& out, const job_status& s) {
  for (const auto& p : s.partitions) {
    auto number = std::to_string(p.partition);
    out.add(metric::partition_read, {s.job, p.source, p.topic, number}, static_cast<double>(p.records));
    if (p.next_offset >= 0)
      out.add(metric::partition_offset, {s.job, p.source, p.topic, number}, static_cast<double>(p.next_offset));
    if (p.lag >= 0)
      out.add(metric::partition_lag, {s.job, p.source, p.topic, number}, static_cast<double>(p.lag));
    add_known(out, metric::partition_watermark, {s.job, p.source, p.topic, number}, p.watermark);
    out.add(metric::partition_idle, {s.job, p.source, p.topic, number}, p.idle ? 1 : 0);
    out.add(metric::partition_waiting, {s.job, p.source, p.topic, number}, p.waits_for || p.waits_for_memory ? 1 : 0);
  }
}

void add_channels(metric_samples& out, const job_status& s) {
  for (const auto& c : s.channels) {
    out.add(metric::channel_records, {s.job, c.from, c.to}, static_cast<double>(c.records));
    out.add(metric::channel_in_flight, {s.job, c.from, c.to}, static_cast<double>(c.in_flight_bytes));
    out.add(metric::channel_capacity, {s.job, c.from, c.to}, static_cast<double>(c.capacity_bytes));
  }
}

void add_durability(metric_samples& out, const job_status& s) {
  if (s.checkpoint_at) {
    out.add(metric::checkpoint_number, {s.job}, static_cast<double>(s.checkpoint));
    add_known(out, metric::checkpoint_at, {s.job}, s.checkpoint_at);
  }
  out.add(metric::checkpoint_completed, {s.job}, static_cast<double>(s.checkpoints_completed));
  out.add(metric::checkpoint_closed, {s.job}, static_cast<double>(s.checkpoints_closed));
  out.add(metric::checkpoint_bytes, {s.job}, static_cast<double>(s.checkpoint_bytes_total));
  out.add(metric::checkpoint_duration, {s.job}, s.checkpoint_durations);
  out.add(metric::store_size, {s.job}, static_cast<double>(s.store_bytes));
  out.add(metric::store_unapplied, {s.job}, static_cast<double>(s.unapplied_bytes));
  if (s.copies) {
    out.add(metric::copy_changes, {s.job}, static_cast<double>(s.copies->changes));
    out.add(metric::copy_bytes, {s.job}, static_cast<double>(s.copies->bytes));
    out.add(metric::copy_snapshot_bytes, {s.job}, static_cast<double>(s.copies->snapshot_bytes));
    out.add(metric::copy_waiting, {s.job}, static_cast<double>(s.copies->waiting.count()) / 1e6);
  }
  const auto& p = s.publisher;
  if (!p.present)
    return;
  if (p.at)
    out.add(metric::publisher_checkpoint, {s.job}, static_cast<double>(p.checkpoint));
  out.add(metric::publisher_epochs, {s.job}, static_cast<double>(p.epochs));
  out.add(metric::publisher_bytes, {s.job}, static_cast<double>(p.bytes));
  out.add(metric::publisher_duration, {s.job}, p.durations);
  out.add(metric::publisher_waiting_bytes, {s.job}, static_cast<double>(p.waiting_bytes));
  out.add(metric::publisher_waiting_epochs, {s.job}, static_cast<double>(p.waiting_epochs));
}

} // namespace

bool is_healthy(job_phase phase) {
  return phase == job_phase::running || phase == job_phase::ended || phase == job_phase::stopped;
}

std::uint64_t parked_events(const job_status& s) {
  std::uint64_t all = 0;
  for (const auto& key : s.parked)
    all += key.waiting;
  return all;
}

std::size_t stuck_handlers(const job_status& s) {
  std::size_t all = 0;
  for (const auto& o : s.operators)
    all += o.stuck.empty() ? 0 : 1;
  return all;
}

process_figures process_now() {
  process_figures out;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0)
    out.cpu_seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                      static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  std::uint64_t pages = 0, resident = 0;
  if (std::ifstream statm("/proc/self/statm"); statm >> pages >> resident)
    out.resident_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (auto* files = ::opendir("/proc/self/fd")) {
    while (const auto* entry = ::readdir(files))
      out.open_files += entry->d_name[0] != '.' ? 1 : 0;
    ::closedir(files);
  }
  return out;
}

std::string metrics_text(std::span<const job_status> jobs, const process_figures& process, const http_counts& http,
                         std::string_view version) {
  metric_samples out;
  out.add(metric::build_info, {version}, 1);
  out.add(metric::process_cpu, {}, process.cpu_seconds);
  out.add(metric::process_resident, {}, static_cast<double>(process.resident_bytes));
  out.add(metric::process_start, {}, seconds(process.started));
  out.add(metric::process_open_files, {}, static_cast<double>(process.open_files));
  for (const auto& s : jobs) {
    add_service(out, s);
    add_operators(out, s);
    add_partitions(out, s);
    add_channels(out, s);
    add_durability(out, s);
  }
  for (auto [code, n] : http.answers)
    out.add(metric::health_requests, {std::to_string(code)}, static_cast<double>(n));
  out.add(metric::health_dropped, {}, static_cast<double>(http.dropped));
  return std::move(out).text();
}

} // namespace weir
