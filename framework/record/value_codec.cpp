#include <charconv>
#include <weir/record/value_codec.hpp>

namespace weir {
namespace detail {

void write_integer_key(std::int64_t v, std::size_t size, std::string& out) {
  auto u = static_cast<std::uint64_t>(v);
  for (std::size_t i = size; i > 0; --i)
    out += static_cast<char>((u >> (8 * (i - 1))) & 0xff);
}

result<> read_integer_key(std::string_view bytes, std::int64_t& v) {
  if (bytes.size() != 4 && bytes.size() != 8)
    return {errc::decode_failed, "key: expected 4 or 8 bytes, found " + std::to_string(bytes.size())};
  std::uint64_t u = 0;
  for (char c : bytes)
    u = u << 8 | static_cast<unsigned char>(c);
  v = bytes.size() == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(u)) : static_cast<std::int64_t>(u);
  return success();
}

result<> read_integer_text(std::string_view bytes, bool is_signed, std::int64_t& v) {
  std::from_chars_result r{};
  const char* end = bytes.data() + bytes.size();
  if (is_signed) {
    r = std::from_chars(bytes.data(), end, v);
  } else {
    std::uint64_t u = 0;
    r = std::from_chars(bytes.data(), end, u);
    v = static_cast<std::int64_t>(u);
  }
  if (r.ec != std::errc{} || r.ptr != end)
    return {errc::decode_failed, "key: expected an integer in decimal digits"};
  return success();
}

} // namespace detail

result<> decode_record(const record_view& record, raw_record& out) {
  if (!unpack_headers(record.headers.packed(), out.headers))
    return {errc::decode_failed, "record: malformed headers"};
  out.key = record.key;
  out.value = record.value;
  out.time = record.time;
  return success();
}

} // namespace weir
