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
  /// Packs the headers of one record when somebody asks for them: most jobs never look.
  class source {
   public:
    /// The packed headers; valid as long as the record.
    virtual std::string_view packed() = 0;

   protected:
    ~source() = default;
  };

  headers_view() = default;
  explicit headers_view(std::string_view packed) : packed_(packed) {}
  /// `from` outlives the view and belongs to its thread.
  explicit headers_view(source& from) : from_(&from) {}
  [[nodiscard]] std::string_view packed() const { return from_ == nullptr ? packed_ : from_->packed(); }
  /// Empty also for bytes of another form: `unpack_headers` tells them apart.
  [[nodiscard]] std::vector<std::pair<std::string, std::optional<std::string>>> unpack() const;

 private:
  std::string_view packed_;
  source* from_ = nullptr;
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
  std::int64_t following = -1; ///< Offset of the record that the same poll hands out next; -1 = none, or not known.
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
