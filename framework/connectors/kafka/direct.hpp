#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>
#include <weir/connectors/kafka/topic_limits.hpp>

namespace weir::kafka {

/// The at-least-once road: an idempotent producer whose acknowledgements are counted on librdkafka's background thread.
/// A failed record is reported by every later call: what was sent since the last barrier must be sent again.
class kafka_direct final : public direct_producer {
 public:
  /// Errors: invalid_config.
  static result<std::unique_ptr<direct_producer>> open(const kafka_config& config, const topic_limits& limits,
                                                       std::size_t queue_bytes, std::function<void()> wake, const logger& log);
  ~kafka_direct() override;

  result<bool> send(const output_record& r) override;
  result<bool> flushed() override;
  std::uint64_t sent_mark() override { return generation_++; }
  result<bool> flushed_through(std::uint64_t mark) override;

 private:
  /// Shared with the background thread.
  struct progress {
    std::function<void()> wake;
    std::string connection;
    std::atomic<std::int64_t> open{0};       ///< Sent, not acknowledged.
    std::atomic<std::int64_t> wake_below{0}; ///< Call wake when `open` gets below; 0: nobody waits.
    std::atomic<bool> any_failed{false};
    std::mutex mutex;
    std::optional<error> failed;
    std::map<std::uint64_t, std::int64_t> open_of; ///< Generation -> sent, not acknowledged; never 0.
    std::optional<std::uint64_t> wanted;           ///< Call wake when no generation up to it is open.
    void take(rd_kafka_event_t* event);
    void sent(std::uint64_t generation);
    /// With `mutex` held.
    void acknowledged(std::uint64_t generation);
    [[nodiscard]] bool none_open_through(std::uint64_t generation) const {
      return open_of.empty() || open_of.begin()->first > generation;
    }
  };
  kafka_direct(std::shared_ptr<client> producer, std::shared_ptr<progress> p)
      : producer_(std::move(producer)), progress_(std::move(p)) {}
  [[nodiscard]] std::optional<error> failure() const;
  [[nodiscard]] rd_kafka_topic_t* handle_of(std::string_view topic);

  std::shared_ptr<client> producer_;
  std::map<std::string, topic_ptr, std::less<>> handles_; // Destroyed before the producer they belong to.
  std::shared_ptr<progress> progress_;
  std::uint64_t generation_ = 1; ///< Of what is sent now: partitions acknowledge in no common order, so marks count by it.
};

} // namespace weir::kafka
