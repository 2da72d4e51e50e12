#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/errors.hpp>
#include <weir/connectors/kafka/handles.hpp>

namespace weir::kafka {

/// What an accumulator holds at most, and how it batches.
struct accumulator_options {
  std::size_t queue_bytes = 0;   ///< Keys, values and headers not acknowledged.
  std::size_t queue_records = 0; ///< Records not acknowledged.
  std::size_t batch_bytes = 0;   ///< Of librdkafka's batch.size.
  std::chrono::milliseconds linger{1};
};

/// Records on their way to the broker, one batch in flight per partition; those behind it wait here.
///
/// librdkafka's idempotent producer sends a partition's next request only when fewer than five *messages* of it are in
/// flight, so in effect one request at a time, and its broker thread polls without a pause while records whose linger
/// has passed wait for that (measured: two thirds of a core at 10,000 records/s). Records it does not have yet cannot
/// keep it busy, and what gathers here meanwhile makes the next batch larger.
///
/// Threads: one sends; librdkafka's background thread reports through `take` and hands over the next batch.
class accumulator {
 public:
  /// `wake` is called, on either thread, when a false answer of `send` or `acknowledged` may have become another.
  accumulator(accumulator_options options, std::string connection, std::function<void()> wake)
      : options_(options), connection_(std::move(connection)), wake_(std::move(wake)) {}

  /// Before the first record; the producer and the topics' handles outlive every later call.
  void attach(rd_kafka_t* producer) { producer_ = producer; }

  /// Takes a record (its bytes are copied) for acknowledgement under `generation`, which never falls between calls.
  /// False: full, nothing was taken, `wake` follows. Errors: what an earlier record failed with, or this one now.
  result<bool> send(rd_kafka_topic_t* topic, const output_record& r, std::uint64_t generation);

  /// Delivery reports. Background thread.
  void take(rd_kafka_event_t* event);

  /// Everything taken under this generation and earlier ones is acknowledged. False: not yet, `wake` follows.
  /// Errors: the first failed record.
  result<bool> acknowledged(std::uint64_t generation);

 private:
  using clock = std::chrono::steady_clock;
  struct kept {
    std::uint64_t generation;
    std::int64_t time_ms;
    std::int32_t key, value; ///< Bytes; -1: none.
    std::uint32_t headers;
  };
  struct lane {
    rd_kafka_topic_t* topic = nullptr;
    std::string name;
    std::int32_t partition = 0;
    std::size_t handed = 0;       ///< Records librdkafka has, not acknowledged.
    std::size_t handed_bytes = 0; ///< Since the lane was last empty.
    clock::time_point since;      ///< When the first of those was handed over.
    std::vector<kept> waiting;
    std::string bytes; ///< Of `waiting`: key, value and headers of each.
    std::size_t next = 0, next_byte = 0;
  };

  [[nodiscard]] std::size_t lane_of(rd_kafka_topic_t* topic, const output_record& r);
  [[nodiscard]] bool may_join(const lane& l) const;
  [[nodiscard]] call_outcome hand_over(std::size_t index, const output_record& r, std::uint64_t generation);
  void keep(lane& l, const output_record& r, std::uint64_t generation);
  void release(std::size_t index);
  void fail(rd_kafka_resp_err_t err, std::int32_t partition, const std::string& topic, const std::string& text);
  void settle(std::uint64_t generation, std::size_t bytes);
  [[nodiscard]] bool none_open_through(std::uint64_t generation) const {
    return open_of_.empty() || open_of_.begin()->first > generation;
  }

  const accumulator_options options_;
  const std::string connection_;
  const std::function<void()> wake_;
  rd_kafka_t* producer_ = nullptr;

  std::mutex mutex_;
  std::vector<lane> lanes_;
  std::map<std::pair<rd_kafka_topic_t*, std::int32_t>, std::size_t> lane_index_;
  std::vector<std::size_t> blocked_; ///< Lanes that librdkafka had no room for.
  std::optional<error> failed_;
  std::size_t open_ = 0, open_bytes_ = 0;        ///< Taken, not acknowledged; headers only while they wait here.
  std::map<std::uint64_t, std::size_t> open_of_; ///< Generation -> the same; never 0.
  bool waits_for_room_ = false;                  ///< Wake when half is free.
  std::optional<std::uint64_t> waits_for_;       ///< Wake when no generation up to it is open.
};

} // namespace weir::kafka
