#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/nudger.hpp>

namespace weir::kafka {

/// What the source connection and one partition reader share: the partition's queue, split off the consumer.
struct feed {
  feed(std::string t, std::int32_t p, std::int64_t o, std::function<void()> w)
      : topic(std::move(t)), partition(p), offset(o), wake(std::move(w)) {}
  ~feed() { close(); }
  feed(const feed&) = delete;
  feed& operator=(const feed&) = delete;

  /// Ends the wake-ups: when it returns none runs or will run. Idempotent.
  void close() {
    std::lock_guard lock(wake_mutex);
    if (queue)
      rd_kafka_queue_cb_event_enable(queue.get(), nullptr, nullptr);
    wake = nullptr;
  }
  /// Calls the wake-up unless closed. Any thread.
  void call_wake() {
    std::lock_guard lock(wake_mutex);
    if (wake)
      wake();
  }

  const std::string topic;
  const std::int32_t partition;
  const std::int64_t offset;
  std::mutex wake_mutex;
  std::function<void()> wake;
  // Set by start, before anything is polled. The queue must go before the consumer: members die from below.
  std::shared_ptr<client> consumer;
  std::shared_ptr<nudger> nudge;
  queue_ptr queue;
  std::size_t queue_records = 0; ///< From so many records, or
  std::size_t queue_bytes = 0;   ///< so many bytes on, librdkafka fetches no more for this partition.
};

} // namespace weir::kafka
