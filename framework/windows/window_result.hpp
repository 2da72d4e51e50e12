#pragma once
#include <boost/describe.hpp>
#include <tuple>
#include <weir/core/timestamp.hpp>

namespace weir {

/// One key's result of one window [start, end): the values of the aggregates in the order they were given.
template <class K, class... Values>
struct window_result {
  K key;
  timestamp start;
  timestamp end;
  std::tuple<Values...> values;

  template <std::size_t I>
  [[nodiscard]] const auto& get() const {
    return std::get<I>(values);
  }
  BOOST_DESCRIBE_CLASS(window_result, (), (key, start, end, values), (), ())
};

} // namespace weir
