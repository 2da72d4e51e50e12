#include "services/generator/generate.hpp"

#include <poll.h>
#include <simdjson.h>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <weir/record/time_text.hpp>

#include "services/weir/log_interruption.hpp"

namespace weir {

namespace {

using clock_type = std::chrono::steady_clock;
/// Records looked at from the end of each partition to find the newest one; late ones may be the very last.
constexpr std::int64_t resume_window = 200;
constexpr auto resume_patience = std::chrono::seconds(15);
constexpr std::size_t queue_bytes = 4u << 20;
/// Records made between two looks at the clock and at signals.
constexpr std::uint64_t burst = 256;

timestamp now() {
  return {std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

/// The newest record among the last ones of the partitions.
class newest_record : public record_consumer {
 public:
  explicit newest_record(const record_generator& kind) : kind_(kind) {}
  void consume(const record_view& r) override {
    std::uint64_t id = 0;
    std::string_view at;
    simdjson::dom::element element;
    if (!r.value || parser_.parse(r.value->data(), r.value->size()).get(element) || element[kind_.id_field].get(id) ||
        element["at"].get(at))
      return;
    if (auto t = parse_timestamp(at)) {
      any = true;
      newest_id = std::max(newest_id, id);
      newest_at = std::max(newest_at, *t);
    }
  }
  bool any = false;
  std::uint64_t newest_id = 0;
  timestamp newest_at = min_timestamp;

 private:
  const record_generator& kind_;
  simdjson::dom::parser parser_;
};

class wake_signal {
 public:
  void ring() {
    std::lock_guard lock(mutex_);
    rung_ = true;
    changed_.notify_one();
  }
  /// Until `ring` or the deadline; a ring before the call counts.
  void wait_until(clock_type::time_point deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

result<> find_newest(connection& to, const std::string& topic, std::int32_t partitions, newest_record& newest) {
  WEIR_ASSIGN(auto source, to.open_source("generator", queue_bytes, {}));
  struct tail {
    std::unique_ptr<partition_reader> reader;
    std::int64_t end = 0;
    bool done = false;
  };
  std::vector<tail> tails;
  wake_signal woken;
  for (std::int32_t p = 0; p < partitions; ++p) {
    WEIR_ASSIGN(auto end, source->end_offset(topic, p));
    WEIR_ASSIGN(auto first, source->resolve(topic, p, start_earliest{}));
    if (first >= end)
      continue;
    tail t;
    t.end = end;
    WEIR_ASSIGN(t.reader, source->open(topic, p, std::max(first, end - resume_window), [&] { woken.ring(); }));
    tails.push_back(std::move(t));
  }
  WEIR_TRY(source->start());
  auto deadline = clock_type::now() + resume_patience;
  for (auto open = !tails.empty(); open;) {
    open = false;
    auto more = false;
    for (auto& t : tails) {
      if (t.done)
        continue;
      WEIR_ASSIGN(auto got, t.reader->poll(1'000, queue_bytes, newest));
      t.done = got.at_end || got.next_offset >= t.end;
      open = open || !t.done;
      more = more || got.more;
    }
    if (open && !more) {
      if (clock_type::now() >= deadline)
        return {errc::unavailable, "topic '" + topic + "' does not give its last records"};
      woken.wait_until(deadline);
    }
  }
  return success();
}

/// Where records go: a topic, or standard output.
class target {
 public:
  target(const record_generator& kind, connection* to, log_interruption& signals)
      : kind_(kind), to_(to), signals_(signals), out_(signals) {}

  result<> open(generate_options& o) {
    if (!to_)
      return success();
    WEIR_ASSIGN(sink_, to_->open_sink(queue_bytes, {}));
    WEIR_ASSIGN(auto topic, sink_->ensure_topic(o.topic, o.partitions, false));
    partitions_ = topic.partitions;
    topic_ = o.topic;
    if (o.resume) {
      newest_record newest(kind_);
      WEIR_TRY(find_newest(*to_, o.topic, partitions_, newest));
      if (newest.any) {
        o.first_id = newest.newest_id + 1;
        // Not before the newest: the bound on disorder holds across runs.
        o.start = o.start ? std::max(*o.start, newest.newest_at) : newest.newest_at;
      }
    }
    WEIR_ASSIGN(producer_, sink_->open_direct([this] { taken_.ring(); }));
    return success();
  }

  /// False: stop without error (a signal, or nobody reads the output any more).
  result<bool> put(const generate_options& o, std::uint64_t id, timestamp clock) {
    key_.clear();
    value_.clear();
    if (!to_) {
      kind_.make(o, id, clock, key_, out_.buffer());
      out_.buffer().push_back('\n');
      return true;
    }
    kind_.make(o, id, clock, key_, value_);
    output_record r;
    r.topic = topic_;
    r.key = key_;
    r.value = value_;
    r.partition = sink_->partition_for(key_, partitions_);
    r.time_ms = now().ms();
    for (;;) {
      WEIR_ASSIGN(auto sent, producer_->send(r));
      if (sent)
        return true;
      if (signals_.stopped())
        return false;
      taken_.wait_until(clock_type::now() + std::chrono::milliseconds(100));
    }
  }

  /// Makes visible what was put so far. False as in `put`.
  result<bool> push() {
    if (to_)
      return true;
    return out_.flush();
  }

  /// Waits until everything is durable.
  result<> finish() {
    if (!producer_)
      return success();
    for (;;) {
      WEIR_ASSIGN(auto all, producer_->flushed());
      if (all)
        return success();
      taken_.wait_until(clock_type::now() + std::chrono::milliseconds(100));
    }
  }

 private:
  const record_generator& kind_;
  connection* to_;
  log_interruption& signals_;
  log_output out_;
  wake_signal taken_;
  std::string topic_;
  std::string key_, value_;
  std::int32_t partitions_ = 0;
  std::unique_ptr<sink_connection> sink_;
  std::unique_ptr<direct_producer> producer_;
};

/// Sleeps until the time, or a signal.
void sleep_until(clock_type::time_point when, log_interruption& signals) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(when - clock_type::now()).count();
  pollfd p{signals.fd(), POLLIN, 0};
  if (left > 0)
    ::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
}

result<std::uint64_t> produce(generate_options o, target& to, log_interruption& signals) {
  WEIR_TRY(to.open(o));
  auto event_start = o.start.value_or(now());
  auto wall_start = clock_type::now();
  // Event time advances with the number of the record, not with the clock of the machine: repeatable.
  auto seconds_per_record = o.rate > 0 ? 1 / o.rate : 0.001;
  std::uint64_t made = 0;
  while (!signals.stopped() && (o.count == 0 || made < o.count)) {
    auto due = o.count == 0 ? made + burst : std::min(o.count, made + burst);
    if (o.rate > 0) {
      auto elapsed = std::chrono::duration<double>(clock_type::now() - wall_start).count();
      due = std::min(due, static_cast<std::uint64_t>(elapsed * o.rate) + 1);
    }
    for (; made < due; ++made) {
      auto event_us = static_cast<double>(made) * seconds_per_record * o.speed * 1e6;
      auto clock = event_start + duration(static_cast<std::int64_t>(event_us));
      WEIR_ASSIGN(auto go_on, to.put(o, o.first_id + made, clock));
      if (!go_on)
        return made;
    }
    WEIR_ASSIGN(auto read, to.push());
    if (!read)
      return made;
    if (o.rate > 0)
      sleep_until(wall_start + std::chrono::duration_cast<clock_type::duration>(
                                   std::chrono::duration<double>(static_cast<double>(made) / o.rate)),
                  signals);
  }
  return made;
}

result<> produce_opening(const record_generator& kind, const record_generator::before& first, generate_options o, connection* to,
                         log_interruption& signals) {
  record_generator all{kind.command, first.service, first.setting, kind.keys, kind.id_field, first.make};
  o.topic = first.topic.empty() ? first.setting : first.topic;
  o.count = first.count(o);
  o.first_id = 1;
  o.rate = 0;
  target where(all, to, signals);
  WEIR_TRY(produce(o, where, signals));
  return where.finish();
}

result<> check(const generate_options& o) {
  auto wrong = [](const char* what) { return result<>(errc::invalid_argument, what); };
  if (!(o.rate >= 0) || o.rate > 1e9)
    return wrong("the rate is records per second, 0 to 1,000,000,000");
  if (!(o.speed > 0) || o.speed > 1e6)
    return wrong("the speed is seconds of event time per second, above 0, at most 1,000,000");
  if (o.keys < 1)
    return wrong("at least one key is needed");
  if (!(o.late_share >= 0) || o.late_share > 1)
    return wrong("the share of late records is 0 to 1");
  if (o.out_of_order < duration(0))
    return wrong("the disorder cannot be negative");
  return success();
}

} // namespace

generated_time make_time(const generate_options& o, random_numbers& random, timestamp clock) {
  generated_time out;
  auto behind = duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(o.out_of_order.count()) + 1)));
  out.late = random.share() < o.late_share;
  if (out.late)
    behind = o.out_of_order + std::chrono::seconds(60) + duration(static_cast<std::int64_t>(1 + random.below(60'000'000)));
  // Milliseconds, and upwards, so that rounding never takes a record beyond the bound.
  out.at = timestamp::from_ms(-timestamp{-(clock - behind).us}.ms());
  return out;
}

std::string numbered(std::string_view prefix, std::uint64_t number, std::size_t digits) {
  auto text = std::to_string(number);
  return std::string(prefix) + std::string(text.size() < digits ? digits - text.size() : 0, '0') + text;
}

int generate(const record_generator& kind, generate_options options, connection* to) {
  auto report = [&](const error& e) {
    std::cerr << "weir " << kind.command << ": " << e.message << "\n";
    return fault_of(e.code) == fault::user ? 2 : fault_of(e.code) == fault::bug ? 70 : 3;
  };
  if (auto ok = check(options); !ok)
    return report(ok.err());
  if (options.topic.empty())
    options.topic = kind.records;
  log_interruption signals;
  if (to != nullptr && !options.resume)
    for (const auto& first : kind.opening)
      if (auto written = produce_opening(kind, first, options, to, signals); !written)
        return report(written.err());
  target where(kind, to, signals);
  auto made = produce(options, where, signals);
  auto finished = where.finish();
  if (!made)
    return report(made.err());
  if (!finished)
    return report(finished.err());
  std::cerr << "weir " << kind.command << ": " << *made << " " << kind.records << "\n";
  return 0;
}

} // namespace weir
