#pragma once
#include <map>
#include <memory>
#include <string>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/accumulator.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>
#include <weir/connectors/kafka/topic_limits.hpp>

namespace weir::kafka {

/// The at-least-once road: an idempotent producer whose acknowledgements are counted on librdkafka's background thread.
/// A failed record is reported by every later call: what was sent since the last barrier must be sent again. The client is made
/// for the first record: many a producer never gets one (dead letters, commands, notices), and each costs threads and wake-ups.
class kafka_direct final : public direct_producer {
 public:
  /// Errors: invalid_config.
  static result<std::unique_ptr<direct_producer>> open(const kafka_config& config, const topic_limits& limits,
                                                       std::size_t queue_bytes, std::function<void()> wake, const logger& log);
  ~kafka_direct() override;

  result<bool> send(const output_record& r) override;
  result<bool> flushed() override { return records_->acknowledged(generation_); }
  std::uint64_t sent_mark() override { return generation_++; }
  result<bool> flushed_through(std::uint64_t mark) override { return records_->acknowledged(mark); }

 private:
  kafka_direct(conf_ptr conf, std::string connection, std::shared_ptr<accumulator> records, logger log)
      : conf_(std::move(conf)), connection_(std::move(connection)), log_(std::move(log)), records_(std::move(records)) {}
  [[nodiscard]] result<> make_producer();
  [[nodiscard]] rd_kafka_topic_t* handle_of(std::string_view topic);

  conf_ptr conf_; ///< Of the producer until it is made.
  const std::string connection_;
  logger log_;
  std::shared_ptr<client> producer_;                      ///< Null before the first record.
  std::map<std::string, topic_ptr, std::less<>> handles_; // Destroyed before the producer they belong to.
  std::shared_ptr<accumulator> records_;
  std::uint64_t generation_ = 1; ///< Of what is sent now: partitions acknowledge in no common order, so marks count by it.
};

} // namespace weir::kafka
