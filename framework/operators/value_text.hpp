#pragma once
#include <string>
#include <weir/record/value_codec.hpp>

namespace weir::detail {

/// Whether encode_json compiles for T: streams may carry types that have only a binary form.
template <class T>
constexpr bool has_json_form() {
  if constexpr (std::is_same_v<T, bool> || std::is_arithmetic_v<T> || described_enum<T> || std::is_same_v<T, std::string> ||
                std::is_same_v<T, blob> || std::is_same_v<T, timestamp> || std::is_same_v<T, decimal>) {
    return true;
  } else if constexpr (is_a<T, std::optional> || is_a<T, std::vector>) {
    return has_json_form<typename T::value_type>();
  } else if constexpr (is_a<T, std::map>) {
    return std::is_same_v<typename T::key_type, std::string> && has_json_form<typename T::mapped_type>();
  } else if constexpr (is_a<T, std::pair>) {
    return has_json_form<typename T::first_type>() && has_json_form<typename T::second_type>();
  } else if constexpr (is_a<T, std::tuple>) {
    return []<class... E>(std::tuple<E...>*) { return (has_json_form<E>() && ...); }(static_cast<T*>(nullptr));
  } else if constexpr (described_struct<T>) {
    return []<class... D>(boost::mp11::mp_list<D...>*) {
      return (has_json_form<member_type<D, T>>() && ...);
    }(static_cast<boost::mp11::mp_rename<members_of<T>, boost::mp11::mp_list>*>(nullptr));
  } else {
    return false;
  }
}

/// A value as it would be written to a topic, for dead letters and late records whose original bytes are not there;
/// empty when the type has no such form.
template <class T>
std::string value_text(const T& value) {
  std::string out;
  if constexpr (std::is_same_v<T, raw_record>)
    out = value.value.value_or("");
  else if constexpr (has_json_form<T>())
    static_cast<void>(encode_value(value, out));
  return out;
}

} // namespace weir::detail
