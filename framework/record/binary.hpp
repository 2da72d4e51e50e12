#pragma once
// The binary codec: rows between processes, values of keyed state. Format: docs/formats.md, "Binary values".
#include <bit>
#include <limits>
#include <weir/record/bytes.hpp>
#include <weir/record/describe.hpp>

namespace weir {

namespace detail {

inline constexpr int max_binary_depth = 64;

void encode_raw_record(const raw_record& r, byte_writer& out);
bool decode_raw_record(byte_reader& in, raw_record& r);
void encode_decimal(const decimal& d, byte_writer& out);
bool decode_decimal(byte_reader& in, decimal& d);

template <class T>
bool decode_binary_at(byte_reader& in, T& v, int depth);

template <class T>
bool decode_integer(byte_reader& in, T& v) {
  if constexpr (std::is_signed_v<T>) {
    auto wide = in.svarint();
    if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) {
      in.fail();
      return false;
    }
    v = static_cast<T>(wide);
  } else {
    auto wide = in.varint();
    if (wide > std::numeric_limits<T>::max()) {
      in.fail();
      return false;
    }
    v = static_cast<T>(wide);
  }
  return in.ok();
}

template <class T>
bool decode_enum(byte_reader& in, T& v) {
  // Signed whatever the underlying type: the widest enumerators that survive are those of int64.
  auto wide = in.svarint();
  if (!in.ok() || !std::in_range<std::underlying_type_t<T>>(wide)) {
    in.fail();
    return false;
  }
  v = static_cast<T>(wide);
  return true;
}

template <class T>
bool decode_struct(byte_reader& in, T& v, int depth) {
  static_assert(defaults_exist<T>(), "weir_defaults names a field that the struct does not have");
  auto written = in.varint();
  std::uint64_t index = 0;
  bool good = in.ok();
  boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
    using field = member_type<decltype(d), T>;
    if (!good)
      return;
    if (index++ < written)
      good = decode_binary_at(in, v.*d.pointer, depth + 1);
    else
      good = is_a<field, std::optional> || is_defaulted<T>(d.name);
  });
  if (!good || written > index) {
    in.fail();
    return false;
  }
  return true;
}

template <class T>
bool decode_vector(byte_reader& in, T& v, int depth) {
  auto n = in.varint();
  v.clear();
  if (n > in.remaining()) { // Every element takes a byte at least.
    in.fail();
    return false;
  }
  for (; n > 0; --n)
    if (!decode_binary_at(in, v.emplace_back(), depth + 1))
      return false;
  return in.ok();
}

template <class T>
bool decode_map(byte_reader& in, T& v, int depth) {
  auto n = in.varint();
  v.clear();
  if (n > in.remaining()) {
    in.fail();
    return false;
  }
  for (; n > 0; --n) {
    typename T::key_type key{};
    if (!decode_binary_at(in, key, depth + 1) || !decode_binary_at(in, v[std::move(key)], depth + 1))
      return false;
  }
  return in.ok();
}

template <class T>
bool decode_optional(byte_reader& in, T& v, int depth) {
  auto flag = in.u8();
  if (flag > 1)
    in.fail();
  if (!in.ok())
    return false;
  if (flag == 0) {
    v.reset();
    return true;
  }
  return decode_binary_at(in, v.emplace(), depth + 1);
}

} // namespace detail

/// Appends `v`. Types: bool, integers, float, double, std::string, blob, timestamp, duration, decimal, enums, raw_record,
/// described structs, and std::optional, vector, map, pair and tuple of these. Cannot fail.
template <class T>
void encode_binary(const T& v, byte_writer& out) {
  using namespace detail;
  if constexpr (std::is_same_v<T, bool>) {
    out.u8(v ? 1 : 0);
  } else if constexpr (std::is_enum_v<T>) {
    out.svarint(static_cast<std::int64_t>(v));
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>)
      out.svarint(v);
    else
      out.varint(v);
  } else if constexpr (std::is_same_v<T, float>) {
    out.u32(std::bit_cast<std::uint32_t>(v));
  } else if constexpr (std::is_same_v<T, double>) {
    out.u64(std::bit_cast<std::uint64_t>(v));
  } else if constexpr (std::is_same_v<T, std::string>) {
    out.string(v);
  } else if constexpr (std::is_same_v<T, blob>) {
    out.string(v.data);
  } else if constexpr (std::is_same_v<T, timestamp>) {
    out.i64(v.us);
  } else if constexpr (std::is_same_v<T, duration>) {
    out.i64(v.count());
  } else if constexpr (std::is_same_v<T, decimal>) {
    encode_decimal(v, out);
  } else if constexpr (std::is_same_v<T, raw_record>) {
    encode_raw_record(v, out);
  } else if constexpr (is_a<T, std::optional>) {
    out.u8(v ? 1 : 0);
    if (v)
      encode_binary(*v, out);
  } else if constexpr (is_a<T, std::vector>) {
    static_assert(!std::is_same_v<typename T::value_type, bool>, "std::vector<bool> has no addressable elements");
    out.varint(v.size());
    for (const auto& element : v)
      encode_binary(element, out);
  } else if constexpr (is_a<T, std::map>) {
    out.varint(v.size());
    for (const auto& [key, element] : v) {
      encode_binary(key, out);
      encode_binary(element, out);
    }
  } else if constexpr (is_a<T, std::pair> || is_a<T, std::tuple>) {
    static_assert(std::tuple_size_v<T> > 0, "an empty tuple has no encoding");
    std::apply([&](const auto&... e) { (encode_binary(e, out), ...); }, v);
  } else if constexpr (described_struct<T>) {
    static_assert(defaults_exist<T>(), "weir_defaults names a field that the struct does not have");
    out.varint(boost::mp11::mp_size<members_of<T>>::value);
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) { encode_binary(v.*d.pointer, out); });
  } else {
    static_assert(always_false<T>, "this type has no binary encoding: describe it with BOOST_DESCRIBE_STRUCT");
  }
}

template <class T>
bool detail::decode_binary_at(byte_reader& in, T& v, int depth) {
  if (depth > max_binary_depth) {
    in.fail();
    return false;
  }
  if constexpr (std::is_same_v<T, bool>) {
    auto b = in.u8();
    if (b > 1)
      in.fail();
    v = b == 1;
    return in.ok();
  } else if constexpr (std::is_enum_v<T>) {
    return decode_enum(in, v);
  } else if constexpr (std::is_integral_v<T>) {
    return decode_integer(in, v);
  } else if constexpr (std::is_same_v<T, float>) {
    v = std::bit_cast<float>(in.u32());
    return in.ok();
  } else if constexpr (std::is_same_v<T, double>) {
    v = std::bit_cast<double>(in.u64());
    return in.ok();
  } else if constexpr (std::is_same_v<T, std::string>) {
    v = in.string();
    return in.ok();
  } else if constexpr (std::is_same_v<T, blob>) {
    v.data = in.string();
    return in.ok();
  } else if constexpr (std::is_same_v<T, timestamp>) {
    v.us = in.i64();
    return in.ok();
  } else if constexpr (std::is_same_v<T, duration>) {
    v = duration{in.i64()};
    return in.ok();
  } else if constexpr (std::is_same_v<T, decimal>) {
    return decode_decimal(in, v);
  } else if constexpr (std::is_same_v<T, raw_record>) {
    return decode_raw_record(in, v);
  } else if constexpr (is_a<T, std::optional>) {
    return decode_optional(in, v, depth);
  } else if constexpr (is_a<T, std::vector>) {
    return decode_vector(in, v, depth);
  } else if constexpr (is_a<T, std::map>) {
    return decode_map(in, v, depth);
  } else if constexpr (is_a<T, std::pair> || is_a<T, std::tuple>) {
    return std::apply([&](auto&... e) { return (decode_binary_at(in, e, depth + 1) && ...); }, v);
  } else if constexpr (described_struct<T>) {
    return decode_struct(in, v, depth);
  } else {
    static_assert(always_false<T>, "this type has no binary encoding: describe it with BOOST_DESCRIBE_STRUCT");
  }
}

/// Reads what encode_binary wrote; false (and the reader failed) for anything else, `v` is unspecified then.
/// A described struct that has gained fields at its end since it was written is accepted when the new ones are optional
/// or listed in weir_defaults: they keep the value `v` had.
template <class T>
bool decode_binary(byte_reader& in, T& v) {
  return detail::decode_binary_at(in, v, 0);
}

namespace detail {

/// Its address stands for T.
template <class T>
inline constexpr char type_tag = 0;

template <class T>
void append_fingerprint(std::string& out, std::vector<const void*>& open) {
  auto list = [&]<class... E>(const char* name, std::tuple<E...>*) {
    out += name;
    out += '<';
    std::size_t i = 0;
    ((out += (i++ == 0 ? "" : ","), append_fingerprint<E>(out, open)), ...);
    out += '>';
  };
  if constexpr (std::is_same_v<T, bool>) {
    out += "bool";
  } else if constexpr (std::is_enum_v<T>) {
    out += "enum ";
    append_fingerprint<std::underlying_type_t<T>>(out, open);
  } else if constexpr (std::is_integral_v<T>) {
    out += std::is_signed_v<T> ? 'i' : 'u';
    out += std::to_string(sizeof(T) * 8);
  } else if constexpr (std::is_same_v<T, float>) {
    out += "f32";
  } else if constexpr (std::is_same_v<T, double>) {
    out += "f64";
  } else if constexpr (std::is_same_v<T, std::string>) {
    out += "string";
  } else if constexpr (std::is_same_v<T, blob>) {
    out += "bytes";
  } else if constexpr (std::is_same_v<T, timestamp>) {
    out += "timestamp";
  } else if constexpr (std::is_same_v<T, duration>) {
    out += "duration";
  } else if constexpr (std::is_same_v<T, decimal>) {
    out += "decimal";
  } else if constexpr (std::is_same_v<T, raw_record>) {
    out += "raw_record";
  } else if constexpr (is_a<T, std::optional>) {
    list("optional", static_cast<std::tuple<typename T::value_type>*>(nullptr));
  } else if constexpr (is_a<T, std::vector>) {
    list("vector", static_cast<std::tuple<typename T::value_type>*>(nullptr));
  } else if constexpr (is_a<T, std::map>) {
    list("map", static_cast<std::tuple<typename T::key_type, typename T::mapped_type>*>(nullptr));
  } else if constexpr (is_a<T, std::pair>) {
    list("tuple", static_cast<std::tuple<typename T::first_type, typename T::second_type>*>(nullptr));
  } else if constexpr (is_a<T, std::tuple>) {
    list("tuple", static_cast<T*>(nullptr));
  } else if constexpr (described_struct<T>) {
    // A struct that contains itself is written as its distance to the enclosing one of the same type.
    const void* id = &type_tag<T>;
    for (std::size_t i = open.size(); i > 0; --i)
      if (open[i - 1] == id) {
        out += '^';
        out += std::to_string(open.size() - i);
        return;
      }
    open.push_back(id);
    out += '{';
    std::size_t i = 0;
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
      if (i++ != 0)
        out += ',';
      out += d.name;
      if (is_defaulted<T>(d.name))
        out += '?';
      out += ':';
      append_fingerprint<member_type<decltype(d), T>>(out, open);
    });
    out += '}';
    open.pop_back();
  } else {
    static_assert(always_false<T>, "this type has no binary encoding: describe it with BOOST_DESCRIBE_STRUCT");
  }
}

} // namespace detail

/// The schema of T as a readable line, e.g. `{order_id:i64,customer:string,note?:string}`: the same for every type
/// whose binary form is the same. Names of types are not part of it; names and order of fields are.
template <class T>
std::string schema_fingerprint() {
  std::string out;
  std::vector<const void*> open;
  detail::append_fingerprint<T>(out, open);
  return out;
}

/// Whether values written under the schema `stored` are read right under `current`: both equal, or `current` has only
/// gained optional or defaulted fields at the end of described structs.
[[nodiscard]] bool schema_accepts(std::string_view current, std::string_view stored);

} // namespace weir
