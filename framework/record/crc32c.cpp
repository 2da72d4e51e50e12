#include <array>
#include <cstring>
#include <weir/record/crc32c.hpp>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit)
      c = (c >> 1) ^ ((c & 1) != 0 ? polynomial : 0);
    t[i] = c;
  }
  return t;
}
constexpr auto table = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::string_view bytes, std::uint32_t before) {
  std::uint64_t c = ~before;
  const char* p = bytes.data();
  std::size_t n = bytes.size();
  for (; n >= 8; n -= 8, p += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    c = _mm_crc32_u64(c, word);
  }
  auto tail = static_cast<std::uint32_t>(c);
  for (; n > 0; --n, ++p)
    tail = _mm_crc32_u8(tail, static_cast<unsigned char>(*p));
  return ~tail;
}
#endif

} // namespace

std::uint32_t detail::crc32c_portable(std::string_view bytes, std::uint32_t before) {
  std::uint32_t c = ~before;
  for (char b : bytes)
    c = (c >> 8) ^ table[(c ^ static_cast<unsigned char>(b)) & 0xff];
  return ~c;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2") != 0;
  if (fast)
    return crc32c_sse42(bytes, before);
#endif
  return detail::crc32c_portable(bytes, before);
}

} // namespace weir
