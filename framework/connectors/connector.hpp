#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/core/logger.hpp>
#include <weir/core/result.hpp>
#include <weir/record/partition.hpp>
#include <weir/record/raw_record.hpp>

namespace weir {

// The seam between the engine and where records come from and go to. Two implementations: the embedded log
// (connectors/log) and Kafka (connectors/kafka). Whatever is said to block is called from detached actors or at start.

/// Where a source begins when no checkpoint says.
struct start_earliest {};
struct start_latest {};
struct start_timestamp {
  timestamp at;
};
struct start_group {}; ///< The consumer group's committed offset, else earliest.
struct start_offsets {
  std::map<std::int32_t, std::int64_t> by_partition;
}; ///< Others: earliest.
using start_position = std::variant<start_earliest, start_latest, start_timestamp, start_group, start_offsets>;

struct topic_description {
  std::string topic;
  std::int32_t partitions = 0;
  std::size_t max_record_bytes = 0; ///< 0 = no limit of the topic.
  bool compacted = false;
};

/// Takes the records of a poll; the views are valid during the call.
class record_consumer {
 public:
  virtual ~record_consumer() = default;
  virtual void consume(const record_view& record) = 0;
};

struct poll_result {
  std::size_t records = 0;
  std::size_t bytes = 0;
  std::int64_t next_offset = 0; ///< Offset to go on from: behind the last record, also past gaps of control records.
  bool at_end = false;          ///< The connector reported the partition's end at its high watermark (nothing hidden).
  bool more = false;            ///< Poll again without waiting for the wake-up.
};

/// One partition from one offset on. One thread at a time (the partition reader actor); nothing here blocks.
class partition_reader {
 public:
  virtual ~partition_reader() = default;
  /// Hands out at most about `max_records` and `max_bytes` (at least one record if there is one). Errors: out_of_range
  /// (offset gone: the declared policy decides), unavailable (keeps trying by itself: reported, not fatal), not_found.
  virtual result<poll_result> poll(std::size_t max_records, std::size_t max_bytes, record_consumer& out) = 0;
  /// Records behind the last one handed out, up to the high watermark known last; -1 if unknown.
  [[nodiscard]] virtual std::int64_t lag() const = 0;
};

/// One consumer of a job on a connection, for one attempt. Made anew at each attempt.
class source_connection {
 public:
  virtual ~source_connection() = default;
  /// May block up to the connection's time-out. Errors: not_found, unavailable, not_authorized.
  virtual result<topic_description> describe(const std::string& topic) = 0;
  /// The first offset to read. May block.
  virtual result<std::int64_t> resolve(const std::string& topic, std::int32_t partition, const start_position& from) = 0;
  /// Last stable offset now: a bounded read stops at or past it. May block.
  virtual result<std::int64_t> end_offset(const std::string& topic, std::int32_t partition) = 0;
  /// `wake` is a hint that there may be something to poll; called from a foreign thread, must only send one message.
  /// All readers of a connection are opened before the first poll, a partition once (Kafka: already_exists). Does not block.
  virtual result<std::unique_ptr<partition_reader>> open(const std::string& topic, std::int32_t partition, std::int64_t offset,
                                                         std::function<void()> wake) = 0;
  /// Call once after the last `open`.
  virtual result<> start() = 0;
  /// Offsets for people and lag monitors; failure is harmless. May block.
  virtual result<> commit_offsets(const std::string& topic, const std::map<std::int32_t, std::int64_t>& next) = 0;
};

/// A record of output on its way to a topic.
struct output_record {
  std::string_view topic;
  std::int32_t partition = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::string_view packed_headers;
  std::int64_t time_ms = 0;
};

/// How a publish went; see publish_outcome.
struct publish_report {
  publish_outcome outcome = publish_outcome::done;
  std::size_t record = 0; ///< Of `unwritable`: which one, counted from the first `add` of the transaction.
  error cause;
  std::vector<std::size_t> also = {}; ///< Of `unwritable`: others of the transaction that are refused as well, ascending.
};

/// The exactly-once road to one connection under one transactional id. Owned by the publisher actor (detached); every
/// call may block, none longer than the transaction time-out.
class transactional_publisher {
 public:
  virtual ~transactional_publisher() = default;
  /// Fences every earlier holder of the id and aborts its leftovers. Errors: unavailable, not_authorized, fenced.
  virtual result<> fence() = 0;
  /// The newest committed marker under this id, after `fence`: complete even when foreign open transactions hide it
  /// (waits for them). None: never published. Errors: unavailable, store_corrupt (malformed marker).
  virtual result<std::optional<marker>> read_marker() = 0;
  /// Begins a transaction and adds records; several calls before `commit`. An outcome other than done aborts it.
  virtual publish_report add(std::span<const output_record> records) = 0;
  /// Source offsets to commit in the same transaction, where the sources are on this connection.
  virtual void set_group_offsets(const std::string& group,
                                 const std::map<std::pair<std::string, std::int32_t>, std::int64_t>& next) = 0;
  /// Adds the marker and commits: visible whole or not at all. With no `add` before, publishes just the marker.
  virtual publish_report commit(const marker& m) = 0;
  /// Throws away what was added since the last commit.
  virtual void abort() = 0;
};

/// The at-least-once road: records are sent at once; `flush` before a barrier is acknowledged.
/// Thread: the sink writer actor. `send` does not block: false = queue full, call again after `wake`.
class direct_producer {
 public:
  virtual ~direct_producer() = default;
  virtual result<bool> send(const output_record& r) = 0;
  /// Everything sent so far is acknowledged: true. Not yet: false (poll again after wake). An error: a record failed.
  virtual result<bool> flushed() = 0;
  /// Marks the end of what was sent so far; marks rise.
  virtual std::uint64_t sent_mark() { return 0; }
  /// Like flushed, for what was sent before the mark: what is sent meanwhile does not delay it.
  virtual result<bool> flushed_through(std::uint64_t mark) {
    static_cast<void>(mark);
    return flushed();
  }
};

class sink_connection {
 public:
  virtual ~sink_connection() = default;
  /// Creates the topic if it is missing (partitions 0: as many as `like` has, else the connection's default). May block.
  virtual result<topic_description> ensure_topic(const std::string& topic, std::int32_t partitions, bool compacted) = 0;
  /// The partition of a key: the Java client's murmur2 on Kafka and on the log. Null keys spread evenly. Any thread.
  [[nodiscard]] virtual std::int32_t partition_for(std::optional<std::string_view> key, std::int32_t partitions) = 0;
  /// `id` as in design section 8: `<namespace>.<job>.<connection>.<index>`; markers go to `<namespace>.weir-markers`.
  virtual result<std::unique_ptr<transactional_publisher>> open_publisher(const std::string& id,
                                                                          const std::string& marker_topic) = 0;
  virtual result<std::unique_ptr<direct_producer>> open_direct(std::function<void()> wake) = 0;
};

/// A connection of the configuration. Immutable after creation; any thread; the sub-connections are made per attempt.
class connection {
 public:
  virtual ~connection() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual const std::string& type() const = 0; ///< "log" or "kafka".
  /// Identity of the cluster or log, kept with the outbox: output never goes to another one. May block.
  virtual result<std::string> cluster_id() = 0;
  virtual result<std::unique_ptr<source_connection>> open_source(const std::string& group, std::size_t queue_bytes,
                                                                 const logger& log) = 0;
  virtual result<std::unique_ptr<sink_connection>> open_sink(std::size_t queue_bytes, const logger& log) = 0;
};

/// Settings of a connection as given in the configuration, secrets resolved; values never appear in errors or logs.
struct connection_settings {
  std::string name;
  std::string type;
  std::map<std::string, std::string> options;    ///< "path" (log); "brokers", "tls.*", "sasl.*" … (kafka).
  std::map<std::string, std::string> properties; ///< librdkafka properties passed through; refused if they break a guarantee.
};

result<std::unique_ptr<connection>> make_log_connection(const connection_settings& s);
result<std::unique_ptr<connection>> make_kafka_connection(const connection_settings& s);

} // namespace weir
