#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weir/core/timestamp.hpp>
#include <weir/record/bytes.hpp>

namespace weir {

/// Headers in one block of bytes: varint count, then per header the key (string) and 0 for null or 1 and the value
/// (string). Order and duplicates are kept. An empty block means no headers.
class headers_view {
 public:
  headers_view() = default;
  explicit headers_view(std::string_view packed) : packed_(packed) {}
  [[nodiscard]] std::string_view packed() const { return packed_; }
  /// Empty also for bytes of another form: `unpack_headers` tells them apart.
  [[nodiscard]] std::vector<std::pair<std::string, std::optional<std::string>>> unpack() const;

 private:
  std::string_view packed_;
};

using header_list = std::vector<std::pair<std::string, std::optional<std::string>>>;
/// The packed form of headers; empty for none.
std::string pack_headers(const header_list& headers);
/// The reverse. False for bytes of another form; `headers` is empty then.
bool unpack_headers(std::string_view packed, header_list& headers);

/// A record as a connector delivers it; everything is valid only during the call that passes it.
struct record_view {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value; ///< none = tombstone
  headers_view headers;
  timestamp time; ///< The topic's own time stamp.
  std::int32_t partition = -1;
  std::int64_t offset = -1;
};

/// A record with its bytes, as a user type: for pass-through topics, late records and dead letters.
struct raw_record {
  std::optional<std::string> key;
  std::optional<std::string> value;
  header_list headers;
  timestamp time;
  friend bool operator==(const raw_record&, const raw_record&) = default;
};

} // namespace weir
