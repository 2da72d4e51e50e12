#pragma once
// Finding the interesting byte in a text, 16 or 32 at a time. Included by code that is compiled for more than one
// instruction set: everything here is in an anonymous namespace, so that no variant's code is shared with another's.
#include <bit>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::detail {
namespace {

#if defined(__SSE2__)
/// Bit i: byte i is special (or, without Control, a quote or backslash).
template <bool Control>
inline std::uint32_t hits(__m128i v) {
  auto hit = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
  if constexpr (Control)
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(hit));
}
#endif
#if defined(WEIR_SCAN_AVX2)
template <bool Control>
inline std::uint32_t hits(__m256i v) {
  auto hit = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
  if constexpr (Control)
    hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(_mm256_max_epu8(v, _mm256_set1_epi8(0x1f)), _mm256_set1_epi8(0x1f)));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(hit));
}
#endif

/// The first special byte (without Control: quote or backslash) in [p, end), or end. `begin` <= p is readable from.
/// `high` becomes true if a byte above 0x7f came before it, and may become true for one in its neighbourhood.
template <bool Control>
inline const char* scan_string(const char* begin, const char* p, const char* end, bool& high) {
#if defined(WEIR_SCAN_AVX2)
  while (end - p >= 32) {
    const auto v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const auto hit = hits<Control>(v);
    if constexpr (Control)
      high = high | (_mm256_movemask_epi8(v) != 0);
    if (hit != 0)
      return p + std::countr_zero(hit);
    p += 32;
  }
#endif
#if defined(__SSE2__)
  while (end - p >= 16) {
    const auto v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto hit = hits<Control>(v);
    if constexpr (Control)
      high = high | (_mm_movemask_epi8(v) != 0);
    if (hit != 0)
      return p + std::countr_zero(hit);
    p += 16;
  }
  if (end - begin >= 16) { // The last 16 bytes once more, without those before p.
    const auto v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - 16));
    const auto hit = hits<Control>(v) >> (16 - (end - p));
    if constexpr (Control)
      high = high | (_mm_movemask_epi8(v) != 0);
    return hit != 0 ? p + std::countr_zero(hit) : end;
  }
#endif
  (void)begin;
  for (; p != end; ++p) {
    const auto c = static_cast<unsigned char>(*p);
    if (c == '"' || c == '\\' || (Control && c < 0x20))
      break;
    high = high | (c >= 0x80);
  }
  return p;
}

/// Whether the bytes are UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629, section 4).
inline bool is_utf8(const char* first, const char* end) {
  const auto* p = reinterpret_cast<const unsigned char*>(first);
  const auto* e = reinterpret_cast<const unsigned char*>(end);
  auto tail = [&](int i) { return (p[i] & 0xc0) == 0x80; };
  while (p != e) {
    const unsigned c = *p;
    if (c < 0x80) {
      ++p;
    } else if (c >= 0xc2 && c <= 0xdf) {
      if (e - p < 2 || !tail(1))
        return false;
      p += 2;
    } else if (c >= 0xe0 && c <= 0xef) {
      if (e - p < 3 || !tail(1) || !tail(2) || (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
        return false;
      p += 3;
    } else if (c >= 0xf0 && c <= 0xf4) {
      if (e - p < 4 || !tail(1) || !tail(2) || !tail(3) || (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
        return false;
      p += 4;
    } else {
      return false;
    }
  }
  return true;
}

} // namespace
} // namespace weir::detail
