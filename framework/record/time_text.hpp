#pragma once
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// Reads RFC 3339: `2026-01-01T00:00:03.250Z`, also with an offset (`+02:00`), a blank or `t` for the `T`, and without
/// zone (then UTC). Years 0000 to 9999; digits of the fraction behind the sixth are cut off; second 60 is the next
/// minute's first. Errors: decode_failed.
[[nodiscard]] result<timestamp> parse_timestamp(std::string_view text);

/// Appends RFC 3339 in UTC with `Z`, and a fraction (shortest that is exact) only if it is not zero. Years outside
/// 0000 to 9999 get a sign and at least five digits, which parse_timestamp does not read.
void format_timestamp(timestamp t, std::string& out);
[[nodiscard]] std::string to_string(timestamp t);

namespace detail {
/// parse_timestamp without the error's text; false leaves `t` alone.
[[nodiscard]] bool read_timestamp(std::string_view text, timestamp& t);
/// Whether RFC 3339 has a form for it: years 0000 to 9999.
[[nodiscard]] bool has_rfc3339_form(timestamp t);
} // namespace detail

} // namespace weir
