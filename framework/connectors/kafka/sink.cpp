#include <weir/connectors/kafka/admin.hpp>
#include <weir/connectors/kafka/direct.hpp>
#include <weir/connectors/kafka/publisher.hpp>
#include <weir/connectors/kafka/sink.hpp>

namespace weir::kafka {

result<topic_description> kafka_sink::ensure_topic(const std::string& topic, std::int32_t partitions, bool compacted) {
  std::map<std::string, std::string> config;
  if (compacted)
    config["cleanup.policy"] = "compact";
  auto d = admin{*control_, config_.request_timeout}.ensure(topic, partitions > 0 ? partitions : config_.topic_partitions,
                                                            config_.topic_replication, config);
  if (!d)
    return d.err().in("connection '" + config_.name + "'");
  limits_->set(topic, d->max_record_bytes);
  return d;
}

std::int32_t kafka_sink::partition_for(std::optional<std::string_view> key, std::int32_t partitions) {
  if (key)
    return murmur2_partition(*key, partitions);
  auto n = next_null_key_.fetch_add(1, std::memory_order_relaxed);
  return static_cast<std::int32_t>(n % static_cast<std::uint32_t>(std::max(1, partitions)));
}

result<topic_description> kafka_sink::ensure_markers(const std::string& topic) {
  // Small segments, cleaned early: a start reads what compaction left.
  std::map<std::string, std::string> config{{"cleanup.policy", "compact"},
                                            {"segment.bytes", "16777216"},
                                            {"segment.ms", "3600000"},
                                            {"min.cleanable.dirty.ratio", "0.1"}};
  auto d = admin{*control_, config_.request_timeout}.ensure(topic, config_.marker_partitions, config_.topic_replication, config);
  if (!d)
    return d.err().in("connection '" + config_.name + "', marker topic");
  // Without the right to read its configuration the limit is unknown too; then the topic is taken as it is.
  if (!d->compacted && d->max_record_bytes > 0)
    return {errc::invalid_config, "connection '" + config_.name + "': the marker topic '" + topic +
                                      "' is not compacted: retention would delete markers; set its cleanup.policy to compact"};
  return d;
}

result<std::unique_ptr<transactional_publisher>> kafka_sink::open_publisher(const std::string& id,
                                                                            const std::string& marker_topic) {
  WEIR_ASSIGN(auto markers, ensure_markers(marker_topic));
  limits_->set(marker_topic, markers.max_record_bytes);
  publisher_options o{id, marker_topic, murmur2_partition(id, markers.partitions), queue_bytes_};
  return std::unique_ptr<transactional_publisher>(std::make_unique<kafka_publisher>(config_, std::move(o), limits_, log_));
}

result<std::unique_ptr<direct_producer>> kafka_sink::open_direct(std::function<void()> wake) {
  return kafka_direct::open(config_, *limits_, queue_bytes_, std::move(wake), log_);
}

} // namespace weir::kafka
