#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/cluster/control_record.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>

namespace weir::cluster {

/// The reading side of the control topic, without any group. All calls block; one thread.
class control_tail {
 public:
  control_tail(kafka::kafka_config config, std::string topic, logger log)
      : config_(std::move(config)), topic_(std::move(topic)), log_(std::move(log)) {}

  /// Committed records at or above `from`, up to the high watermark asked for first: what is behind an open transaction is
  /// waited for, `limit` at most. The first call makes the topic if it is not there. `answered` is called when the broker has
  /// said where the end is. Errors: unavailable, not_authorized, incompatible (the topic has more partitions, or is not
  /// compacted); nothing is passed over then.
  result<std::vector<control_entry_at>> read(std::uint64_t from, std::chrono::milliseconds limit,
                                             const std::function<void()>& answered);

 private:
  result<> ensure_topic();
  result<> assign(std::uint64_t from);

  kafka::kafka_config config_;
  std::string topic_;
  logger log_;
  std::shared_ptr<kafka::client> asker_, reader_;
  kafka::queue_ptr queue_;      ///< Before its client is destroyed.
  std::int64_t position_ = -1;  ///< All below is read, records or not.
  std::int64_t delivered_ = -1; ///< All below was answered.
};

} // namespace weir::cluster
