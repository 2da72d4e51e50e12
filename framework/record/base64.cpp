#include <array>
#include <cstdint>
#include <weir/record/detail/base64.hpp>

namespace weir::detail {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& v : values)
    v = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto values = make_values();

} // namespace

void encode_base64(std::string_view bytes, std::string& out) {
  std::uint32_t group = 0;
  int bits = 0;
  for (char c : bytes) {
    group = group << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6)
      out += alphabet[group >> (bits - 6) & 63];
  }
  if (bits > 0)
    out += alphabet[group << (6 - bits) & 63];
  out.append((3 - bytes.size() % 3) % 3, '=');
}

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() % 4 == 0)
    for (int i = 0; i < 2 && text.ends_with('='); ++i)
      text.remove_suffix(1);
  if (text.size() % 4 == 1)
    return false;
  std::uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    const auto v = values[static_cast<unsigned char>(c)];
    if (v < 0)
      return false;
    group = group << 6 | static_cast<std::uint32_t>(v);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(group >> bits & 0xff);
    }
  }
  return (group & ((1U << bits) - 1)) == 0;
}

} // namespace weir::detail
