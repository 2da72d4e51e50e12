#pragma once
// Keys of keyed state: an encoding whose byte order is the order of the values, and the hash that decides the key group.
// Format: docs/formats.md, "State keys" and "Key hash".
#include <weir/record/bytes.hpp>
#include <weir/record/describe.hpp>

namespace weir {

/// XXH3-64 with seed 0: the hash of an encoded key. The same in every release. Any thread.
[[nodiscard]] std::uint64_t hash_bytes(std::string_view bytes);

namespace detail {

/// 0x00 becomes 0x00 0xff; 0x00 0x01 ends the text: so a text sorts before its continuations whatever follows it.
void encode_key_text(std::string_view v, std::string& out);
bool decode_key_text(byte_reader& in, std::string& v);

template <class T>
void encode_key_integer(T v, std::string& out) {
  using bits = std::make_unsigned_t<T>;
  auto u = static_cast<bits>(v);
  if constexpr (std::is_signed_v<T>)
    u = static_cast<bits>(u ^ (bits{1} << (sizeof(T) * 8 - 1)));
  char b[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i)
    b[i] = static_cast<char>((u >> (8 * (sizeof(T) - 1 - i))) & 0xff);
  out.append(b, sizeof(T));
}

template <class T>
bool decode_key_integer(byte_reader& in, T& v) {
  using bits = std::make_unsigned_t<T>;
  auto b = in.bytes(sizeof(T));
  if (!in.ok())
    return false;
  bits u = 0;
  for (char c : b) {
    if constexpr (sizeof(T) > 1)
      u = static_cast<bits>(u << 8);
    u = static_cast<bits>(u | static_cast<unsigned char>(c));
  }
  if constexpr (std::is_signed_v<T>)
    u = static_cast<bits>(u ^ (bits{1} << (sizeof(T) * 8 - 1)));
  v = static_cast<T>(u);
  return true;
}

} // namespace detail

/// Appends the encoding of a key. Types: bool, integers, enums, std::string, blob, timestamp, described structs, and
/// std::optional, vector, pair and tuple of these. Not float, double and decimal: values that compare equal must have
/// one encoding. The bytes of two keys of one type compare like the keys, field by field.
template <class K>
void encode_key(const K& k, std::string& out) {
  using namespace detail;
  if constexpr (std::is_same_v<K, bool>) {
    out.push_back(k ? 1 : 0);
  } else if constexpr (std::is_enum_v<K>) {
    encode_key_integer(static_cast<std::underlying_type_t<K>>(k), out);
  } else if constexpr (std::is_integral_v<K>) {
    encode_key_integer(k, out);
  } else if constexpr (std::is_same_v<K, std::string>) {
    encode_key_text(k, out);
  } else if constexpr (std::is_same_v<K, blob>) {
    encode_key_text(k.data, out);
  } else if constexpr (std::is_same_v<K, timestamp>) {
    encode_key_integer(k.us, out);
  } else if constexpr (is_a<K, std::optional>) {
    out.push_back(k ? 1 : 0);
    if (k)
      encode_key(*k, out);
  } else if constexpr (is_a<K, std::vector>) {
    for (const auto& element : k) {
      out.push_back(1);
      encode_key(element, out);
    }
    out.push_back(0);
  } else if constexpr (is_a<K, std::pair> || is_a<K, std::tuple>) {
    std::apply([&](const auto&... e) { (encode_key(e, out), ...); }, k);
  } else if constexpr (described_struct<K>) {
    boost::mp11::mp_for_each<members_of<K>>([&](auto d) { encode_key(k.*d.pointer, out); });
  } else {
    static_assert(always_false<K>, "this type cannot be a key");
  }
}

/// Reads what encode_key wrote; false (and the reader failed) for anything else, `k` is unspecified then.
template <class K>
bool decode_key(byte_reader& in, K& k) {
  using namespace detail;
  if constexpr (std::is_same_v<K, bool>) {
    auto b = in.u8();
    if (b > 1)
      in.fail();
    k = b == 1;
    return in.ok();
  } else if constexpr (std::is_enum_v<K>) {
    std::underlying_type_t<K> number{};
    bool good = decode_key_integer(in, number);
    k = static_cast<K>(number);
    return good;
  } else if constexpr (std::is_integral_v<K>) {
    return decode_key_integer(in, k);
  } else if constexpr (std::is_same_v<K, std::string>) {
    return decode_key_text(in, k);
  } else if constexpr (std::is_same_v<K, blob>) {
    return decode_key_text(in, k.data);
  } else if constexpr (std::is_same_v<K, timestamp>) {
    return decode_key_integer(in, k.us);
  } else if constexpr (is_a<K, std::optional>) {
    auto flag = in.u8();
    if (flag > 1)
      in.fail();
    if (!in.ok())
      return false;
    if (flag == 0) {
      k.reset();
      return true;
    }
    return decode_key(in, k.emplace());
  } else if constexpr (is_a<K, std::vector>) {
    k.clear();
    for (;;) {
      auto flag = in.u8();
      if (flag > 1)
        in.fail();
      if (!in.ok())
        return false;
      if (flag == 0)
        return true;
      if (!decode_key(in, k.emplace_back()))
        return false;
    }
  } else if constexpr (is_a<K, std::pair> || is_a<K, std::tuple>) {
    return std::apply([&](auto&... e) { return (decode_key(in, e) && ...); }, k);
  } else if constexpr (described_struct<K>) {
    bool good = true;
    boost::mp11::mp_for_each<members_of<K>>([&](auto d) { good = good && decode_key(in, k.*d.pointer); });
    return good;
  } else {
    static_assert(always_false<K>, "this type cannot be a key");
  }
}

/// The encoding of a key on its own.
template <class K>
[[nodiscard]] std::string encoded_key(const K& k) {
  std::string out;
  encode_key(k, out);
  return out;
}

/// The hash that decides the key group of a key: hash_bytes over its encoding. Any thread; allocates at most once a thread.
template <class K>
[[nodiscard]] std::uint64_t key_hash_of(const K& k) {
  thread_local std::string buffer;
  buffer.clear();
  encode_key(k, buffer);
  return hash_bytes(buffer);
}

} // namespace weir
