#include <algorithm>
#include <weir/cluster/log/log_control_log.hpp>
#include <weir/connectors/connector.hpp>
#include <weir/core/clock.hpp>

namespace weir::cluster {

namespace {

constexpr std::size_t max_record_bytes = std::size_t{8} << 20; // A services file of 4 MiB with its fallback.
constexpr std::size_t read_records = 1024, read_bytes = std::size_t{1} << 20;

struct collector final : record_consumer {
  std::vector<control_entry_at> out;
  void consume(const record_view& r) override {
    control_entry_at e{static_cast<std::uint64_t>(r.offset), {}};
    e.entry.key = std::string(r.key.value_or(""));
    if (r.value)
      e.entry.value = std::string(*r.value);
    out.push_back(std::move(e));
  }
};

} // namespace

result<std::vector<control_entry_at>> read_log_control(const std::string& directory, const std::string& topic,
                                                       std::uint64_t from) {
  WEIR_ASSIGN(auto log, embedded_log::open(directory, {.create = false}));
  WEIR_ASSIGN(auto described, log->topic(topic));
  WEIR_ASSIGN(auto state, log->partition(described, 0));
  connection_settings where;
  where.name = "control";
  where.type = "log";
  where.options["path"] = directory;
  WEIR_ASSIGN(auto connected, make_log_connection(where));
  WEIR_ASSIGN(auto source, connected->open_source("weir-control", read_bytes, {}));
  auto start = std::clamp(static_cast<std::int64_t>(from), state.first, state.next);
  WEIR_ASSIGN(auto reader, source->open(topic, 0, start, [] {}));
  WEIR_TRY(source->start());
  collector all;
  for (;;) {
    WEIR_ASSIGN(auto polled, reader->poll(read_records, read_bytes, all));
    if (polled.at_end)
      return std::move(all.out);
  }
}

result<std::unique_ptr<log_control_log>> log_control_log::open(const std::string& directory, const std::string& topic,
                                                               std::function<void(std::function<void()>)> post) {
  WEIR_ASSIGN(auto log, embedded_log::open(directory));
  log_topic_options wanted;
  wanted.max_record_bytes = max_record_bytes;
  wanted.compacted = true;
  auto made = log->create_topic(topic, wanted);
  if (!made && made.err().code != errc::already_exists)
    return made.err();
  WEIR_ASSIGN(auto there, log->topic(topic));
  if (there.options != wanted)
    return error{errc::incompatible, "topic '" + topic + "' of the log in '" + directory + "' is no control topic"};
  return std::unique_ptr<log_control_log>(new log_control_log(std::move(log), std::move(there), std::move(post)));
}

log_control_log::log_control_log(std::shared_ptr<embedded_log> log, log_topic topic,
                                 std::function<void(std::function<void()>)> post)
    : log_(std::move(log)), topic_(std::move(topic)), post_(std::move(post)), answered_us_(system_clock().monotonic().count()) {}

log_control_log::~log_control_log() { *alive_ = false; }

void log_control_log::answer(std::function<void()> f) {
  answered_us_ = system_clock().monotonic().count();
  post_([alive = alive_, f = std::move(f)] {
    if (*alive)
      f();
  });
}

void log_control_log::take(took done) {
  working_.give([this, done = std::move(done)] {
    auto epoch = log_->fence(topic_.name);
    epoch_ = epoch ? *epoch : 0;
    answer([done, r = epoch ? success() : result<>(error{errc::unavailable, epoch.err().message})] { done(r); });
  });
}

append_outcome log_control_log::append_now(const std::vector<control_entry>& entries) {
  if (epoch_ == 0)
    return append_outcome::unknown; // To be taken anew.
  log_batch batch;
  for (const auto& e : entries) {
    output_record r;
    r.key = e.key;
    if (e.value)
      r.value = *e.value;
    r.time_ms = system_clock().now().ms();
    if (!batch.add(topic_, r))
      return append_outcome::retriable;
  }
  log_commit_extras extras;
  extras.publisher_id = topic_.name;
  extras.publisher_epoch = epoch_;
  auto done = log_->commit(batch, extras);
  if (done)
    return append_outcome::committed;
  if (done.err().code == errc::fenced)
    return append_outcome::replaced;
  return done.err().code == errc::unknown_outcome ? append_outcome::unknown : append_outcome::retriable;
}

void log_control_log::append(const std::vector<control_entry>& entries, appended done) {
  working_.give([this, entries, done = std::move(done)] {
    auto outcome = append_now(entries);
    answer([done, outcome] { done(outcome); });
  });
}

void log_control_log::read(std::uint64_t from, read_back done) {
  working_.give([this, from, done = std::move(done)] {
    auto r = read_log_control(log_->path(), topic_.name, from);
    answer([done, r = std::move(r)] { done(r); });
  });
}

} // namespace weir::cluster
