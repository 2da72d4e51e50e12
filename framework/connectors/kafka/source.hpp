#pragma once
#include <memory>
#include <string>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/admin.hpp>
#include <weir/connectors/kafka/feed.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>

namespace weir::kafka {

/// One consumer, assigned once and never sought. Until `start` a client without partitions answers the questions; then
/// the consumer does. One thread at a time, but for the readers.
class kafka_source final : public source_connection {
 public:
  kafka_source(kafka_config config, std::shared_ptr<client> control, std::string group, std::size_t queue_bytes, logger log);
  ~kafka_source() override;

  result<topic_description> describe(const std::string& topic) override;
  result<std::int64_t> resolve(const std::string& topic, std::int32_t partition, const start_position& from) override;
  result<std::int64_t> end_offset(const std::string& topic, std::int32_t partition) override;
  result<std::unique_ptr<partition_reader>> open(const std::string& topic, std::int32_t partition, std::int64_t offset,
                                                 std::function<void()> wake) override;
  result<> start() override;
  result<> commit_offsets(const std::string& topic, const std::map<std::int32_t, std::int64_t>& next) override;

 private:
  [[nodiscard]] admin ask() const { return {consumer_ ? *consumer_ : *control_, config_.request_timeout}; }
  /// Who may ask for the group's offsets: only a client that has the group. Before `start` one is made for that.
  result<std::shared_ptr<client>> of_group();
  [[nodiscard]] result<conf_ptr> consumer_conf() const;
  /// How memory is divided over the partitions.
  struct shares {
    std::size_t kbytes;  ///< queued.max.messages.kbytes, per partition.
    std::size_t records; ///< queued.min.messages, per partition.
    std::size_t fetch;   ///< Bytes of one fetch of a partition.
    std::size_t total;   ///< Bytes of one fetch.
  };
  [[nodiscard]] shares divide() const;

  kafka_config config_;
  std::string group_;
  std::size_t queue_bytes_;
  logger log_;
  std::vector<std::shared_ptr<feed>> feeds_;
  std::shared_ptr<client> control_;
  std::shared_ptr<client> of_group_;
  std::shared_ptr<client> consumer_;
};

} // namespace weir::kafka
