#pragma once
#include <atomic>
#include <memory>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>
#include <weir/connectors/kafka/topic_limits.hpp>

namespace weir::kafka {

/// Topics and producers of one job on a connection. Topics named to `ensure_topic` before a producer is opened decide
/// the size of its batches.
class kafka_sink final : public sink_connection {
 public:
  kafka_sink(kafka_config config, std::shared_ptr<client> control, std::size_t queue_bytes, logger log)
      : config_(std::move(config)), control_(std::move(control)), queue_bytes_(queue_bytes), log_(std::move(log)) {}

  result<topic_description> ensure_topic(const std::string& topic, std::int32_t partitions, bool compacted) override;
  [[nodiscard]] std::int32_t partition_for(std::optional<std::string_view> key, std::int32_t partitions) override;
  result<std::unique_ptr<transactional_publisher>> open_publisher(const std::string& id,
                                                                  const std::string& marker_topic) override;
  result<std::unique_ptr<direct_producer>> open_direct(std::function<void()> wake) override;

 private:
  [[nodiscard]] result<topic_description> ensure_markers(const std::string& topic);

  kafka_config config_;
  std::shared_ptr<client> control_;
  std::size_t queue_bytes_;
  logger log_;
  std::shared_ptr<topic_limits> limits_ = std::make_shared<topic_limits>();
  std::atomic<std::uint32_t> next_null_key_{0};
};

} // namespace weir::kafka
