#pragma once
// The table that drives the JSON decoder and encoder: constexpr, one per type, made from the struct's description.
#include <cstddef>
#include <weir/record/describe.hpp>

namespace weir::detail {

enum class json_kind : std::uint8_t {
  boolean,
  signed_integer,
  unsigned_integer,
  float32,
  float64,
  string,
  bytes,
  time,
  decimal,
  enumeration,
  structure,
  optional,
  vector,
  map,
  tuple,
};

struct json_type;

/// A field of a struct, or an element of a tuple (then without name).
struct json_field {
  std::string_view name;
  const json_type* type = nullptr;
  /// The field in its object. Boost.Describe gives member pointers, of which no constant offset can be had.
  void* (*at)(void* object) = nullptr;
  bool required = true;
  /// The name and the quote behind it, for one comparison of 16 bytes; head_size is 0 where they are longer.
  std::uint8_t head_size = 0;
  std::array<char, 16> head{};
};

struct json_enumerator {
  std::string_view name;
  std::int64_t number = 0;
};

inline constexpr std::size_t max_json_fields = 256;
using field_set = std::array<std::uint64_t, max_json_fields / 64>;

/// What can be done with a container whose type is unknown here.
struct json_container {
  void (*clear)(void* c) = nullptr;
  /// Vector: a new element at the end. Optional: its value, made now.
  void* (*append)(void* c) = nullptr;
  /// Map: the value of a new key; null if the key is there already.
  void* (*insert)(void* c, std::string&& key) = nullptr;
  std::size_t (*size)(const void* c) = nullptr;
  /// Calls `each` with every element (and its key, in a map) until one call returns false.
  bool (*visit)(const void* c, void* context, bool (*each)(void* context, const std::string* key, const void* value)) = nullptr;
};

struct json_type {
  json_kind kind = json_kind::boolean;
  std::uint8_t size = 0;   ///< Of integers and enums, in bytes.
  bool is_signed = true;   ///< Of enums.
  bool omit_null = false;  ///< Of structs.
  std::uint16_t count = 0; ///< Of fields or enumerators.
  const json_field* fields = nullptr;
  const json_enumerator* enumerators = nullptr;
  const json_type* element = nullptr; ///< Of optional, vector and map.
  const json_container* container = nullptr;
  bool all_heads = true; ///< Every field's name has a head.
  field_set required{};
};

template <class T>
struct json_table;

constexpr json_field make_json_field(std::string_view name, const json_type* type, void* (*at)(void*), bool required) {
  json_field f{name, type, at, required, 0, {}};
  if (name.size() < f.head.size()) {
    for (std::size_t i = 0; i < name.size(); ++i)
      f.head[i] = name[i];
    f.head[name.size()] = '"';
    f.head_size = static_cast<std::uint8_t>(name.size() + 1);
  }
  return f;
}

template <class T>
struct optional_ops {
  static void clear(void* c) { static_cast<T*>(c)->reset(); }
  static void* append(void* c) { return &static_cast<T*>(c)->emplace(); }
  static std::size_t size(const void* c) { return static_cast<const T*>(c)->has_value() ? 1 : 0; }
  static bool visit(const void* c, void* context, bool (*each)(void*, const std::string*, const void*)) {
    const auto& v = *static_cast<const T*>(c);
    return !v || each(context, nullptr, &*v);
  }
  static constexpr json_container ops{clear, append, nullptr, size, visit};
};

template <class T>
struct vector_ops {
  static_assert(!std::is_same_v<typename T::value_type, bool>, "std::vector<bool> has no addressable elements");
  static void clear(void* c) { static_cast<T*>(c)->clear(); }
  static void* append(void* c) { return &static_cast<T*>(c)->emplace_back(); }
  static std::size_t size(const void* c) { return static_cast<const T*>(c)->size(); }
  static bool visit(const void* c, void* context, bool (*each)(void*, const std::string*, const void*)) {
    for (const auto& element : *static_cast<const T*>(c))
      if (!each(context, nullptr, &element))
        return false;
    return true;
  }
  static constexpr json_container ops{clear, append, nullptr, size, visit};
};

template <class T>
struct map_ops {
  static_assert(std::is_same_v<typename T::key_type, std::string>, "a map in JSON has keys of type std::string");
  static void clear(void* c) { static_cast<T*>(c)->clear(); }
  static void* insert(void* c, std::string&& key) {
    auto [at, fresh] = static_cast<T*>(c)->try_emplace(std::move(key));
    return fresh ? &at->second : nullptr;
  }
  static std::size_t size(const void* c) { return static_cast<const T*>(c)->size(); }
  static bool visit(const void* c, void* context, bool (*each)(void*, const std::string*, const void*)) {
    for (const auto& [key, value] : *static_cast<const T*>(c))
      if (!each(context, &key, &value))
        return false;
    return true;
  }
  static constexpr json_container ops{clear, nullptr, insert, size, visit};
};

template <class T>
struct struct_fields {
  static constexpr std::size_t count = boost::mp11::mp_size<members_of<T>>::value;
  static_assert(count <= max_json_fields, "a struct in JSON has at most 256 fields");
  static_assert(defaults_exist<T>(), "weir_defaults names a field that the struct does not have");

  static constexpr auto make() {
    std::array<json_field, count + 1> all{};
    std::size_t i = 0;
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
      using field = member_type<decltype(d), T>;
      all[i++] = make_json_field(
          d.name, &json_table<field>::value,
          [](void* object) -> void* { return &(static_cast<T*>(object)->*decltype(d)::pointer); },
          !is_a<field, std::optional> && !is_defaulted<T>(d.name));
    });
    return all;
  }
  static constexpr auto fields = make();
};

template <class T>
struct tuple_fields {
  static constexpr std::size_t count = std::tuple_size_v<T>;

  template <std::size_t... I>
  static constexpr auto make(std::index_sequence<I...>) {
    return std::array<json_field, count>{make_json_field(
        {}, &json_table<std::tuple_element_t<I, T>>::value,
        [](void* object) -> void* { return &std::get<I>(*static_cast<T*>(object)); }, true)...};
  }
  static constexpr auto fields = make(std::make_index_sequence<count>{});
};

template <class T>
struct enum_names {
  using list = boost::describe::describe_enumerators<T>;
  static constexpr std::size_t count = boost::mp11::mp_size<list>::value;
  static constexpr auto make() {
    std::array<json_enumerator, count + 1> all{};
    std::size_t i = 0;
    boost::mp11::mp_for_each<list>([&](auto d) { all[i++] = {d.name, static_cast<std::int64_t>(d.value)}; });
    return all;
  }
  static constexpr auto names = make();
};

template <class T>
constexpr json_type make_json_type() {
  json_type t;
  if constexpr (std::is_same_v<T, bool>) {
    t.kind = json_kind::boolean;
  } else if constexpr (described_enum<T>) {
    t.kind = json_kind::enumeration;
    t.size = sizeof(T);
    t.is_signed = std::is_signed_v<std::underlying_type_t<T>>;
    t.count = static_cast<std::uint16_t>(enum_names<T>::count);
    t.enumerators = enum_names<T>::names.data();
  } else if constexpr (std::is_integral_v<T>) {
    t.kind = std::is_signed_v<T> ? json_kind::signed_integer : json_kind::unsigned_integer;
    t.size = sizeof(T);
  } else if constexpr (std::is_same_v<T, float>) {
    t.kind = json_kind::float32;
  } else if constexpr (std::is_same_v<T, double>) {
    t.kind = json_kind::float64;
  } else if constexpr (std::is_same_v<T, std::string>) {
    t.kind = json_kind::string;
  } else if constexpr (std::is_same_v<T, blob>) {
    t.kind = json_kind::bytes;
  } else if constexpr (std::is_same_v<T, timestamp>) {
    t.kind = json_kind::time;
  } else if constexpr (std::is_same_v<T, decimal>) {
    t.kind = json_kind::decimal;
  } else if constexpr (is_a<T, std::optional>) {
    t.kind = json_kind::optional;
    t.element = &json_table<typename T::value_type>::value;
    t.container = &optional_ops<T>::ops;
  } else if constexpr (is_a<T, std::vector>) {
    t.kind = json_kind::vector;
    t.element = &json_table<typename T::value_type>::value;
    t.container = &vector_ops<T>::ops;
  } else if constexpr (is_a<T, std::map>) {
    t.kind = json_kind::map;
    t.element = &json_table<typename T::mapped_type>::value;
    t.container = &map_ops<T>::ops;
  } else if constexpr (is_a<T, std::pair> || is_a<T, std::tuple>) {
    t.kind = json_kind::tuple;
    t.count = static_cast<std::uint16_t>(tuple_fields<T>::count);
    t.fields = tuple_fields<T>::fields.data();
  } else if constexpr (described_struct<T>) {
    t.kind = json_kind::structure;
    t.omit_null = omits_null<T>();
    t.count = static_cast<std::uint16_t>(struct_fields<T>::count);
    t.fields = struct_fields<T>::fields.data();
    for (std::size_t i = 0; i < struct_fields<T>::count; ++i) {
      const auto& f = t.fields[i];
      t.all_heads = t.all_heads && f.head_size != 0;
      if (f.required)
        t.required[i / 64] |= std::uint64_t{1} << (i % 64);
    }
  } else {
    static_assert(always_false<T>, "this type has no JSON form: describe it with BOOST_DESCRIBE_STRUCT or _ENUM");
  }
  return t;
}

/// A class template because a type may contain itself (in a vector or map): the address is known before the value.
template <class T>
struct json_table {
  static const json_type value;
};
template <class T>
constexpr json_type json_table<T>::value = make_json_type<T>();

} // namespace weir::detail
