#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <weir/record/binary.hpp>
#include <weir/windows/window_result.hpp>

namespace weir {

// An aggregate of values of T has
//   state<T>                         default: nothing seen; has a binary encoding
//   add(state&, const T&)            one more value, in the order of arrival; may throw, then the state is not used
//   merge(state&, const state&)      the later part of a window
//   finish(const state&)             the result; the state has seen at least one value
// Aggregates are copied into every task.

namespace detail {

template <class F, class T>
using field_of = std::remove_cvref_t<std::invoke_result_t<const F&, const T&>>;

/// What sums of V are kept in: 64 bits for integers, double for floating point, else V.
template <class V>
using sum_of = std::conditional_t<
    std::is_floating_point_v<V>, double,
    std::conditional_t<std::is_integral_v<V>, std::conditional_t<std::is_unsigned_v<V>, std::uint64_t, std::int64_t>, V>>;

template <class S, class V>
void add_checked(S& to, const V& v) {
  if constexpr (std::is_integral_v<S>) {
    if (__builtin_add_overflow(to, static_cast<S>(v), &to))
      throw std::overflow_error("the sum does not fit into 64 bits");
  } else {
    to = to + static_cast<S>(v);
  }
}

} // namespace detail

/// The sum of a member or function of the value. Integers are added exactly in 64 bits; an overflow is an error of the
/// record that caused it.
template <class F>
struct sum {
  F field;
  explicit sum(F f) : field(std::move(f)) {}
  template <class T>
  using state = detail::sum_of<detail::field_of<F, T>>;
  static constexpr const char* text = "sum";
  template <class T>
  void add(state<T>& s, const T& v) const {
    detail::add_checked(s, std::invoke(field, v));
  }
  template <class T>
  void merge(state<T>& s, const state<T>& later) const {
    detail::add_checked(s, later);
  }
  template <class T>
  state<T> finish(const state<T>& s) const {
    return s;
  }
};

/// The number of values.
struct count {
  template <class T>
  using state = std::int64_t;
  static constexpr const char* text = "count";
  template <class T>
  void add(state<T>& s, const T&) const {
    ++s;
  }
  template <class T>
  void merge(state<T>& s, const state<T>& later) const {
    s += later;
  }
  template <class T>
  state<T> finish(const state<T>& s) const {
    return s;
  }
};

namespace detail {

template <class F, bool Smaller>
struct extreme {
  F field;
  explicit extreme(F f) : field(std::move(f)) {}
  template <class T>
  using state = std::optional<field_of<F, T>>;
  static constexpr const char* text = Smaller ? "min" : "max";
  template <class T>
  void add(state<T>& s, const T& v) const {
    offer<T>(s, std::invoke(field, v));
  }
  template <class T>
  void merge(state<T>& s, const state<T>& later) const {
    if (later)
      offer<T>(s, *later);
  }
  template <class T>
  field_of<F, T> finish(const state<T>& s) const {
    return s.value();
  }

 private:
  template <class T>
  static void offer(state<T>& s, const field_of<F, T>& v) {
    if (!s || (Smaller ? v < *s : *s < v))
      s = v;
  }
};

} // namespace detail

/// The smallest and the greatest value of a member or function; of equal ones the first.
template <class F>
struct min : detail::extreme<F, true> {
  using detail::extreme<F, true>::extreme;
};
template <class F>
min(F) -> min<F>;
template <class F>
struct max : detail::extreme<F, false> {
  using detail::extreme<F, false>::extreme;
};
template <class F>
max(F) -> max<F>;

/// The arithmetic mean of a numeric member or function, as double. Integers are summed exactly first.
template <class F>
struct avg {
  F field;
  explicit avg(F f) : field(std::move(f)) {}
  template <class T>
  using state = std::pair<detail::sum_of<detail::field_of<F, T>>, std::int64_t>;
  static constexpr const char* text = "avg";
  template <class T>
  void add(state<T>& s, const T& v) const {
    static_assert(std::is_arithmetic_v<detail::field_of<F, T>>, "weir::avg needs a number");
    detail::add_checked(s.first, std::invoke(field, v));
    ++s.second;
  }
  template <class T>
  void merge(state<T>& s, const state<T>& later) const {
    detail::add_checked(s.first, later.first);
    s.second += later.second;
  }
  template <class T>
  double finish(const state<T>& s) const {
    return static_cast<double>(s.first) / static_cast<double>(s.second);
  }
};

namespace detail {

/// Several aggregates of one window at once.
template <class T, class... A>
class aggregate_all {
 public:
  using state = std::tuple<typename A::template state<T>...>;
  using values =
      std::tuple<decltype(std::declval<const A&>().template finish<T>(std::declval<const typename A::template state<T>&>()))...>;
  template <class K>
  using result_row = window_result<K, decltype(std::declval<const A&>().template finish<T>(
                                          std::declval<const typename A::template state<T>&>()))...>;

  explicit aggregate_all(A... a) : all_(std::move(a)...) {}

  void add(state& s, const T& v) const { add_each(s, v, std::index_sequence_for<A...>{}); }
  void merge(state& s, const state& later) const { merge_each(s, later, std::index_sequence_for<A...>{}); }
  [[nodiscard]] values finish(const state& s) const { return finish_each(s, std::index_sequence_for<A...>{}); }
  /// `sum:i64,count:i64`: names and state types.
  [[nodiscard]] static std::string schema() {
    std::string out;
    ((out += (out.empty() ? "" : ",") + std::string(A::text) + ":" + schema_fingerprint<typename A::template state<T>>()), ...);
    return out;
  }

 private:
  template <std::size_t... I>
  void add_each(state& s, const T& v, std::index_sequence<I...>) const {
    (std::get<I>(all_).template add<T>(std::get<I>(s), v), ...);
  }
  template <std::size_t... I>
  void merge_each(state& s, const state& later, std::index_sequence<I...>) const {
    (std::get<I>(all_).template merge<T>(std::get<I>(s), std::get<I>(later)), ...);
  }
  template <std::size_t... I>
  values finish_each(const state& s, std::index_sequence<I...>) const {
    return values{std::get<I>(all_).template finish<T>(std::get<I>(s))...};
  }
  std::tuple<A...> all_;
};

/// A reduce function as an aggregate: T(const T& earlier, const T& later), associative.
template <class F>
struct reducer {
  F f;
  template <class T>
  using state = std::optional<T>;
  static constexpr const char* text = "reduce";
  template <class T>
  void add(state<T>& s, const T& v) const {
    s = s ? std::invoke(f, std::as_const(*s), v) : v;
  }
  template <class T>
  void merge(state<T>& s, const state<T>& later) const {
    if (later)
      add<T>(s, *later);
  }
  template <class T>
  T finish(const state<T>& s) const {
    return s.value();
  }
};

} // namespace detail
} // namespace weir
