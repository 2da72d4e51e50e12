#include "services/weir/health/status_json.hpp"
#include <algorithm>
#include <boost/json.hpp>
#include <weir/record/time_text.hpp>
#include "actors/json_words.hpp"
#include "services/weir/health/metrics_text.hpp"
#include "services/weir/progress.hpp"

namespace weir {
namespace {

namespace json = boost::json;

json::value time_or_null(const std::optional<timestamp>& t) {
  return t ? json::value(json::string(to_string(*t))) : json::value(nullptr);
}

double seconds(duration d) { return static_cast<double>(d.count()) / 1e6; }

/// Figures of the same thing in two snapshots.
class rates {
 public:
  rates(duration apart) : seconds_(seconds(apart)) {}
  /// Per second; null without an earlier figure. A counter that went back counts from zero.
  template <class T>
  [[nodiscard]] json::value of(T now, const T* before) const {
    if (before == nullptr || seconds_ <= 0)
      return nullptr;
    return static_cast<double>(now >= *before ? now - *before : now) / seconds_;
  }
  /// Of the tasks' time; at most 1.
  [[nodiscard]] json::value share(duration now, const duration* before, unsigned tasks) const {
    if (before == nullptr || seconds_ <= 0 || tasks == 0)
      return nullptr;
    return std::clamp(seconds(now - *before) / seconds_ / tasks, 0.0, 1.0);
  }

 private:
  double seconds_;
};

template <class T>
const T* same_place(const std::vector<T>* all, std::size_t at, std::size_t size) {
  return all != nullptr && all->size() == size ? &(*all)[at] : nullptr;
}

const char* kind_text(vertex_kind k) {
  return k == vertex_kind::source ? "source" : k == vertex_kind::sink ? "sink" : "operator";
}

json::value holder(const std::optional<held_by>& by) {
  return by ? json::value(json::object{{"source", by->source}, {"partition", by->partition}}) : json::value(nullptr);
}

json::array operators_of(const job_status& s, const job_status* before, const rates& rate) {
  json::array out;
  for (std::size_t i = 0; i < s.operators.size(); ++i) {
    const auto& o = s.operators[i];
    const auto* was = same_place(before ? &before->operators : nullptr, i, s.operators.size());
    json::array chain;
    for (const auto& name : o.chain)
      chain.emplace_back(name);
    out.push_back(json::object{{"name", o.name},
                               {"kind", kind_text(o.kind)},
                               {"chain", std::move(chain)},
                               {"tasks", o.tasks},
                               {"records_in", o.records_in},
                               {"records_out", o.records_out},
                               {"records_in_per_second", rate.of(o.records_in, was ? &was->records_in : nullptr)},
                               {"records_out_per_second", rate.of(o.records_out, was ? &was->records_out : nullptr)},
                               {"busy", rate.share(o.busy, was ? &was->busy : nullptr, o.tasks)},
                               {"back_pressure", rate.share(o.blocked, was ? &was->blocked : nullptr, o.tasks)},
                               {"blocked_tasks", o.blocked_tasks},
                               {"watermark", time_or_null(o.watermark)},
                               {"held_back_by", holder(o.held)},
                               {"stuck", o.stuck.empty() ? json::value(nullptr) : json_words(o.stuck)}});
  }
  return out;
}

json::array channels_of(const job_status& s, const job_status* before, const rates& rate) {
  json::array out;
  for (std::size_t i = 0; i < s.channels.size(); ++i) {
    const auto& c = s.channels[i];
    const auto* was = same_place(before ? &before->channels : nullptr, i, s.channels.size());
    out.push_back(json::object{{"from", c.from},
                               {"to", c.to},
                               {"records", c.records},
                               {"records_per_second", rate.of(c.records, was ? &was->records : nullptr)},
                               {"in_flight_bytes", c.in_flight_bytes},
                               {"capacity_bytes", c.capacity_bytes}});
  }
  return out;
}

json::value known(std::int64_t n) { return n < 0 ? json::value(nullptr) : json::value(n); }

json::array partitions_of(const job_status& s, const job_status* before, const rates& rate) {
  json::array out;
  for (std::size_t i = 0; i < s.partitions.size(); ++i) {
    const auto& p = s.partitions[i];
    const auto* was = same_place(before ? &before->partitions : nullptr, i, s.partitions.size());
    out.push_back(json::object{{"source", p.source},
                               {"topic", p.topic},
                               {"partition", p.partition},
                               {"records", p.records},
                               {"records_per_second", rate.of(p.records, was ? &was->records : nullptr)},
                               {"next_offset", known(p.next_offset)},
                               {"lag", known(p.lag)},
                               {"watermark", time_or_null(p.watermark)},
                               {"state", p.ended              ? "ended"
                                         : p.waits_for        ? "waiting"
                                         : p.waits_for_memory ? "waiting for memory"
                                         : p.idle             ? "idle"
                                                              : "reading"},
                               {"waits_for", holder(p.waits_for)}});
  }
  return out;
}

json::object checkpoints_of(const job_status& s) {
  return {{"newest", s.checkpoint_at ? json::value(s.checkpoint) : json::value(nullptr)},
          {"at", time_or_null(s.checkpoint_at)},
          {"bytes", s.checkpoint_bytes},
          {"duration_seconds", seconds(s.checkpoint_duration)},
          {"completed", s.checkpoints_completed},
          {"closed", s.checkpoints_closed},
          {"closed_why", s.closed_why}};
}

json::value publisher_of(const publisher_status& p) {
  if (!p.present)
    return nullptr;
  return json::object{{"checkpoint", p.at ? json::value(p.checkpoint) : json::value(nullptr)},
                      {"at", time_or_null(p.at)},
                      {"epochs", p.epochs},
                      {"bytes", p.bytes},
                      {"waiting_epochs", p.waiting_epochs},
                      {"waiting_bytes", p.waiting_bytes}};
}

json::value copies_of(const job_status& s) {
  if (!s.copies)
    return nullptr;
  return json::object{{"changes", s.copies->changes},
                      {"bytes", s.copies->bytes},
                      {"snapshots", s.copies->snapshots},
                      {"snapshot_bytes", s.copies->snapshot_bytes},
                      {"waiting_seconds", seconds(s.copies->waiting)}};
}

json::array parked_keys_of(const job_status& s) {
  std::vector<const parked_key*> oldest_first;
  for (const auto& key : s.parked)
    oldest_first.push_back(&key);
  std::stable_sort(oldest_first.begin(), oldest_first.end(), [](const auto* a, const auto* b) { return a->since < b->since; });
  oldest_first.resize(std::min(oldest_first.size(), most_parked_keys));
  json::array out;
  for (const auto* key : oldest_first)
    out.push_back(json::object{{"service", key->service},
                               {"key", json_words(key->key)},
                               {"id", to_hex(key->encoded_key)},
                               {"event", json_words(key->event)},
                               {"reason", json_words(key->reason)},
                               {"since", to_string(key->since)},
                               {"waiting", key->waiting}});
  return out;
}

json::value commits_of(const job_status& s) {
  if (!s.commits)
    return nullptr;
  return json::object{{"count", s.commits->count}, {"at", time_or_null(s.commits->at)}, {"open_events", s.commits->open}};
}

json::object counters_of(const job_status& s) {
  json::object out;
  for (const auto& [name, count] : s.counters)
    out[json::string(json_words(name).as_string())] = count;
  return out;
}

/// What a phase needs to be understood: why it waits, what it failed on.
std::string reason_of(const job_status& s) {
  if (s.phase == job_phase::failed && s.cause)
    return s.cause->message;
  return s.detail;
}

json::object service_of(const job_status& s, const job_status* before, const rates& rate) {
  return {{"name", s.job},
          {"phase", to_string(s.phase)},
          {"since", time_or_null(s.phase_since)},
          {"healthy", is_healthy(s.phase)},
          {"reason", reason_of(s)},
          {"restarts", s.restarts},
          {"last_failure", s.cause ? json::value(json::string(s.cause->message)) : json::value(nullptr)},
          {"records_in", s.records_in},
          {"records_out", s.records_out},
          {"records_in_per_second", rate.of(s.records_in, before ? &before->records_in : nullptr)},
          {"records_out_per_second", rate.of(s.records_out, before ? &before->records_out : nullptr)},
          {"lag", known(s.lag)},
          {"watermark", time_or_null(s.watermark)},
          {"graph", json::object{{"operators", operators_of(s, before, rate)}, {"channels", channels_of(s, before, rate)}}},
          {"partitions", partitions_of(s, before, rate)},
          {"checkpoints", checkpoints_of(s)},
          {"commits", commits_of(s)},
          {"counters", counters_of(s)},
          {"publisher", publisher_of(s.publisher)},
          {"copies", copies_of(s)},
          {"store", json::object{{"bytes", s.store_bytes}, {"unapplied_bytes", s.unapplied_bytes}}},
          {"parked", json::object{{"keys", s.parked.size()}, {"events", parked_events(s)}}},
          {"parked_keys", parked_keys_of(s)}};
}

} // namespace

std::string status_json(const status_snapshot& now, const status_snapshot* before, timestamp time, int pid,
                        const std::string& version) {
  rates rate(before ? now.monotonic - before->monotonic : duration{0});
  json::array services;
  for (std::size_t i = 0; i < now.jobs.size(); ++i)
    services.push_back(service_of(now.jobs[i], same_place(before ? &before->jobs : nullptr, i, now.jobs.size()), rate));
  return json::serialize(json::object{{"version", version},
                                      {"pid", pid},
                                      {"time", to_string(time)},
                                      {"ready", is_ready(now.jobs)},
                                      {"degraded", is_degraded(now.jobs)},
                                      {"services", std::move(services)}}) +
         "\n";
}

bool is_ready(std::span<const job_status> jobs) {
  return std::all_of(jobs.begin(), jobs.end(), [](const job_status& s) { return is_healthy(s.phase); });
}

bool is_degraded(std::span<const job_status> jobs) {
  return std::any_of(jobs.begin(), jobs.end(), [](const job_status& s) { return !s.parked.empty() || stuck_handlers(s) > 0; });
}

std::string ready_json(std::span<const job_status> jobs) {
  json::array services;
  for (const auto& s : jobs)
    services.push_back(json::object{{"name", s.job},
                                    {"phase", to_string(s.phase)},
                                    {"reason", reason_of(s)},
                                    {"parked_keys", s.parked.size()},
                                    {"stuck_handlers", stuck_handlers(s)}});
  const char* status = !is_ready(jobs) ? "unhealthy" : is_degraded(jobs) ? "degraded" : "ready";
  return json::serialize(json::object{{"status", status}, {"services", std::move(services)}}) + "\n";
}

std::string released_json(const parked_place& place, unpark how) {
  return json::serialize(json::object{{"service", place.service},
                                      {"id", to_hex(place.encoded_key)},
                                      {"released", how == unpark::skip ? "skip" : "retry"}}) +
         "\n";
}

} // namespace weir
