#pragma once
// Numbers of the JSON decoder. Anonymous namespace: see json_decoder.hpp.
#include <bit>
#include <charconv>
#include <limits>
#include <weir/record/decimal.hpp>
#include <weir/record/detail/json_cursor.hpp>

namespace weir::detail {
namespace {

/// Numbers: integers exact to 64 bits, reals to the nearest, decimals digit by digit.
class json_numbers : protected json_cursor {
 protected:
  using json_cursor::json_cursor;

  /// Eight bytes as digits: how many of the first are digits, and their value. Source of the arithmetic: D. Lemire,
  /// "Quickly parsing eight digits", 2018; little-endian.
  static unsigned leading_digits(std::uint64_t word, std::uint64_t& v) {
    const auto not_digit =
        ((word ^ 0x3030303030303030U) | ((word ^ 0x3030303030303030U) + 0x0606060606060606U)) & 0xf0f0f0f0f0f0f0f0U;
    const auto count = static_cast<unsigned>(not_digit == 0 ? 8 : std::countr_zero(not_digit) / 8);
    if (count == 0)
      return 0;
    word <<= 64 - 8 * count; // In front stand bytes of zero, and as digits they count nothing.
    word = (word & 0x0f0f0f0f0f0f0f0fU) * 2561 >> 8;
    word = (word & 0x00ff00ff00ff00ffU) * 6553601 >> 16;
    v = (word & 0x0000ffff0000ffffU) * 42949672960001U >> 32;
    return count;
  }

  /// Digits at the cursor as a magnitude; the sign was taken. `start` is the number's start, for errors.
  bool magnitude(const char* start, std::uint64_t& v) {
    const char* first = p_;
    const char* p = p_;
    v = 0;
    bool overflow = false;
    if constexpr (std::endian::native == std::endian::little) {
      if (end_ - p >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, 8);
        p += leading_digits(word, v);
      }
    }
    if (p == first || p - first == 8)
      for (; p != end_; ++p) {
        const auto d = static_cast<unsigned>(static_cast<unsigned char>(*p)) - '0';
        if (d > 9)
          break;
        if (p - first >= 19) // Up to here no 64 bits can overflow.
          overflow = overflow || v > (std::numeric_limits<std::uint64_t>::max() - d) / 10;
        v = v * 10 + d;
      }
    p_ = p;
    const auto count = p - first;
    if (count == 0) {
      p_ = start;
      return start != end_ && *start == '-' ? fail("expected digits behind '-'") : expected("integer");
    }
    if (count > 1 && *first == '0')
      return fail_at(start, "a number must not start with 0");
    if (p_ != end_ && (*p_ == '.' || *p_ == 'e' || *p_ == 'E'))
      return fail_at(start, "expected integer, found a number with a fraction or exponent");
    if (overflow)
      return fail_at(start, "integer out of range");
    return true;
  }

  template <class Target>
  bool store_signed(const char* start, bool negative, std::uint64_t v, void* out) {
    const auto limit = static_cast<std::uint64_t>(std::numeric_limits<Target>::max()) + (negative ? 1 : 0);
    if (v > limit)
      return fail_at(start, "integer out of range");
    const auto result = static_cast<Target>(negative ? ~v + 1 : v);
    std::memcpy(out, &result, sizeof result);
    return true;
  }

  template <class Target>
  bool store_unsigned(const char* start, std::uint64_t v, void* out) {
    if (v > std::numeric_limits<Target>::max())
      return fail_at(start, "integer out of range");
    const auto result = static_cast<Target>(v);
    std::memcpy(out, &result, sizeof result);
    return true;
  }

  bool signed_integer(int size, void* out) {
    const char* start = p_;
    std::uint64_t v = 0;
    const bool negative = take('-');
    if (!magnitude(start, v))
      return false;
    switch (size) {
      case 1:
        return store_signed<std::int8_t>(start, negative, v, out);
      case 2:
        return store_signed<std::int16_t>(start, negative, v, out);
      case 4:
        return store_signed<std::int32_t>(start, negative, v, out);
      default:
        return store_signed<std::int64_t>(start, negative, v, out);
    }
  }

  bool unsigned_integer(int size, void* out) {
    const char* start = p_;
    std::uint64_t v = 0;
    const bool negative = take('-');
    if (!magnitude(start, v))
      return false;
    if (negative && v != 0)
      return fail_at(start, "integer out of range");
    switch (size) {
      case 1:
        return store_unsigned<std::uint8_t>(start, v, out);
      case 2:
        return store_unsigned<std::uint16_t>(start, v, out);
      case 4:
        return store_unsigned<std::uint32_t>(start, v, out);
      default:
        return store_unsigned<std::uint64_t>(start, v, out);
    }
  }

  bool digits() {
    const char* first = p_;
    while (p_ != end_ && *p_ >= '0' && *p_ <= '9')
      ++p_;
    return p_ != first;
  }

  /// A number of JSON's grammar at the cursor.
  bool number(std::string_view& out) {
    const char* start = p_;
    take('-');
    const char* first = p_;
    if (!digits()) {
      p_ = start;
      return expected("number");
    }
    if (p_ - first > 1 && *first == '0')
      return fail_at(start, "a number must not start with 0");
    if (take('.') && !digits())
      return fail("expected digits behind the point");
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (!take('+'))
        take('-');
      if (!digits())
        return fail("expected digits in the exponent");
    }
    out = std::string_view(start, static_cast<std::size_t>(p_ - start));
    return true;
  }

  template <class Real>
  bool real(void* out) {
    std::string_view s;
    const char* start = p_;
    if (!number(s))
      return false;
    Real v = 0;
    const auto r = std::from_chars(s.data(), s.data() + s.size(), v);
    if (r.ec == std::errc::result_out_of_range) {
      // Too small to be told from zero, or too large: only the exponent's sign or a leading "0." can make it small.
      const bool small = s.find("e-") != s.npos || s.find("E-") != s.npos || s.starts_with("0.") || s.starts_with("-0.");
      if (!small)
        return fail_at(start, "number out of range");
      v = s[0] == '-' ? -Real{0} : Real{0};
    }
    std::memcpy(out, &v, sizeof v);
    return true;
  }

  bool exact(decimal& out) {
    std::string_view s, scratch_view;
    const char* start = p_;
    std::string scratch;
    if (at('"') ? !text(s, scratch) : !number(s))
      return false;
    auto d = parse_decimal(s);
    if (!d)
      return fail_at(start, d.err().code == errc::out_of_range ? d.err().message : "expected a decimal number");
    out = d.value();
    return true;
  }
};

} // namespace
} // namespace weir::detail
