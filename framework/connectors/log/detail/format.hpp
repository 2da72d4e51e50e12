#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/log/embedded_log.hpp>
#include <weir/core/result.hpp>
#include <weir/record/raw_record.hpp>

/// The bytes of the embedded log, as docs/formats/log.md defines them. Pure functions; numbers here are never reused.
namespace weir::log_detail {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint8_t chunk_version = 1;
inline constexpr std::size_t chunk_header_bytes = 40;
/// A chunk is closed when it is at least this long, so that reading it is one copy and few pages are wasted.
inline constexpr std::size_t chunk_target_bytes = 32 * 1024;

/// Keys are big-endian so that LMDB's byte order is the order of offsets.
std::string partition_key(std::uint32_t topic, std::int32_t partition);
std::string chunk_key(std::uint32_t topic, std::int32_t partition, std::int64_t base);
/// Splits a chunk's key; false if it is not one.
bool parse_chunk_key(std::string_view key, std::uint32_t& topic, std::int32_t& partition, std::int64_t& base);
std::string group_key(std::string_view group, std::uint32_t topic, std::int32_t partition);
bool parse_group_key(std::string_view key, std::string_view& group, std::uint32_t& topic, std::int32_t& partition);
/// Where a compacted partition keeps the offset of a key's newest record.
std::string latest_key(std::uint32_t topic, std::int32_t partition, std::string_view record_key);

/// A value followed by its XXH64, little-endian. `unseal` gives the value without it; store_corrupt if it does not match.
std::string seal(std::string value);
result<std::string_view> unseal(std::string_view sealed, std::string_view what);

std::string encode_topic(const log_topic& t);
result<log_topic> decode_topic(std::string_view name, std::string_view value);

std::string encode_partition(const log_partition& s);
result<log_partition> decode_partition(std::string_view value);

std::string encode_group_offset(std::int64_t next, std::int64_t committed_ms);
result<std::int64_t> decode_group_offset(std::string_view value);

struct publisher_state {
  std::uint64_t epoch = 0;
  std::optional<marker> last;
};
std::string encode_publisher(const publisher_state& s);
result<publisher_state> decode_publisher(std::string_view value);
/// The marker as people see it in the marker topic.
std::string marker_json(const marker& m);

/// Appends one record to a chunk that starts with an empty header. `base_time_ms` is the first record's time.
void append_record(std::string& chunk, const output_record& r, std::int64_t base_time_ms);
struct chunk_info {
  std::uint32_t count = 0;
  std::int64_t append_ms = 0;
  std::int64_t base_time_ms = 0;
  std::int64_t max_time_ms = 0;
};
/// Fills in header and checksum for the place the chunk gets.
void stamp_chunk(std::string& chunk, std::string_view key, const chunk_info& info);
/// The header without looking at the checksum: cheap enough for every chunk of a partition.
result<chunk_info> read_chunk_info(std::string_view chunk);
/// Header after checking checksum and version. Errors: store_corrupt, incompatible.
result<chunk_info> check_chunk(std::string_view key, std::string_view chunk);

/// Walks the records of a checked chunk.
class chunk_cursor {
 public:
  chunk_cursor() = default;
  chunk_cursor(std::string_view chunk, const chunk_info& info, std::int32_t partition, std::int64_t base);
  /// False at the end, and then `ok` says whether the bytes were well-formed to the last.
  bool next(record_view& out);
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::int64_t offset() const { return offset_; } ///< Of the record that `next` gives.
  [[nodiscard]] std::int64_t end() const { return end_; }

 private:
  byte_reader in_{std::string_view{}};
  std::int64_t base_time_ms_ = 0;
  std::int64_t offset_ = 0;
  std::int64_t end_ = 0;
  std::int32_t partition_ = 0;
  bool ok_ = true;
};

} // namespace weir::log_detail
