#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>

namespace weir {

__extension__ using int128 = __int128;

/// An exact decimal number: `unscaled` * 10^-`scale`, at most 38 digits, scale 0 to 38. Comparison is by value
/// (1.50 equals 1.5); the scale is kept, so that what was read is what is written.
struct decimal {
  int128 unscaled = 0;
  std::uint8_t scale = 0;

  static constexpr int max_digits = 38;

  friend std::strong_ordering operator<=>(const decimal& a, const decimal& b);
  friend bool operator==(const decimal& a, const decimal& b) { return (a <=> b) == 0; }
};

/// Reads `-12.50`, also with an exponent (`1.25e2`) as JSON allows it. Exact or an error.
/// Errors: decode_failed for another form; out_of_range for more than 38 digits or a scale above 38.
[[nodiscard]] result<decimal> parse_decimal(std::string_view text);
/// Appends the number with exactly `scale` digits behind the point; no exponent.
void format_decimal(const decimal& d, std::string& out);
[[nodiscard]] std::string to_string(const decimal& d);
/// Exact sum with the larger scale. Errors: out_of_range above 38 digits.
[[nodiscard]] result<decimal> add(const decimal& a, const decimal& b);
/// Exact difference with the larger scale. Errors: out_of_range above 38 digits.
[[nodiscard]] result<decimal> subtract(const decimal& a, const decimal& b);

} // namespace weir
