#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

// The small states that travel inline in a checkpoint's manifest; layouts in docs/formats.md.

/// The last record a reader passed on: fetched again at restart to notice a topic that was made anew.
struct record_fingerprint {
  std::int64_t offset = -1;
  std::int64_t time_us = 0;
  std::uint64_t hash = 0; ///< XXH3-64 of key and value.
  friend bool operator==(const record_fingerprint&, const record_fingerprint&) = default;
};

struct reader_snapshot {
  std::int64_t next_offset = 0;
  std::optional<record_fingerprint> last;
  timestamp watermark = min_timestamp;
  bool idle = false;
  std::string chain;
};
std::string encode(const reader_snapshot& s);
/// Errors: store_corrupt.
result<reader_snapshot> decode_reader_snapshot(std::string_view bytes);

struct task_snapshot {
  timestamp watermark = min_timestamp;
  std::string chain;
};
std::string encode(const task_snapshot& s);
result<task_snapshot> decode_task_snapshot(std::string_view bytes);

/// What a checkpoint says of the job as a whole.
struct job_snapshot {
  std::map<std::string, std::int32_t> partitions; ///< Per source vertex: how many partitions were known.
  std::map<std::string, std::string> clusters;    ///< Per connection with exactly-once sinks: its cluster id.
};
std::string encode(const job_snapshot& s);
result<job_snapshot> decode_job_snapshot(std::string_view bytes);

/// Where a bounded run ends: per source vertex and partition.
using stop_offsets = std::map<std::string, std::map<std::int32_t, std::int64_t>>;
std::string encode(const stop_offsets& s);
result<stop_offsets> decode_stop_offsets(std::string_view bytes);

/// A list of strings as one durable fact.
std::string encode_list(const std::vector<std::string>& items);
result<std::vector<std::string>> decode_list(std::string_view bytes);

} // namespace weir
