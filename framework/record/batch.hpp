#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>
#include <weir/core/timestamp.hpp>
#include <weir/record/bytes.hpp>
#include <weir/record/describe.hpp>
#include <weir/record/raw_record.hpp>

namespace weir {

/// Where a row's original bytes lie in its batch's `raw` arena: key, value and packed headers one behind the other.
/// `key_size`/`value_size` of -1 stand for null; `kept` is false where the source does not keep originals.
struct raw_slice {
  std::uint32_t begin = 0;
  std::int32_t key_size = -1;
  std::int32_t value_size = -1;
  std::uint32_t headers_size = 0;
  bool kept = false;
};

/// What travels beside a row's value.
struct row_meta {
  timestamp time;             ///< Event time, or the topic's time stamp before event time is assigned.
  std::uint64_t key_hash = 0; ///< Set by key_by; decides the key group.
  std::int64_t offset = -1;   ///< Origin in the source's topic; -1 for rows that an operator made.
  std::int32_t partition = -1;
  std::uint32_t source = 0; ///< Index of the source vertex in the plan: names the topic of the origin.
  raw_slice raw;
};

/// Rows of one type, unknown here. Owned by one task at a time; moved, never shared.
class any_batch {
 public:
  virtual ~any_batch() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Bytes this batch is charged against channel credit: an estimate that never shrinks while rows are added.
  [[nodiscard]] virtual std::size_t bytes() const = 0;
  [[nodiscard]] virtual const std::type_info& row_type() const = 0;
  /// A batch of the same type without rows.
  [[nodiscard]] virtual std::unique_ptr<any_batch> make_empty() const = 0;
  [[nodiscard]] virtual std::unique_ptr<any_batch> clone() const = 0;
  /// Moves row i to the end of targets[target_of_row[i]] for each i; targets are of this type. This batch is empty after.
  virtual void scatter(std::span<const std::uint32_t> target_of_row, std::span<std::unique_ptr<any_batch>> targets) = 0;

  std::vector<row_meta> meta; ///< One per row.
  std::string raw;            ///< Arena of original bytes, used when raw_slice::kept.

  [[nodiscard]] std::optional<std::string_view> raw_key(std::size_t row) const;
  [[nodiscard]] std::optional<std::string_view> raw_value(std::size_t row) const;
  [[nodiscard]] headers_view raw_headers(std::size_t row) const;
  /// Copies the original bytes of `view` into the arena and returns their slice.
  raw_slice keep_raw(const record_view& view);
  /// Copies row's original bytes (if kept) from another batch's arena into this one's.
  raw_slice copy_raw(const any_batch& from, const raw_slice& slice);
};

/// Bytes a value holds outside itself, for credit: long strings, vectors, maps, and these inside described structs,
/// tuples and optionals. None for types it does not know.
template <class T>
std::size_t extra_bytes(const T& v) {
  using namespace detail;
  if constexpr (std::is_trivially_copyable_v<T>) {
    return 0;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return v.capacity() > 15 ? v.capacity() : 0;
  } else if constexpr (std::is_same_v<T, blob>) {
    return extra_bytes(v.data);
  } else if constexpr (is_a<T, std::optional>) {
    return v ? extra_bytes(*v) : 0;
  } else if constexpr (is_a<T, std::vector>) {
    std::size_t n = v.capacity() * sizeof(typename T::value_type);
    for (const auto& element : v)
      n += extra_bytes(element);
    return n;
  } else if constexpr (is_a<T, std::map>) {
    constexpr std::size_t node = 4 * sizeof(void*);
    std::size_t n = 0;
    for (const auto& [key, element] : v)
      n += node + sizeof(typename T::value_type) + extra_bytes(key) + extra_bytes(element);
    return n;
  } else if constexpr (is_a<T, std::pair> || is_a<T, std::tuple>) {
    return std::apply([](const auto&... e) { return (std::size_t{0} + ... + extra_bytes(e)); }, v);
  } else if constexpr (std::is_same_v<T, raw_record>) {
    std::size_t n = extra_bytes(v.key) + extra_bytes(v.value);
    for (const auto& [key, value] : v.headers)
      n += sizeof(header_list::value_type) + extra_bytes(key) + extra_bytes(value);
    return n;
  } else if constexpr (described_struct<T>) {
    std::size_t n = 0;
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) { n += extra_bytes(v.*d.pointer); });
    return n;
  } else {
    return 0;
  }
}

template <class T>
class batch final : public any_batch {
 public:
  std::vector<T> values;

  [[nodiscard]] std::size_t size() const override { return values.size(); }
  [[nodiscard]] std::size_t bytes() const override {
    return values.size() * (sizeof(T) + sizeof(row_meta)) + raw.size() + extra_ + 64;
  }
  [[nodiscard]] const std::type_info& row_type() const override { return typeid(T); }
  [[nodiscard]] std::unique_ptr<any_batch> make_empty() const override { return std::make_unique<batch<T>>(); }
  [[nodiscard]] std::unique_ptr<any_batch> clone() const override { return std::make_unique<batch<T>>(*this); }
  void scatter(std::span<const std::uint32_t> target_of_row, std::span<std::unique_ptr<any_batch>> targets) override {
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto& to = static_cast<batch<T>&>(*targets[target_of_row[i]]);
      to.push(std::move(values[i]), meta[i]);
      if (meta[i].raw.kept)
        to.meta.back().raw = to.copy_raw(*this, meta[i].raw);
    }
    clear();
  }
  /// Appends a row; the caller sets meta.raw to a slice of this batch's arena or leaves it not kept.
  void push(T value, const row_meta& m) {
    append_value(std::move(value));
    meta.push_back(m);
  }
  /// Appends a value whose meta is there already or is added next.
  void append_value(T value) {
    extra_ += extra_bytes(value);
    values.push_back(std::move(value));
  }
  void clear() {
    values.clear();
    meta.clear();
    raw.clear();
    extra_ = 0;
  }

 private:
  std::size_t extra_ = 0; ///< Sum of extra_bytes as the rows were added.
};

/// Encodes and decodes whole batches of one row type for channels that cross a process (and the test transport that
/// pretends to). Stateless, lives as long as the program, any thread.
class batch_codec {
 public:
  virtual ~batch_codec() = default;
  virtual void encode(const any_batch& rows, byte_writer& out) const = 0;
  /// Errors: decode_failed; nothing is kept then.
  [[nodiscard]] virtual result<std::unique_ptr<any_batch>> decode(byte_reader& in) const = 0;
};

} // namespace weir
