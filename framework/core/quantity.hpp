#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// A number of bytes, as a type of its own so that settings show their unit.
struct byte_size {
  std::uint64_t bytes = 0;
  friend constexpr auto operator<=>(const byte_size&, const byte_size&) = default;
};

/// Parses a duration as people write it: a whole number and a unit, several in falling order: `250ms`, `1s`, `1m30s`.
/// Units: us, ms, s, m (also min), h, d. `0` needs no unit. Never negative.
/// Errors: invalid_argument (no unit, unknown unit, fraction, above 292,000 years).
result<duration> parse_duration(std::string_view text);
/// The shortest text that parse_duration reads back as the same value: `90s` becomes `1m30s`.
[[nodiscard]] std::string format_duration(duration d);

/// Parses a size: a whole number and a unit: `512`, `64KiB`, `64MiB`, `1GiB`, `2TiB`, `10kB`, `10MB`, `1GB`, `100B`.
/// Errors: invalid_argument (unknown unit, fraction, above 2^63 - 1).
result<byte_size> parse_byte_size(std::string_view text);
/// The shortest exact text in binary units: `64MiB`; `1000B` where none fits.
[[nodiscard]] std::string format_byte_size(byte_size size);
/// About three digits, for people: `1.50 MiB`. Not to be parsed.
[[nodiscard]] std::string approximate_size(std::uint64_t bytes);

} // namespace weir
