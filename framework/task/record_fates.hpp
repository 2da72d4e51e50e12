#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/storage/job_store.hpp>

namespace weir {

/// What became of a record of a complete epoch that its topic refuses for good. Its ordinal stays taken: markers count as if
/// it had been written.
struct record_fate {
  std::string sink;   ///< Vertex that wrote the record.
  std::string reason; ///< `too-large` or `refused`.
  std::string cause;  ///< What the broker said.
  struct letter {
    std::string topic; ///< On the record's own connection.
    std::int32_t partition = 0;
    friend bool operator==(const letter&, const letter&) = default;
  };
  std::optional<letter> dead_letter; ///< Stands in the record's place; none: nothing does.
  friend bool operator==(const record_fate&, const record_fate&) = default;
};

/// The fates of records by connection, epoch and ordinal, as the store keeps them (fact "record fates"). A value.
class record_fates {
 public:
  using of_epoch = std::map<std::uint64_t, record_fate>; ///< By ordinal among the epoch's records for the connection.

  /// Null when every record of the epoch for this connection is to be written as it is.
  [[nodiscard]] const of_epoch* find(const std::string& connection, std::uint64_t checkpoint) const;
  void set(const std::string& connection, std::uint64_t checkpoint, std::uint64_t ordinal, record_fate fate);
  /// Forgets the epochs below `checkpoint` of a connection: they are published.
  void forget_below(const std::string& connection, std::uint64_t checkpoint);

  [[nodiscard]] std::string encode() const;
  /// Errors: store_corrupt, incompatible.
  static result<record_fates> decode(std::string_view bytes);
  friend bool operator==(const record_fates&, const record_fates&) = default;

 private:
  std::map<std::string, std::map<std::uint64_t, of_epoch>> by_connection_;
};

/// Name of the store's fact that holds them.
inline constexpr std::string_view record_fates_fact = "record fates";

/// The headers of the dead letter of `r`: its own, and behind them `weir.refused.topic`, `weir.reason`, `weir.operator`,
/// `weir.error`. Packed.
std::string dead_letter_headers(const outbox_record& r, const record_fate& fate);

} // namespace weir
