#pragma once
// What Weir knows about a user's types, from Boost.Describe. Everything here is resolved while compiling.
#include <array>
#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>
#include <weir/core/timestamp.hpp>
#include <weir/record/blob.hpp>
#include <weir/record/decimal.hpp>
#include <weir/record/raw_record.hpp>

namespace weir {

/// A struct with BOOST_DESCRIBE_STRUCT: a record, or part of one. It must be default-constructible.
///
/// Two static members of the struct declare what happens to absent values:
///
///     struct order {
///       std::int64_t id = 0;
///       std::string currency = "EUR";
///       std::optional<std::string> note;
///       static constexpr std::string_view weir_defaults[] = {"currency"};  // may be missing: keeps "EUR"
///       static constexpr bool weir_omit_null = true;                        // an empty `note` is left out of JSON
///     };
template <class T>
concept described_struct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

/// An enum with BOOST_DESCRIBE_ENUM: its enumerator's name in JSON, its number elsewhere.
template <class T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

namespace detail {

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... Args>
inline constexpr bool is_a<Template<Args...>, Template> = true;

template <class T>
inline constexpr bool always_false = false;

template <class T>
using members_of = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

/// The type of a described member.
template <class Descriptor, class T>
using member_type = std::remove_cvref_t<decltype(std::declval<T&>().*Descriptor::pointer)>;

template <class T>
concept has_defaults = requires {
  std::begin(T::weir_defaults);
};

/// Whether a field of T may be missing although it is no optional.
template <class T>
constexpr bool is_defaulted(std::string_view field) {
  if constexpr (has_defaults<T>)
    for (std::string_view name : T::weir_defaults)
      if (name == field)
        return true;
  return false;
}

template <class T>
constexpr bool omits_null() {
  if constexpr (requires { T::weir_omit_null; })
    return T::weir_omit_null;
  else
    return false;
}

/// Every name in weir_defaults is a field: a misspelt one would silently make its field required.
template <class T>
constexpr bool defaults_exist() {
  if constexpr (has_defaults<T>) {
    for (std::string_view name : T::weir_defaults) {
      bool found = false;
      boost::mp11::mp_for_each<members_of<T>>([&](auto d) { found = found || name == d.name; });
      if (!found)
        return false;
    }
  }
  return true;
}

} // namespace detail
} // namespace weir
