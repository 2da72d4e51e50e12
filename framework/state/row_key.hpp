#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <weir/core/timestamp.hpp>
#include <weir/state/keyed_state.hpp>

namespace weir {

/// Longest row key LMDB takes as distributed.
inline constexpr std::size_t max_row_key = 511;

/// Bytes before the user's key: state id and key group, and the time of an ordered state.
inline constexpr std::size_t value_row_prefix = 10;
inline constexpr std::size_t ordered_row_prefix = 18;

/// Longest user key of each kind that is stored as it is; a longer one takes exactly one byte more (see bounded_key).
[[nodiscard]] constexpr std::size_t plain_key_limit(state_kind kind) {
  return max_row_key - 1 - (kind == state_kind::ordered ? ordered_row_prefix : value_row_prefix);
}

/// The form of a user's key inside a row key. A key up to the limit stands for itself. A longer one becomes its first
/// bytes followed by its 128-bit XXH3 hash, exactly limit + 1 bytes in all, so the two forms cannot be confused; the
/// row's value then begins with the whole key. The result is `key` itself or a view of `scratch`.
std::string_view bounded_key(state_kind kind, std::string_view key, std::string& scratch);

/// True for the hashed form.
[[nodiscard]] constexpr bool is_long_key(state_kind kind, std::string_view bounded) {
  return bounded.size() > plain_key_limit(kind);
}

/// Appends the row key of an already bounded key.
void append_row_key(std::string& out, std::uint64_t state_id, state_kind kind, std::uint16_t key_group, timestamp time,
                    std::string_view bounded);
/// Appends state id and key group: what all rows of a key group of a state begin with.
void append_group_prefix(std::string& out, std::uint64_t state_id, std::uint16_t key_group);
/// Appends the state id alone: the row key of the declaration.
void append_state_prefix(std::string& out, std::uint64_t state_id);

/// The parts of a row key; `key` is a view into it, in bounded form.
struct row_parts {
  std::uint64_t state_id = 0;
  std::uint16_t key_group = 0;
  timestamp time;
  std::string_view key;
};
/// None when the row key is too short for the kind.
std::optional<row_parts> parse_row_key(state_kind kind, std::string_view row_key);

/// The state id in front of any row key of at least 8 bytes.
[[nodiscard]] std::uint64_t row_state_id(std::string_view row_key);
/// The key group behind it, of a row key of at least 10 bytes.
[[nodiscard]] std::uint16_t row_key_group(std::string_view row_key);

} // namespace weir
