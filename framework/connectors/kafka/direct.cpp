#include <algorithm>
#include <weir/connectors/kafka/direct.hpp>
#include <weir/connectors/kafka/enqueue.hpp>

namespace weir::kafka {

result<std::unique_ptr<direct_producer>> kafka_direct::open(const kafka_config& config, const topic_limits& limits,
                                                            std::size_t queue_bytes, std::function<void()> wake,
                                                            const logger& log) {
  auto p = std::make_shared<progress>();
  p->wake = std::move(wake);
  p->connection = config.name;
  property_list fixed{
      {"enable.idempotence", "true"},
      {"linger.ms", std::to_string(config.linger.count())},
      {"message.timeout.ms", std::to_string(config.delivery_timeout.count())},
      {"compression.type", config.compression},
      {"message.max.bytes", std::to_string(256u << 20)},
      {"batch.size", std::to_string(limits.batch_bytes(1'000'000))},
      {"queue.buffering.max.kbytes", std::to_string(std::max<std::size_t>(queue_bytes / 1024, 1024))},
      {"queue.buffering.max.messages", std::to_string(std::clamp<std::size_t>(queue_bytes / 256, 1000, 1'000'000))}};
  WEIR_ASSIGN(auto conf, make_conf(config, {}, fixed));
  WEIR_ASSIGN(auto producer, client::open(RD_KAFKA_PRODUCER, std::move(conf), config.name, log,
                                          {.delivered = [p](rd_kafka_event_t* e) { p->take(e); }, .trouble = {}}));
  return std::unique_ptr<direct_producer>(new kafka_direct(std::move(producer), std::move(p)));
}

kafka_direct::~kafka_direct() { producer_->set_hooks({}); }

void kafka_direct::progress::sent(std::uint64_t generation) {
  ++open;
  std::lock_guard lock(mutex);
  ++open_of[generation];
}

void kafka_direct::progress::acknowledged(std::uint64_t generation) {
  auto it = open_of.find(generation);
  if (--it->second == 0)
    open_of.erase(it);
}

void kafka_direct::progress::take(rd_kafka_event_t* event) {
  std::int64_t n = 0;
  auto reached = false;
  {
    std::lock_guard lock(mutex);
    while (const auto* m = rd_kafka_event_message_next(event)) {
      ++n;
      acknowledged(reinterpret_cast<std::uintptr_t>(m->_private));
      if (!m->err)
        continue;
      if (!failed)
        failed = make_error(m->err, "connection '" + connection + "': a record for partition " + std::to_string(m->partition) +
                                        " of topic '" + rd_kafka_topic_name(m->rkt) + "' was not written");
      any_failed = true;
    }
    if (wanted && (any_failed || none_open_through(*wanted))) {
      wanted.reset();
      reached = true;
    }
  }
  auto left = open.fetch_sub(n) - n;
  auto limit = wake_below.load();
  // Whoever sets the limit looks at `open` again afterwards, so a wake-up cannot fall between.
  if (limit > 0 && (left < limit || any_failed) && wake_below.exchange(0) > 0)
    reached = true;
  if (reached)
    wake();
}

std::optional<error> kafka_direct::failure() const {
  if (!progress_->any_failed)
    return std::nullopt;
  std::lock_guard lock(progress_->mutex);
  return progress_->failed;
}

rd_kafka_topic_t* kafka_direct::handle_of(std::string_view topic) {
  auto it = handles_.find(topic);
  if (it == handles_.end())
    it =
        handles_.emplace(std::string(topic), topic_ptr(rd_kafka_topic_new(producer_->get(), std::string(topic).c_str(), nullptr)))
            .first;
  return it->second.get();
}

result<bool> kafka_direct::send(const output_record& r) {
  if (auto e = failure())
    return *e;
  auto* topic = handle_of(r.topic);
  if (!topic)
    return {errc::invalid_argument, "'" + std::string(r.topic) + "' cannot be the name of a topic"};
  progress_->sent(generation_);
  auto o = enqueue(producer_->get(), topic, r, reinterpret_cast<void*>(static_cast<std::uintptr_t>(generation_)));
  if (o.ok())
    return true;
  {
    std::lock_guard lock(progress_->mutex);
    progress_->acknowledged(generation_);
  }
  auto open = progress_->open--;
  if (o.err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
    return {code_of(o.err), "connection '" + progress_->connection + "', topic '" + std::string(r.topic) + "': " + o.text};
  auto half = std::max<std::int64_t>(1, open / 2);
  progress_->wake_below = half;
  if (progress_->open < half && progress_->wake_below.exchange(0) > 0)
    progress_->wake();
  return false;
}

result<bool> kafka_direct::flushed() {
  if (auto e = failure())
    return *e;
  if (progress_->open == 0)
    return true;
  progress_->wake_below = 1;
  if (progress_->open > 0 || progress_->wake_below.exchange(0) == 0)
    return false;
  if (auto e = failure())
    return *e;
  return true;
}

result<bool> kafka_direct::flushed_through(std::uint64_t mark) {
  std::lock_guard lock(progress_->mutex);
  if (progress_->failed)
    return *progress_->failed;
  if (progress_->none_open_through(mark))
    return true;
  progress_->wanted = mark;
  return false;
}

} // namespace weir::kafka
