#pragma once
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#include <weir/operators/process_function.hpp>

namespace weir {

namespace detail {

/// How many entries an iteration reads before it gives them to user code, which may then change the state.
inline constexpr std::size_t entries_at_once = 64;

template <class V>
V decode_entry(process_runtime& runtime, std::string_view bytes) {
  V value{};
  byte_reader in(bytes);
  if (!decode_binary(in, value))
    throw state_exception(runtime.corrupt("an entry of its state cannot be read"));
  return value;
}

/// Calls f(arguments...) and says whether to go on: false only if it returned false.
template <class F, class... A>
bool goes_on(F& f, A&&... arguments) {
  if constexpr (std::is_same_v<std::invoke_result_t<F&, A...>, bool>)
    return std::invoke(f, std::forward<A>(arguments)...);
  else
    std::invoke(f, std::forward<A>(arguments)...);
  return true;
}

} // namespace detail

/// A map of M to V per key, ordered by M, part of every checkpoint. A member of a process function:
///
///   weir::map_state<weir::timestamp, charge> waiting{*this, "waiting"};
///
/// Every entry is a row of its own: a call reads and writes the entries it names, however many there are. The name is the
/// identity of the state. M is of a type that a key of key_by can have (record/key.hpp) and is ordered as its fields are;
/// V has a binary encoding (record/binary.hpp). The methods work on the key at hand; state errors leave user code as
/// state_exception and fail the task. Cost: one row access each, of iterations one scan for every 64 entries.
///
/// Entries whose key and M take more than 492 encoded bytes together are kept and found; the order between those that share
/// their first 477 bytes is not defined.
template <class M, class V>
class map_state {
 public:
  template <class Owner>
  map_state(Owner& owner, std::string name)
      : index_(owner.declare_state(std::move(name), "map of " + schema_fingerprint<M>() + " to " + schema_fingerprint<V>(),
                                   state_kind::ordered)) {}

  /// The value of the entry, or none.
  template <class Context>
  [[nodiscard]] std::optional<V> find(Context& ctx, const M& m) const {
    auto bytes = ctx.runtime().read_entry(index_, encoded_key(m));
    if (!bytes)
      return std::nullopt;
    return detail::decode_entry<V>(ctx.runtime(), *bytes);
  }
  /// The value of the entry, or `otherwise`.
  template <class Context>
  [[nodiscard]] V get(Context& ctx, const M& m, V otherwise = {}) const {
    auto found = find(ctx, m);
    return found ? std::move(*found) : std::move(otherwise);
  }
  template <class Context>
  [[nodiscard]] bool contains(Context& ctx, const M& m) const {
    return ctx.runtime().read_entry(index_, encoded_key(m)).has_value();
  }
  /// Adds the entry or replaces its value.
  template <class Context>
  void set(Context& ctx, const M& m, const V& value) const {
    std::string bytes;
    byte_writer out(bytes);
    encode_binary(value, out);
    ctx.runtime().write_entry(index_, encoded_key(m), bytes);
  }
  /// No effect without the entry.
  template <class Context>
  void erase(Context& ctx, const M& m) const {
    ctx.runtime().erase_entry(index_, encoded_key(m));
  }

  /// Calls f(const M&, const V&) for the entries in the order of M until f returns false (or for all, if it returns
  /// nothing). f may change this state: erasing the entry it is given is safe; whether it is called for entries that it
  /// adds behind, changes or erases ahead is not defined.
  template <class Context, class F>
  void for_each(Context& ctx, F f) const {
    visit(ctx, std::nullopt, f);
  }
  /// The same, beginning with the first entry that is not before `from`. Throws std::length_error when the key and `from`
  /// take more than 477 encoded bytes together.
  template <class Context, class F>
  void for_each_from(Context& ctx, const M& from, F f) const {
    visit(ctx, encoded_key(from), f);
  }
  /// The first entry, or none.
  template <class Context>
  [[nodiscard]] std::optional<std::pair<M, V>> first(Context& ctx) const {
    auto rows = ctx.runtime().entries(index_, std::nullopt, true, 1);
    if (rows.empty())
      return std::nullopt;
    return decode(ctx.runtime(), rows.front());
  }
  template <class Context>
  [[nodiscard]] bool is_empty(Context& ctx) const {
    return ctx.runtime().entries(index_, std::nullopt, true, 1).empty();
  }
  /// All entries in the order of M; in memory, so only for small maps.
  template <class Context>
  [[nodiscard]] std::vector<std::pair<M, V>> entries(Context& ctx) const {
    std::vector<std::pair<M, V>> out;
    for_each(ctx, [&](const M& m, const V& v) { out.emplace_back(m, v); });
    return out;
  }
  /// Erases every entry, one by one.
  template <class Context>
  void clear(Context& ctx) const {
    auto& runtime = ctx.runtime();
    for (;;) {
      auto rows = runtime.entries(index_, std::nullopt, true, detail::entries_at_once);
      if (rows.empty())
        return;
      for (const auto& row : rows)
        runtime.erase_entry(index_, row.first);
    }
  }

 private:
  static std::pair<M, V> decode(detail::process_runtime& runtime, const detail::process_runtime::entry& row) {
    std::pair<M, V> out{};
    byte_reader in(row.first);
    if (!decode_key(in, out.first) || in.remaining() != 0)
      throw state_exception(runtime.corrupt("the key of an entry of its state cannot be read"));
    out.second = detail::decode_entry<V>(runtime, row.second);
    return out;
  }

  template <class Context, class F>
  void visit(Context& ctx, std::optional<std::string> from, F& f) const {
    auto& runtime = ctx.runtime();
    for (bool inclusive = true;; inclusive = false) {
      auto rows = runtime.entries(index_, from, inclusive, detail::entries_at_once);
      for (const auto& row : rows) {
        auto [m, v] = decode(runtime, row);
        if (!detail::goes_on(f, std::as_const(m), std::as_const(v)))
          return;
      }
      if (rows.size() < detail::entries_at_once)
        return;
      from = std::move(rows.back().first);
    }
  }

  std::size_t index_;
};

/// A list of values of type V per key in the order they were added, part of every checkpoint. A member of a process
/// function. Every element is a row of its own, so adding costs the same however long the list is (three row accesses).
/// Names, types, errors and the key at hand as with map_state.
template <class V>
class list_state {
 public:
  template <class Owner>
  list_state(Owner& owner, std::string name)
      : index_(owner.declare_state(std::move(name), "list of " + schema_fingerprint<V>(), state_kind::ordered)) {}

  template <class Context>
  void add(Context& ctx, const V& value) const {
    auto& runtime = ctx.runtime();
    auto number = length(runtime);
    write(runtime, number, value);
    set_length(runtime, number + 1);
  }
  template <class Context>
  [[nodiscard]] std::uint64_t size(Context& ctx) const {
    return length(ctx.runtime());
  }
  template <class Context>
  [[nodiscard]] bool is_empty(Context& ctx) const {
    return size(ctx) == 0;
  }
  /// All elements; in memory, so only for short lists.
  template <class Context>
  [[nodiscard]] std::vector<V> get(Context& ctx) const {
    std::vector<V> out;
    for_each(ctx, [&](const V& v) { out.push_back(v); });
    return out;
  }
  /// Calls f(const V&) for the elements in order until f returns false (or for all, if it returns nothing). f must not
  /// remove elements; those that it adds are not visited.
  template <class Context, class F>
  void for_each(Context& ctx, F f) const {
    auto& runtime = ctx.runtime();
    const auto elements = length(runtime);
    for (std::uint64_t i = 0; i < elements; ++i) {
      auto bytes = runtime.read_entry(index_, number_bytes(i));
      if (!bytes)
        throw state_exception(runtime.corrupt("an element of its state is missing"));
      auto value = detail::decode_entry<V>(runtime, *bytes);
      if (!detail::goes_on(f, std::as_const(value)))
        return;
    }
  }
  /// Replaces the whole list.
  template <class Context>
  void set(Context& ctx, const std::vector<V>& values) const {
    clear(ctx);
    auto& runtime = ctx.runtime();
    for (std::size_t i = 0; i < values.size(); ++i)
      write(runtime, i, values[i]);
    if (!values.empty())
      set_length(runtime, values.size());
  }
  /// Erases every element, one by one.
  template <class Context>
  void clear(Context& ctx) const {
    auto& runtime = ctx.runtime();
    const auto elements = length(runtime);
    for (std::uint64_t i = 0; i < elements; ++i)
      runtime.erase_entry(index_, number_bytes(i));
    runtime.erase_entry(index_, {});
  }

 private:
  static std::string number_bytes(std::uint64_t n) { return encoded_key(n); }
  std::uint64_t length(detail::process_runtime& runtime) const {
    auto bytes = runtime.read_entry(index_, {});
    return bytes ? detail::decode_entry<std::uint64_t>(runtime, *bytes) : 0;
  }
  void set_length(detail::process_runtime& runtime, std::uint64_t n) const {
    std::string bytes;
    byte_writer out(bytes);
    encode_binary(n, out);
    runtime.write_entry(index_, {}, bytes);
  }
  void write(detail::process_runtime& runtime, std::uint64_t number, const V& value) const {
    std::string bytes;
    byte_writer out(bytes);
    encode_binary(value, out);
    runtime.write_entry(index_, number_bytes(number), bytes);
  }

  std::size_t index_;
};

} // namespace weir
