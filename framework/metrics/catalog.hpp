#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class metric_type : std::uint8_t {
  counter,   ///< Only rises; from zero at the start of the process.
  gauge,     ///< As it is at the moment of the scrape.
  histogram, ///< Counts of durations by bucket, their sum and number.
};

/// Every metric. The order is that of the table in catalog.cpp and of the page.
enum class metric : std::uint8_t {
  build_info,
  process_cpu,
  process_resident,
  process_start,
  process_open_files,
  service_phase,
  service_healthy,
  service_restarts,
  service_read,
  service_written,
  service_lag,
  service_watermark,
  service_parked_keys,
  service_parked_events,
  service_open_events,
  service_commits,
  service_counter,
  operator_tasks,
  operator_in,
  operator_out,
  operator_busy,
  operator_blocked,
  operator_blocked_tasks,
  operator_watermark,
  operator_stuck,
  partition_read,
  partition_offset,
  partition_lag,
  partition_watermark,
  partition_idle,
  partition_waiting,
  channel_records,
  channel_in_flight,
  channel_capacity,
  checkpoint_number,
  checkpoint_at,
  checkpoint_completed,
  checkpoint_closed,
  checkpoint_bytes,
  checkpoint_duration,
  publisher_checkpoint,
  publisher_epochs,
  publisher_bytes,
  publisher_duration,
  publisher_waiting_bytes,
  publisher_waiting_epochs,
  copy_changes,
  copy_bytes,
  copy_snapshot_bytes,
  copy_waiting,
  store_size,
  store_unapplied,
  health_requests,
  health_dropped,
};

/// What is printed of a metric: by the rules of Prometheus, base units in the name, counters end in _total.
struct metric_description {
  metric id;
  const char* name;
  metric_type type;
  std::vector<std::string_view> labels;
  const char* help;
};

/// The table, indexed by `metric`. Constant; any thread.
[[nodiscard]] std::span<const metric_description> metric_catalog();
[[nodiscard]] const metric_description& describe(metric m);

/// docs/metrics.md, ends with a line break.
[[nodiscard]] std::string metrics_reference();

} // namespace weir
