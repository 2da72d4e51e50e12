#include <weir/state/row_key.hpp>
#include <weir/state/task_state.hpp>
#include <weir/state/xxh3.hpp>

namespace weir {
namespace {

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
constexpr std::size_t hash_bytes = 16;

template <class T>
void append_big_endian(std::string& out, T v) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((v >> shift) & 0xff));
}

template <class T>
T read_big_endian(const char* p) {
  T v = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    v = static_cast<T>(static_cast<T>(v << 8) | static_cast<unsigned char>(p[i]));
  return v;
}

} // namespace

std::string_view bounded_key(state_kind kind, std::string_view key, std::string& scratch) {
  auto limit = plain_key_limit(kind);
  if (key.size() <= limit)
    return key;
  auto h = XXH3_128bits(key.data(), key.size());
  scratch.assign(key.substr(0, limit + 1 - hash_bytes));
  append_big_endian(scratch, h.high64);
  append_big_endian(scratch, h.low64);
  return scratch;
}

void append_state_prefix(std::string& out, std::uint64_t state_id) { append_big_endian(out, state_id); }

void append_group_prefix(std::string& out, std::uint64_t state_id, std::uint16_t key_group) {
  append_big_endian(out, state_id);
  append_big_endian(out, key_group);
}

void append_row_key(std::string& out, std::uint64_t state_id, state_kind kind, std::uint16_t key_group, timestamp time,
                    std::string_view bounded) {
  append_group_prefix(out, state_id, key_group);
  // With the sign bit turned, unsigned byte order is the order of time.
  if (kind == state_kind::ordered)
    append_big_endian(out, static_cast<std::uint64_t>(time.us) ^ sign_bit);
  out.append(bounded);
}

std::optional<row_parts> parse_row_key(state_kind kind, std::string_view row_key) {
  auto prefix = kind == state_kind::ordered ? ordered_row_prefix : value_row_prefix;
  if (row_key.size() < prefix)
    return std::nullopt;
  row_parts p;
  p.state_id = row_state_id(row_key);
  p.key_group = row_key_group(row_key);
  if (kind == state_kind::ordered)
    p.time.us = static_cast<std::int64_t>(read_big_endian<std::uint64_t>(row_key.data() + value_row_prefix) ^ sign_bit);
  p.key = row_key.substr(prefix);
  return p;
}

std::uint64_t row_state_id(std::string_view row_key) { return read_big_endian<std::uint64_t>(row_key.data()); }
std::uint16_t row_key_group(std::string_view row_key) { return read_big_endian<std::uint16_t>(row_key.data() + 8); }

std::string value_row_key(std::uint64_t state_id, std::uint16_t key_group, std::string_view key) {
  std::string scratch, out;
  append_row_key(out, state_id, state_kind::value, key_group, {}, bounded_key(state_kind::value, key, scratch));
  return out;
}

std::string ordered_row_key(std::uint64_t state_id, std::uint16_t key_group, timestamp time, std::string_view key) {
  std::string scratch, out;
  append_row_key(out, state_id, state_kind::ordered, key_group, time, bounded_key(state_kind::ordered, key, scratch));
  return out;
}

std::uint64_t state_id(std::string_view operator_name, std::string_view state_name) {
  // The length in front keeps ("ab", "c") and ("a", "bc") apart.
  std::string name;
  append_big_endian(name, static_cast<std::uint64_t>(operator_name.size()));
  name.append(operator_name);
  name.append(state_name);
  return xxh3(name);
}

} // namespace weir
