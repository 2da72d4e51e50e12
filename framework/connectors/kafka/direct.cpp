#include <algorithm>
#include <weir/connectors/kafka/direct.hpp>

namespace weir::kafka {

result<std::unique_ptr<direct_producer>> kafka_direct::open(const kafka_config& config, const topic_limits& limits,
                                                            std::size_t queue_bytes, std::function<void()> wake,
                                                            const logger& log) {
  accumulator_options o;
  o.queue_bytes = std::max<std::size_t>(queue_bytes, std::size_t{1024} * 1024);
  o.queue_records = std::clamp<std::size_t>(queue_bytes / 256, 1000, 1'000'000);
  o.batch_bytes = limits.batch_bytes(1'000'000);
  o.linger = config.linger;
  // The accumulator's limits decide: librdkafka's are out of their way.
  property_list fixed{{"enable.idempotence", "true"},
                      {"linger.ms", std::to_string(config.linger.count())},
                      {"message.timeout.ms", std::to_string(config.delivery_timeout.count())},
                      {"compression.type", config.compression},
                      {"message.max.bytes", std::to_string(256u << 20)},
                      {"batch.size", std::to_string(o.batch_bytes)},
                      {"queue.buffering.max.kbytes", std::to_string(o.queue_bytes / 1024 * 2)},
                      {"queue.buffering.max.messages", std::to_string(o.queue_records * 2)}};
  WEIR_ASSIGN(auto conf, make_conf(config, {}, fixed));
  auto records = std::make_shared<accumulator>(o, config.name, std::move(wake));
  return std::unique_ptr<direct_producer>(new kafka_direct(std::move(conf), config.name, std::move(records), log));
}

kafka_direct::~kafka_direct() {
  if (producer_)
    producer_->set_hooks({});
}

result<> kafka_direct::make_producer() {
  if (!conf_)
    return {errc::invalid_config, "connection '" + connection_ + "': the producer could not be made"};
  WEIR_ASSIGN(producer_, client::open(RD_KAFKA_PRODUCER, std::move(conf_), connection_, log_,
                                      {.delivered = [r = records_](rd_kafka_event_t* e) { r->take(e); }, .trouble = {}}));
  records_->attach(producer_->get());
  return success();
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
  if (!producer_)
    WEIR_TRY(make_producer());
  auto* topic = handle_of(r.topic);
  if (!topic)
    return {errc::invalid_argument, "'" + std::string(r.topic) + "' cannot be the name of a topic"};
  return records_->send(topic, r, generation_);
}

} // namespace weir::kafka
