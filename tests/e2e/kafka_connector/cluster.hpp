#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/handles.hpp>

namespace kafka_test {

/// host:port of the broker, from WEIR_TEST_KAFKA. Ends the test case as failed when it is not set.
std::string broker();
/// A name nobody used before.
std::string fresh(const std::string& prefix);

/// A connection to the broker; `options` are added.
std::unique_ptr<weir::connection> connect(const std::map<std::string, std::string>& options = {});
/// The value, or a failed test case with the error's text.
template <class T>
T must(weir::result<T> r) {
  if (!r)
    throw std::runtime_error("unexpected error: " + r.err().message);
  return std::move(r).value();
}

/// Counts wake-ups; waits for the next one without polling.
class bell {
 public:
  void ring() {
    std::lock_guard lock(mutex_);
    ++rings_;
    changed_.notify_all();
  }
  std::function<void()> ringer() {
    return [this] { ring(); };
  }
  /// Waits until it rang since the last wait, or `limit` passed.
  bool wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    bool rang = changed_.wait_for(lock, limit, [&] { return rings_ > 0; });
    rings_ = 0;
    return rang;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t rings_ = 0;
};

struct read_record {
  weir::raw_record record;
  std::int32_t partition = -1;
  std::int64_t offset = -1;
};

/// Reads one partition through the connector.
class partition_scan {
 public:
  partition_scan(weir::connection& c, const std::string& topic, std::int32_t partition, std::int64_t offset,
                 std::size_t queue_bytes = 8u << 20);
  ~partition_scan();
  /// Polls, waiting for wake-ups, until `enough` says so; false when `limit` passed first. Stops at an error.
  bool until(const std::function<bool()>& enough, std::chrono::milliseconds limit = std::chrono::seconds(20));
  bool until_records(std::size_t n, std::chrono::milliseconds limit = std::chrono::seconds(20));
  bool until_end(std::chrono::milliseconds limit = std::chrono::seconds(20));
  bool until_error(std::chrono::milliseconds limit = std::chrono::seconds(20));

  std::vector<read_record> records;
  weir::poll_result last;
  std::optional<weir::error> error;
  std::unique_ptr<weir::source_connection> source;
  std::unique_ptr<weir::partition_reader> reader;

 private:
  bell bell_;
};

/// A producer that is not Weir's.
class foreign_producer {
 public:
  explicit foreign_producer(const std::string& transactional_id = "", const std::map<std::string, std::string>& properties = {});
  ~foreign_producer();
  void begin();
  /// Sends and waits for the broker's answer.
  void send(const std::string& topic, std::int32_t partition, const std::string& value, std::int64_t time_ms = 0);
  void commit();
  void abort();

 private:
  rd_kafka_t* rk_ = nullptr;
};

void delete_topic(const std::string& topic);
void create_topic(const std::string& topic, int partitions, const std::map<std::string, std::string>& config = {});
/// Raises the number of a topic's partitions to `partitions`.
void raise_partitions(const std::string& topic, int partitions);
/// Sets the whole configuration of a topic: what is not named is the broker's default again.
void configure_topic(const std::string& topic, const std::map<std::string, std::string>& config);

/// The values of partition 0 of a topic, as read_committed consumers see them, sorted, once there are `n` of them.
std::vector<std::string> committed_values(weir::connection& c, const std::string& topic, std::size_t n);

} // namespace kafka_test
