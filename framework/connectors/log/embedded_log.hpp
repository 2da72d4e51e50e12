#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/core/result.hpp>

namespace weir {

namespace log_detail {
class environment;
class transaction;
class watcher;
} // namespace log_detail

inline constexpr std::size_t log_default_max_record_bytes = 1024 * 1024;

/// What a topic keeps and takes; fixed when it is made.
struct log_topic_options {
  std::int32_t partitions = 1;                                 ///< 1 to 10,000.
  std::size_t max_record_bytes = log_default_max_record_bytes; ///< Key, value and headers together; at most 256 MiB.
  std::uint64_t retention_bytes = 0;                           ///< Per partition, as stored; 0 = all.
  std::int64_t retention_ms = 0;                               ///< Since the append; 0 = for ever.
  bool compacted = false;                                      ///< Keeps the newest record of each key only.
  friend bool operator==(const log_topic_options&, const log_topic_options&) = default;
};

struct log_topic {
  std::string name;
  std::uint32_t id = 0;
  log_topic_options options;
};

/// A partition holds offsets first to next - 1 (a compacted one with gaps).
struct log_partition {
  std::int64_t first = 0;
  std::int64_t next = 0;
  std::uint64_t bytes = 0; ///< Of its chunks, without LMDB's pages.
};

struct log_group_offset {
  std::string group;
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t next = 0;
};

/// Records on their way into the log, already in the form in which they are stored. One thread at a time.
class log_batch {
 public:
  /// Adds a copy of a record. Errors, with the batch unchanged: too_large (above the topic's max_record_bytes),
  /// invalid_argument (no such partition; no key for a compacted topic). `r.topic` is not looked at: `topic` is.
  result<> add(const log_topic& topic, const output_record& r);
  void clear();
  [[nodiscard]] std::size_t records() const { return records_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  friend class embedded_log;
  struct chunk {
    std::string bytes;
    std::uint32_t count = 0;
    std::int64_t base_time_ms = 0;
    std::int64_t max_time_ms = 0;
    std::optional<std::string> key; ///< Of the one record of a chunk of a compacted topic.
  };
  struct part {
    log_topic topic;
    std::int32_t partition = 0;
    std::vector<chunk> chunks;
  };
  std::vector<part> parts_;
  std::unordered_map<std::uint64_t, std::size_t> index_;
  std::size_t records_ = 0;
  std::size_t bytes_ = 0;
};

/// What goes into the log in one transaction besides records.
struct log_commit_extras {
  std::map<std::pair<std::string, std::string>, std::map<std::int32_t, std::int64_t>> group_offsets; ///< (group, topic)
  std::string publisher_id;                                                                          ///< Empty: no publisher.
  std::uint64_t publisher_epoch = 0; ///< Refused (fenced) unless it is the id's newest.
  std::optional<marker>
      new_marker;     ///< Set with the records; refused (fenced) if older than the stored one, or of another lineage.
  bool alone = false; ///< No output goes with the marker.
  std::optional<lineage_id> replaces; ///< Lineage of the stored marker that `new_marker` may replace, if `alone`.
};

/// Stored chunks of one partition, copied out of the log.
struct log_slice {
  struct piece {
    std::int64_t base = 0;
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  log_partition state;
  std::string bytes;
  std::vector<piece> pieces;
};

struct log_open_options {
  bool create = true;                         ///< Make the directory and an empty log if there is none.
  std::size_t initial_map_bytes = 256u << 20; ///< Address space to begin with; grows by itself.
};

/// A durable little broker in a directory: topics, partitions with absolute offsets, offsets of consumer groups,
/// publishers with epochs. Any thread, and any number of processes on the same directory, at once. Every change is one
/// durable LMDB transaction (two fsyncs) and waits for the ones of other threads and processes; reading never waits for
/// writing. No transaction stays open between calls. One object per directory and process, shared by all who open it.
class embedded_log {
 public:
  /// Errors: not_found (nothing there and not to be created), store_corrupt (not an LMDB file, truncated, not ours),
  /// incompatible (a newer format), not_authorized, unavailable. May block for a write of another process.
  static result<std::shared_ptr<embedded_log>> open(const std::string& directory, const log_open_options& options = {});
  ~embedded_log();
  embedded_log(const embedded_log&) = delete;
  embedded_log& operator=(const embedded_log&) = delete;

  [[nodiscard]] const std::string& id() const { return id_; } ///< Random, made with the log.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Errors: already_exists, invalid_argument (name or options).
  result<log_topic> create_topic(const std::string& name, const log_topic_options& options);
  /// Errors: not_found.
  result<log_topic> topic(const std::string& name);
  result<std::vector<log_topic>> topics(); ///< By name.
  /// Errors: not_found.
  result<log_partition> partition(const log_topic& topic, std::int32_t partition);

  /// Appends all or nothing. Errors: fenced; not_found; store_full; unavailable (nothing happened);
  /// unknown_outcome. `before` and `after` are called inside and behind the transaction (fail points).
  result<> commit(log_batch& batch, const log_commit_extras& extras, const std::function<result<>()>& before = {},
                  const std::function<result<>()>& after = {});
  /// Chunks that hold `offset` and following ones, until about `max_bytes`. Empty at the end. Errors: not_found,
  /// out_of_range (before first or behind next).
  result<log_slice> read(std::uint32_t topic, std::int32_t partition, std::int64_t offset, std::size_t max_bytes);
  /// First offset whose record has this time or a later one; `next` if none.
  result<std::int64_t> offset_at(const log_topic& topic, std::int32_t partition, std::int64_t time_ms);
  /// Trims what the topic's retention no longer keeps; appends do it for their own partitions.
  result<> apply_retention(const log_topic& topic);

  result<std::optional<std::int64_t>> group_offset(const std::string& group, const log_topic& topic, std::int32_t partition);
  result<std::vector<log_group_offset>> group_offsets();

  /// Raises the epoch of a publisher id and returns it: every earlier holder's commits are refused from now on.
  result<std::uint64_t> fence(const std::string& publisher_id);
  /// The id's marker, if this epoch is still the newest. Errors: fenced, store_corrupt.
  result<std::optional<marker>> read_marker(const std::string& publisher_id, std::uint64_t epoch);

  /// Tells when a partition grows, whoever appends.
  [[nodiscard]] log_detail::watcher& watch() { return *watcher_; }

 private:
  embedded_log() = default;
  result<> prepare();
  result<log_topic> topic_in(const log_detail::transaction& t, std::string_view name) const;
  result<log_partition> partition_in(const log_detail::transaction& t, std::uint32_t topic, std::int32_t partition) const;
  result<> append_in(log_detail::transaction& t, log_batch::part& part, std::int64_t now_ms) const;
  result<> drop_superseded(log_detail::transaction& t, const log_batch::part& part, std::string_view key, std::int64_t offset,
                           log_partition& state) const;
  result<> trim(log_detail::transaction& t, const log_topic& topic, std::int32_t partition, std::int64_t now_ms,
                log_partition& state) const;
  result<> publish_in(log_detail::transaction& t, const log_commit_extras& extras) const;

  std::unique_ptr<log_detail::environment> env_;
  std::unique_ptr<log_detail::watcher> watcher_;
  std::string id_;
  std::string path_;
};

/// "a-z A-Z 0-9 . _ -", 1 to 249 of them, not "." or "..": what Kafka takes.
[[nodiscard]] bool valid_topic_name(std::string_view name);

} // namespace weir
