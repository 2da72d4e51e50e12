#include <algorithm>
#include <weir/record/decimal.hpp>

namespace weir {
namespace {

__extension__ using uint128 = unsigned __int128;

constexpr int128 power_of_ten(int n) {
  int128 v = 1;
  for (; n > 0; --n)
    v *= 10;
  return v;
}
/// The first number with 39 digits.
constexpr int128 limit = power_of_ten(decimal::max_digits);

constexpr uint128 magnitude(int128 v) { return v < 0 ? ~static_cast<uint128>(v) + 1 : static_cast<uint128>(v); }

/// v * 10^n, or false above 38 digits.
bool scaled(int128 v, int n, int128& out) {
  for (; n > 0; --n) {
    if (magnitude(v) >= static_cast<uint128>(limit / 10))
      return false;
    v *= 10;
  }
  out = v;
  return true;
}

error too_wide() { return {errc::out_of_range, "a decimal has at most 38 digits and a scale of at most 38"}; }

/// `[+-]digits` behind the `e`, within what any decimal can use. False for another form.
bool read_exponent(std::string_view text, int& exponent) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty())
    return false;
  exponent = 0;
  for (char c : text) {
    if (c < '0' || c > '9')
      return false;
    exponent = std::min(exponent * 10 + (c - '0'), 100'000);
  }
  exponent = negative ? -exponent : exponent;
  return true;
}

result<decimal> add_signed(const decimal& a, const decimal& b, int sign) {
  decimal sum;
  sum.scale = std::max(a.scale, b.scale);
  int128 x = 0, y = 0;
  if (!scaled(a.unscaled, sum.scale - a.scale, x) || !scaled(b.unscaled, sum.scale - b.scale, y))
    return too_wide();
  sum.unscaled = x + sign * y; // Two numbers of 38 digits: their sum fits 128 bits.
  if (magnitude(sum.unscaled) >= static_cast<uint128>(limit))
    return too_wide();
  return sum;
}

} // namespace

std::strong_ordering operator<=>(const decimal& a, const decimal& b) {
  if (a.scale == b.scale)
    return a.unscaled <=> b.unscaled;
  // Whole parts first, then the fractions as 38 digits: neither can overflow.
  const auto pa = power_of_ten(a.scale), pb = power_of_ten(b.scale);
  const int128 whole_a = a.unscaled / pa, whole_b = b.unscaled / pb;
  if (whole_a != whole_b)
    return whole_a <=> whole_b;
  const int128 part_a = a.unscaled % pa * power_of_ten(decimal::max_digits - a.scale);
  const int128 part_b = b.unscaled % pb * power_of_ten(decimal::max_digits - b.scale);
  return part_a <=> part_b;
}

result<decimal> parse_decimal(std::string_view text) {
  const error malformed{errc::decode_failed, "not a decimal number: '" + std::string(text.substr(0, 60)) + "'"};
  auto rest = text;
  const bool negative = !rest.empty() && rest[0] == '-';
  if (negative)
    rest.remove_prefix(1);
  int exponent = 0;
  if (auto e = rest.find_first_of("eE"); e != std::string_view::npos) {
    if (!read_exponent(rest.substr(e + 1), exponent))
      return malformed;
    rest = rest.substr(0, e);
  }
  int128 v = 0;
  int scale = 0;
  bool point = false, too_many = false;
  std::size_t count = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '.' && !point && i > 0 && i + 1 < rest.size()) {
      point = true;
      continue;
    }
    if (rest[i] < '0' || rest[i] > '9')
      return malformed;
    ++count;
    if (v >= limit / 10) {
      too_many = true;
      continue;
    }
    v = v * 10 + (rest[i] - '0');
    scale += point ? 1 : 0;
  }
  if (count == 0 || (rest.size() > 1 && rest[0] == '0' && rest[1] != '.'))
    return malformed;
  if (too_many)
    return too_wide();
  scale -= exponent;
  if (scale < 0) {
    if (v != 0 && !scaled(v, -scale, v))
      return too_wide();
    scale = 0;
  }
  if (scale > decimal::max_digits)
    return too_wide();
  return decimal{negative ? -v : v, static_cast<std::uint8_t>(scale)};
}

void format_decimal(const decimal& d, std::string& out) {
  char reversed[decimal::max_digits + 4];
  int n = 0;
  auto rest = magnitude(d.unscaled);
  do {
    reversed[n++] = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (d.unscaled < 0)
    out += '-';
  if (n <= d.scale) {
    out += "0.";
    out.append(static_cast<std::size_t>(d.scale - n), '0');
  }
  for (int i = n; i > 0; --i) {
    out += reversed[i - 1];
    if (i - 1 == d.scale && d.scale > 0)
      out += '.';
  }
}

std::string to_string(const decimal& d) {
  std::string out;
  format_decimal(d, out);
  return out;
}

result<decimal> add(const decimal& a, const decimal& b) { return add_signed(a, b, 1); }
result<decimal> subtract(const decimal& a, const decimal& b) { return add_signed(a, b, -1); }

} // namespace weir
