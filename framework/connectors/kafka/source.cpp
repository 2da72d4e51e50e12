#include <algorithm>
#include <weir/connectors/kafka/errors.hpp>
#include <weir/connectors/kafka/partition_reader.hpp>
#include <weir/connectors/kafka/source.hpp>

namespace weir::kafka {
namespace {

constexpr std::size_t kib = 1024;

void on_queue(rd_kafka_t*, void* opaque) {
  // Under the queue's lock, from a librdkafka thread. `close` takes that lock to end this, so none is taken here.
  static_cast<feed*>(opaque)->wake();
}

} // namespace

kafka_source::kafka_source(kafka_config config, std::shared_ptr<client> control, std::string group, std::size_t queue_bytes,
                           logger log)
    : config_(std::move(config)),
      group_(group.empty() ? "weir" : std::move(group)),
      queue_bytes_(queue_bytes),
      log_(std::move(log)),
      control_(std::move(control)) {}

kafka_source::~kafka_source() {
  if (consumer_)
    consumer_->set_hooks({});
}

result<topic_description> kafka_source::describe(const std::string& topic) { return ask().describe(topic); }

result<std::int64_t> kafka_source::resolve(const std::string& topic, std::int32_t partition, const start_position& from) {
  WEIR_ASSIGN(auto range, ask().offsets(topic, partition));
  if (std::holds_alternative<start_latest>(from))
    return range.high;
  if (const auto* at = std::get_if<start_timestamp>(&from)) {
    // Rounded up: Kafka's stamps are milliseconds, and the record must be at or after the time.
    auto ms = at->at.ms() + (at->at.us % 1000 != 0 ? 1 : 0);
    WEIR_ASSIGN(auto offset, ask().offset_at(topic, partition, std::max<std::int64_t>(0, ms)));
    return offset >= 0 ? offset : range.high;
  }
  if (std::holds_alternative<start_group>(from)) {
    WEIR_ASSIGN(auto asker, of_group());
    auto offset = admin{*asker, config_.request_timeout}.committed(topic, partition);
    if (!offset)
      return offset.err().in("group '" + group_ + "'");
    return *offset >= 0 ? *offset : range.low;
  }
  if (const auto* offsets = std::get_if<start_offsets>(&from)) {
    auto it = offsets->by_partition.find(partition);
    if (it != offsets->by_partition.end())
      return it->second;
  }
  return range.low;
}

result<std::shared_ptr<client>> kafka_source::of_group() {
  if (consumer_)
    return consumer_;
  if (!of_group_) {
    WEIR_ASSIGN(auto conf, make_conf(config_, {},
                                     {{"group.id", group_},
                                      {"isolation.level", "read_committed"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.auto.offset.store", "false"}}));
    WEIR_ASSIGN(of_group_, client::open(RD_KAFKA_CONSUMER, std::move(conf), config_.name, log_));
  }
  return of_group_;
}

result<std::int64_t> kafka_source::end_offset(const std::string& topic, std::int32_t partition) {
  WEIR_ASSIGN(auto range, ask().offsets(topic, partition));
  return range.high;
}

result<std::unique_ptr<partition_reader>> kafka_source::open(const std::string& topic, std::int32_t partition,
                                                             std::int64_t offset, std::function<void()> wake) {
  if (consumer_)
    return {errc::invalid_argument, "partitions are opened before the source is started"};
  if (offset < 0 || partition < 0 || !wake)
    return {errc::invalid_argument, "a partition is opened at an offset of 0 or more, with a wake-up"};
  for (const auto& f : feeds_)
    if (f->topic == topic && f->partition == partition)
      return {errc::already_exists,
              "partition " + std::to_string(partition) + " of topic '" + topic + "' is open on this connection"};
  feeds_.push_back(std::make_shared<feed>(topic, partition, offset, std::move(wake)));
  return std::unique_ptr<partition_reader>(std::make_unique<kafka_partition_reader>(feeds_.back()));
}

kafka_source::shares kafka_source::divide() const {
  auto each = std::max<std::size_t>(queue_bytes_ / std::max<std::size_t>(1, feeds_.size()), 16 * kib);
  shares s{};
  // The limit is looked at before a fetch, so a queue may pass it by one fetch: each gets half. A record of librdkafka's
  // queue costs some 400 bytes of its own, hence the bound in records.
  s.kbytes = std::max<std::size_t>(each / 2 / kib, 1);
  s.records = std::clamp<std::size_t>(each / 512, 64, 100'000);
  s.fetch = std::clamp<std::size_t>(each / 2, 16 * kib, 1024 * kib);
  s.total = std::clamp<std::size_t>(queue_bytes_ / 2, 1024 * kib, 50 * (1024 * kib));
  return s;
}

result<conf_ptr> kafka_source::consumer_conf() const {
  auto s = divide();
  property_list defaults{{"fetch.wait.max.ms", "250"}};
  if (!nudger::needed())
    defaults.emplace_back("fetch.queue.backoff.ms", "5");
  property_list fixed{{"group.id", group_},
                      {"isolation.level", "read_committed"},
                      {"enable.auto.commit", "false"},
                      {"enable.auto.offset.store", "false"},
                      {"enable.partition.eof", "true"},
                      {"auto.offset.reset", "error"},
                      {"check.crcs", "true"},
                      {"queued.max.messages.kbytes", std::to_string(s.kbytes)},
                      {"queued.min.messages", std::to_string(s.records)},
                      {"fetch.message.max.bytes", std::to_string(s.fetch)},
                      {"fetch.max.bytes", std::to_string(s.total)},
                      {"message.max.bytes", "1000000"}};
  return make_conf(config_, defaults, fixed);
}

result<> kafka_source::start() {
  if (consumer_)
    return {errc::invalid_argument, "a source is started once"};
  WEIR_ASSIGN(auto conf, consumer_conf());
  WEIR_ASSIGN(auto consumer, client::open(RD_KAFKA_CONSUMER, std::move(conf), config_.name, log_));
  auto nudge = nudger::needed() ? std::make_shared<nudger>(consumer) : nullptr;
  auto sizes = divide();
  list_ptr list(rd_kafka_topic_partition_list_new(static_cast<int>(feeds_.size())));
  for (const auto& f : feeds_) {
    // The queue is split off before the assignment: later ones leave a queue forwarded by the application alone.
    queue_ptr queue(rd_kafka_queue_get_partition(consumer->get(), f->topic.c_str(), f->partition));
    if (!queue)
      return {errc::not_found, "there is no partition " + std::to_string(f->partition) + " of topic '" + f->topic + "'"};
    rd_kafka_queue_forward(queue.get(), nullptr);
    std::lock_guard lock(f->wake_mutex);
    f->consumer = consumer;
    f->nudge = nudge;
    f->queue = std::move(queue);
    f->queue_bytes = sizes.kbytes * kib;
    f->queue_records = sizes.records;
    if (f->wake)
      rd_kafka_queue_cb_event_enable(f->queue.get(), &on_queue, f.get());
    rd_kafka_topic_partition_list_add(list.get(), f->topic.c_str(), f->partition)->offset = f->offset;
  }
  consumer->set_hooks({.delivered = {}, .trouble = [feeds = std::vector<std::weak_ptr<feed>>(feeds_.begin(), feeds_.end())] {
                         for (const auto& w : feeds)
                           if (auto f = w.lock())
                             f->call_wake();
                       }});
  auto err = feeds_.empty() ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_assign(consumer->get(), list.get());
  if (err) {
    // Else a running hook could be the last to hold a feed, and destroy the consumer from the consumer's own thread.
    consumer->set_hooks({});
    return make_error(err, "connection '" + config_.name + "': the partitions could not be assigned");
  }
  consumer_ = std::move(consumer);
  control_.reset();
  of_group_.reset();
  return success();
}

result<> kafka_source::commit_offsets(const std::string& topic, const std::map<std::int32_t, std::int64_t>& next) {
  if (!consumer_)
    return {errc::invalid_argument, "offsets are committed by a started source"};
  if (next.empty())
    return success();
  list_ptr list(rd_kafka_topic_partition_list_new(static_cast<int>(next.size())));
  for (const auto& [partition, offset] : next)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  queue_ptr answers(rd_kafka_queue_new(consumer_->get()));
  std::string what = "connection '" + config_.name + "': the offsets of group '" + group_ + "' were not committed";
  auto err = rd_kafka_commit_queue(consumer_->get(), list.get(), answers.get(), nullptr, nullptr);
  if (err)
    return make_error(err, what);
  event_ptr event(rd_kafka_queue_poll(answers.get(), static_cast<int>(config_.request_timeout.count())));
  if (!event)
    return consumer_->unavailable(what + " in time");
  if ((err = rd_kafka_event_error(event.get())))
    return make_error(err, what);
  if (const auto* done = rd_kafka_event_topic_partition_list(event.get()))
    for (int i = 0; i < done->cnt; ++i)
      if (done->elems[i].err)
        return make_error(done->elems[i].err, what);
  return success();
}

} // namespace weir::kafka
