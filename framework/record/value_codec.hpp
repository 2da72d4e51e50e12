#pragma once
// What the bytes of a record's value and key mean for a C++ type.
#include <weir/record/json.hpp>

namespace weir {

/// How the key of a record on a topic is written. Keys of keyed state have their own encoding: key.hpp.
enum class key_format : std::uint8_t {
  text,    ///< Strings as they are, integers in decimal digits: readable, and what most tools write.
  integer, ///< Integers in 4 or 8 bytes, big-endian, two's complement: the Java client's IntegerSerializer, LongSerializer.
  json,    ///< The JSON form of any type.
};

namespace detail {
result<> read_integer_key(std::string_view bytes, std::int64_t& v);
result<> read_integer_text(std::string_view bytes, bool is_signed, std::int64_t& v);
void write_integer_key(std::int64_t v, std::size_t size, std::string& out);
} // namespace detail

/// Decodes a record's value: std::string and blob take the bytes as they are, everything else is JSON.
/// Errors: as decode_json.
template <class T>
result<> decode_value(std::string_view bytes, T& value, const json_limits& limits = {}) {
  if constexpr (std::is_same_v<T, std::string>) {
    value = bytes;
    return success();
  } else if constexpr (std::is_same_v<T, blob>) {
    value.data = bytes;
    return success();
  } else {
    return decode_json(bytes, value, limits);
  }
}

/// Appends a record's value: the reverse of decode_value. Errors: as encode_json; `out` is unchanged then.
template <class T>
result<> encode_value(const T& value, std::string& out) {
  if constexpr (std::is_same_v<T, std::string>) {
    out += value;
    return success();
  } else if constexpr (std::is_same_v<T, blob>) {
    out += value.data;
    return success();
  } else {
    return encode_json(value, out);
  }
}

/// Copies a record, for pass-through topics. Errors: decode_failed for malformed headers.
result<> decode_record(const record_view& record, raw_record& out);

/// Appends the key of a record. Strings, blobs and integers have a form in `text` (blobs: their bytes), integers of 4 and
/// 8 bytes in `integer`, and everything in `json`. Errors: invalid_argument for a type without that form, and as encode_json.
template <class K>
result<> encode_topic_key(const K& key, key_format format, std::string& out) {
  if (format == key_format::json)
    return encode_json(key, out);
  if constexpr (std::is_same_v<K, std::string>) {
    if (format == key_format::text) {
      out += key;
      return success();
    }
  } else if constexpr (std::is_same_v<K, blob>) {
    if (format == key_format::text) {
      out += key.data;
      return success();
    }
  } else if constexpr (std::is_integral_v<K> && !std::is_same_v<K, bool>) {
    if (format == key_format::text) {
      out += std::to_string(key);
      return success();
    }
    if constexpr (sizeof(K) == 4 || sizeof(K) == 8) {
      detail::write_integer_key(static_cast<std::int64_t>(key), sizeof(K), out);
      return success();
    }
  }
  return {errc::invalid_argument, "a key of this type has no form as text or integer: use json"};
}

namespace detail {
/// How a key is written where nobody chose: as text if it has that form, else as JSON.
template <class Key>
constexpr key_format record_key_format() {
  return std::is_same_v<Key, std::string> || std::is_same_v<Key, blob> || (std::is_integral_v<Key> && !std::is_same_v<Key, bool>)
             ? key_format::text
             : key_format::json;
}
} // namespace detail

/// Decodes the key of a record. Errors: decode_failed; invalid_argument for a type without that form.
template <class K>
result<> decode_topic_key(std::string_view bytes, key_format format, K& key) {
  if (format == key_format::json)
    return decode_json(bytes, key);
  if constexpr (std::is_same_v<K, std::string>) {
    if (format == key_format::text) {
      key = bytes;
      return success();
    }
  } else if constexpr (std::is_same_v<K, blob>) {
    if (format == key_format::text) {
      key.data = bytes;
      return success();
    }
  } else if constexpr (std::is_integral_v<K> && !std::is_same_v<K, bool>) {
    std::int64_t wide = 0;
    if (format == key_format::text) {
      WEIR_TRY(detail::read_integer_text(bytes, std::is_signed_v<K>, wide));
      if (!(std::is_unsigned_v<K> && sizeof(K) == 8) && !std::in_range<K>(wide))
        return {errc::decode_failed, "key: integer out of range"};
      key = static_cast<K>(wide);
      return success();
    }
    if constexpr (sizeof(K) == 4 || sizeof(K) == 8) {
      if (bytes.size() != sizeof(K))
        return {errc::decode_failed,
                "key: expected " + std::to_string(sizeof(K)) + " bytes, found " + std::to_string(bytes.size())};
      WEIR_TRY(detail::read_integer_key(bytes, wide));
      key = static_cast<K>(wide);
      return success();
    }
  }
  return {errc::invalid_argument, "a key of this type has no form as text or integer: use json"};
}

} // namespace weir
