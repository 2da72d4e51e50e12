#pragma once
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <weir/operators/error_handler.hpp>
#include <weir/operators/value_text.hpp>

namespace weir::detail {

/// Calls a user's function with a row's value: moved in, unless `keep` says that the value is still needed when it throws.
template <class F, class T>
decltype(auto) call_user(F& f, T& value, bool keep) {
  if constexpr (std::is_invocable_v<F&, const T&>) {
    if (keep)
      return std::invoke(f, std::as_const(value));
    if constexpr (std::is_same_v<std::invoke_result_t<F&, const T&>, std::invoke_result_t<F&, T&&>>)
      return std::invoke(f, std::move(value));
    else
      return std::invoke(f, std::as_const(value));
  } else if constexpr (std::is_invocable_v<F&, T&&>) {
    return std::invoke(f, std::move(value));
  } else {
    return std::invoke(f, value);
  }
}

/// Applies the error policy to a row of a typed batch.
template <class T>
result<> reject_row(error_handler& errors, const batch<T>& rows, std::size_t row, errc code, std::string_view what) {
  if (errors.wants_value(rows, row)) {
    auto value = value_text(rows.values[row]);
    return errors.reject(rejected_row(rows, row, value), code, what);
  }
  return errors.reject(rejected_row(rows, row, std::nullopt), code, what);
}

/// The rows of an input from the one that waits for its next try on.
template <class T>
class held_rows {
 public:
  [[nodiscard]] bool empty() const { return rows_.size() == 0; }
  /// Takes the rows from `from` on; what is left of them in `rows` is unspecified.
  void hold(batch<T>& rows, std::size_t from) {
    batch<T> tail;
    for (auto i = from; i < rows.size(); ++i) {
      auto meta = rows.meta[i];
      if (meta.raw.kept)
        meta.raw = tail.copy_raw(rows, meta.raw);
      tail.push(std::move(rows.values[i]), meta);
    }
    rows_ = std::move(tail);
  }
  batch<T> take() { return std::exchange(rows_, {}); }

 private:
  batch<T> rows_;
};

/// Keeps rows of a batch in place: `keep(i)` moves row i behind those kept so far.
template <class T>
class row_compactor {
 public:
  explicit row_compactor(batch<T>& rows) : rows_(rows) {}
  void keep(std::size_t i) {
    if (kept_ != i) {
      rows_.values[kept_] = std::move(rows_.values[i]);
      rows_.meta[kept_] = rows_.meta[i];
    }
    ++kept_;
  }
  /// Cuts off what was not kept; the arena is rebuilt when most of it has become waste.
  void finish() {
    auto before = rows_.meta.size();
    rows_.values.erase(rows_.values.begin() + static_cast<std::ptrdiff_t>(kept_), rows_.values.end());
    rows_.meta.resize(kept_);
    if (kept_ * 2 < before && !rows_.raw.empty()) {
      batch<T> old;
      old.raw.swap(rows_.raw);
      for (auto& m : rows_.meta)
        if (m.raw.kept)
          m.raw = rows_.copy_raw(old, m.raw);
    }
  }

 private:
  batch<T>& rows_;
  std::size_t kept_ = 0;
};

} // namespace weir::detail
