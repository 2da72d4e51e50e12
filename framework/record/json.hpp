#pragma once
// JSON straight into and out of described structs. Rules: docs/formats.md, "JSON values".
#include <weir/core/result.hpp>
#include <weir/record/json_type.hpp>

namespace weir {

struct json_limits {
  std::size_t max_bytes = 16 * 1024 * 1024; ///< Longer texts are refused before they are read.
  int max_depth = 32;                       ///< Of nested objects and arrays, also in skipped fields; at most 64.
};

namespace detail {
result<> decode_json_into(std::string_view text, const json_type& type, void* value, const json_limits& limits);
result<> encode_json_from(const void* value, const json_type& type, std::string& out);
/// Which variant of the decoder this machine uses: "avx2" or "baseline".
const char* json_variant();
} // namespace detail

/// Reads one JSON value into `value`. Fields the struct does not have are skipped and not validated. A missing field is
/// an error unless it is a std::optional or listed in weir_defaults; such a field keeps what `value` held, so pass a new
/// one. A field that comes twice is an error, as is null where there is no std::optional.
/// Errors: decode_failed with field path and byte offset (`amount_cents at byte 37: expected integer, found string`),
/// too_large. `value` is unspecified then. Any thread; allocates only what the value itself needs.
template <class T>
result<> decode_json(std::string_view text, T& value, const json_limits& limits = {}) {
  return detail::decode_json_into(text, detail::json_table<T>::value, &value, limits);
}

/// Appends `value` as JSON without blanks: fields in the order of their declaration, an empty optional as null, or left
/// out in a struct that says weir_omit_null. Errors: invalid_argument with the field path, for NaN and infinity, a
/// string that is not UTF-8, an enum without such a name, a time outside the years 0000 to 9999; `out` is unchanged then.
template <class T>
result<> encode_json(const T& value, std::string& out) {
  return detail::encode_json_from(&value, detail::json_table<T>::value, out);
}

} // namespace weir
