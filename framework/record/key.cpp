#include <xxhash.h>
#include <weir/record/key.hpp>

namespace weir {

std::uint64_t hash_bytes(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

namespace detail {

void encode_key_text(std::string_view v, std::string& out) {
  for (;;) {
    auto zero = v.find('\0');
    out.append(v.substr(0, zero));
    if (zero == std::string_view::npos)
      break;
    out.append("\x00\xff", 2);
    v.remove_prefix(zero + 1);
  }
  out.append("\x00\x01", 2);
}

bool decode_key_text(byte_reader& in, std::string& v) {
  v.clear();
  while (in.ok()) {
    v.append(in.until_zero());
    auto mark = in.u8();
    if (!in.ok())
      return false;
    if (mark == 0x01)
      return true;
    if (mark != 0xff) {
      in.fail();
      return false;
    }
    v.push_back('\0');
  }
  return false;
}

} // namespace detail
} // namespace weir
