#include <weir/metrics/catalog.hpp>
#include <weir/metrics/histogram.hpp>

namespace weir {
namespace {

using enum metric_type;
using labels = std::vector<std::string_view>;

const std::vector<metric_description>& table() {
  static const labels none, service{"service"}, op{"service", "operator"}, partition{"service", "operator", "topic", "partition"},
      channel{"service", "from", "to"};
  static const std::vector<metric_description> all{
      {metric::build_info, "weir_build_info", gauge, {"version"}, "Always 1; the label is the version that runs."},
      {metric::process_cpu, "process_cpu_seconds_total", counter, none, "Processor time of the process, user and system."},
      {metric::process_resident, "process_resident_memory_bytes", gauge, none,
       "Resident memory of the process, also what it maps of its stores."},
      {metric::process_start, "process_start_time_seconds", gauge, none, "When the process began to serve, since 1970 UTC."},
      {metric::process_open_files, "process_open_fds", gauge, none, "Open file descriptors."},
      {metric::service_phase,
       "weir_service_phase",
       gauge,
       {"service", "phase"},
       "1 for the phase the service is in, 0 for the others; failed is parked."},
      {metric::service_healthy, "weir_service_healthy", gauge, service,
       "1 while the service runs or has come to its end as it should, 0 otherwise; /health/ready says why."},
      {metric::service_restarts, "weir_service_restarts_total", counter, service, "Restarts by the supervisor after a failure."},
      {metric::service_read, "weir_service_records_read_total", counter, service, "Records read from all sources."},
      {metric::service_written, "weir_service_records_written_total", counter, service, "Records handed to all sinks."},
      {metric::service_lag, "weir_service_lag_records", gauge, service,
       "Records behind the ends of all partitions; missing while it is not known."},
      {metric::service_watermark, "weir_service_watermark_timestamp_seconds", gauge, service,
       "Event time up to which all tasks are complete, since 1970 UTC; missing before the first and behind the last record."},
      {metric::service_parked_keys, "weir_parked_keys", gauge, service,
       "Keys of an actor service that wait to be released by `weir parked`; 0 for dataflows."},
      {metric::service_parked_events, "weir_parked_events", gauge, service,
       "Events of parked keys that wait, the failed ones among them."},
      {metric::service_open_events, "weir_service_open_events", gauge, service,
       "Events that an ordinary actor has and has not answered; missing for other services."},
      {metric::service_commits, "weir_service_commits_total", counter, service,
       "Commits of offsets to the consumer group by an ordinary actor's service, which takes no checkpoints."},
      {metric::service_counter,
       "weir_service_counter_total",
       counter,
       {"service", "counter"},
       "What an ordinary actor counts under names of its own, and by Weir: weir.failed_tries, weir.timed_out_tries, "
       "weir.skipped_events, weir.dead_letters."},
      {metric::operator_tasks, "weir_operator_tasks", gauge, op, "Parallel tasks of the operator; of a source, its partitions."},
      {metric::operator_in, "weir_operator_records_in_total", counter, op, "Records that came in."},
      {metric::operator_out, "weir_operator_records_out_total", counter, op,
       "Records that went to other operators, or of a sink to its topic."},
      {metric::operator_busy, "weir_operator_busy_seconds_total", counter, op,
       "Working time, summed over tasks: its rate divided by the tasks is the load."},
      {metric::operator_blocked, "weir_operator_blocked_seconds_total", counter, op,
       "Time without credit, summed over tasks: its rate divided by the tasks is the back pressure from behind the operator."},
      {metric::operator_blocked_tasks, "weir_operator_blocked_tasks", gauge, op, "Tasks that are without credit now."},
      {metric::operator_watermark, "weir_operator_watermark_timestamp_seconds", gauge, op,
       "Lowest watermark of its tasks, since 1970 UTC; /api/v1/status names the partition that holds it back."},
      {metric::operator_stuck, "weir_operator_stuck", gauge, op,
       "1 while a task has been in one call of a handler for over a second; /api/v1/status names the handler."},
      {metric::partition_read, "weir_partition_records_total", counter, partition, "Records read from the partition."},
      {metric::partition_offset, "weir_partition_next_offset", gauge, partition, "Offset of the next record to read."},
      {metric::partition_lag, "weir_partition_lag_records", gauge, partition,
       "Records between the next one and the end of the partition; missing while it is not known."},
      {metric::partition_watermark, "weir_partition_watermark_timestamp_seconds", gauge, partition,
       "Watermark of the partition, since 1970 UTC; missing before its first record."},
      {metric::partition_idle, "weir_partition_idle", gauge, partition,
       "1 while the partition is idle and does not hold watermarks back."},
      {metric::partition_waiting, "weir_partition_waiting", gauge, partition,
       "1 while the partition is not read because it is ahead of its alignment group or keyed state takes too much memory; "
       "/api/v1/status says for what."},
      {metric::channel_records, "weir_channel_records_total", counter, channel,
       "Records sent between the tasks of two operators."},
      {metric::channel_in_flight, "weir_channel_in_flight_bytes", gauge, channel, "Sent and not processed by the receivers yet."},
      {metric::channel_capacity, "weir_channel_capacity_bytes", gauge, channel,
       "Credit of the channels; a single frame may go above it."},
      {metric::checkpoint_number, "weir_checkpoint_number", gauge, service, "Newest complete checkpoint."},
      {metric::checkpoint_at, "weir_checkpoint_timestamp_seconds", gauge, service,
       "When it was complete, since 1970 UTC. Idle jobs take none: alert on it only together with records that are read."},
      {metric::checkpoint_completed, "weir_checkpoint_completed_total", counter, service, "Checkpoints completed."},
      {metric::checkpoint_closed, "weir_checkpoint_closed_total", counter, service,
       "Checkpoints given up; nothing is lost by one."},
      {metric::checkpoint_bytes, "weir_checkpoint_bytes_total", counter, service,
       "State changes and output of complete checkpoints, written to the store."},
      {metric::checkpoint_duration, "weir_checkpoint_duration_seconds", histogram, service,
       "From the barriers of a checkpoint to its being durable."},
      {metric::publisher_checkpoint, "weir_publisher_checkpoint_number", gauge, service,
       "Newest checkpoint whose output this process published."},
      {metric::publisher_epochs, "weir_publisher_epochs_total", counter, service, "Epochs published, also empty ones."},
      {metric::publisher_bytes, "weir_publisher_bytes_total", counter, service, "Encoded output published."},
      {metric::publisher_duration, "weir_publisher_duration_seconds", histogram, service,
       "Time of one publication: a transaction at the broker of one or more epochs that were not empty."},
      {metric::publisher_waiting_bytes, "weir_publisher_waiting_bytes", gauge, service,
       "Output that is durable and not published yet; outbox.limit bounds it."},
      {metric::publisher_waiting_epochs, "weir_publisher_waiting_epochs", gauge, service, "Epochs it belongs to."},
      {metric::copy_changes, "weir_checkpoint_copy_changes_total", counter, service,
       "Checkpoints and facts written to checkpoint.directory; missing without one."},
      {metric::copy_bytes, "weir_checkpoint_copy_bytes_total", counter, service, "Bytes of them."},
      {metric::copy_snapshot_bytes, "weir_checkpoint_copy_snapshot_bytes_total", counter, service,
       "Bytes of snapshots of the store written there."},
      {metric::copy_waiting, "weir_checkpoint_copy_waiting_seconds", gauge, service,
       "How long a checkpoint has been waiting for that directory now; alert on it."},
      {metric::store_size, "weir_store_size_bytes", gauge, service, "Size of the service's store on disk."},
      {metric::store_unapplied, "weir_store_unapplied_bytes", gauge, service,
       "Complete deltas that are not in the base yet: what a restart has to load."},
      {metric::health_requests, "weir_health_requests_total", counter, {"code"}, "Answers of the health server by HTTP status."},
      {metric::health_dropped, "weir_health_connections_dropped_total", counter, none,
       "Connections closed without an answer: too many at once, too slow, or not HTTP."},
  };
  return all;
}

const char* type_text(metric_type t) {
  switch (t) {
    case counter:
      return "counter";
    case gauge:
      return "gauge";
    case histogram:
      return "histogram";
  }
  return "";
}

} // namespace

std::span<const metric_description> metric_catalog() { return table(); }

const metric_description& describe(metric m) { return table()[static_cast<std::size_t>(m)]; }

std::string metrics_reference() {
  std::string out = R"(# Metrics

Generated by `weir metrics` from the table in the code; a test keeps the two equal.

`GET /metrics` answers in the text format of Prometheus, version 0.0.4. Counters start at zero with the process and go on over
restarts of a service. Histograms count durations with the upper bounds)";
  for (auto bound : duration_bounds) {
    auto text = std::to_string(static_cast<double>(bound.count()) / 1e6);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.')
      text.pop_back();
    out += (bound == duration_bounds.front() ? " " : ", ") + text;
  }
  out += R"( s.
A figure that is not known is missing, never zero. Names of services and operators are those of the configuration and the code.

| metric | type | labels | what |
| --- | --- | --- | --- |
)";
  for (const auto& m : table()) {
    std::string names;
    for (auto l : m.labels)
      names += (names.empty() ? "`" : ", `") + std::string(l) + "`";
    out += "| `" + std::string(m.name) + "` | " + type_text(m.type) + " | " + names + " | " + m.help + " |\n";
  }
  return out;
}

} // namespace weir
