#include <weir/record/time_text.hpp>

namespace weir {
namespace {

constexpr std::int64_t day_us = 86'400'000'000;

// Days since 1970-01-01 of a proleptic Gregorian date and back: "chrono-Compatible Low-Level Date Algorithms", Howard
// Hinnant, days_from_civil and civil_from_days.
constexpr std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

struct civil {
  std::int64_t year;
  unsigned month, day;
};

constexpr civil civil_from_days(std::int64_t z) {
  z += 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t y = static_cast<std::int64_t>(yoe) + era * 400;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned m = mp < 10 ? mp + 3 : mp - 9;
  return {y + (m <= 2 ? 1 : 0), m, doy - (153 * mp + 2) / 5 + 1};
}

constexpr std::int64_t first_us = days_from_civil(0, 1, 1) * day_us;
constexpr std::int64_t end_us = days_from_civil(10000, 1, 1) * day_us;

constexpr unsigned days_in_month(unsigned year, unsigned month) {
  constexpr unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : days[month - 1];
}

/// `Count` digits at p as a number, or a value above any such number.
template <int Count>
unsigned digits(const char* p) {
  unsigned v = 0;
  for (int i = 0; i < Count; ++i) {
    auto d = static_cast<unsigned>(static_cast<unsigned char>(p[i])) - '0';
    if (d > 9)
      return 1'000'000;
    v = v * 10 + d;
  }
  return v;
}

void two_digits(unsigned v, std::string& out) {
  out += static_cast<char>('0' + v / 10);
  out += static_cast<char>('0' + v % 10);
}

/// `Z`, `z`, nothing, or `+hh:mm`: the offset in minutes. False for another form.
bool read_zone(std::string_view zone, int& minutes) {
  minutes = 0;
  if (zone.empty() || zone == "Z" || zone == "z")
    return true;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':')
    return false;
  auto hh = digits<2>(zone.data() + 1), mm = digits<2>(zone.data() + 4);
  if (hh > 23 || mm > 59)
    return false;
  minutes = static_cast<int>(hh * 60 + mm) * (zone[0] == '-' ? -1 : 1);
  return true;
}

} // namespace

bool detail::read_timestamp(std::string_view text, timestamp& t) {
  constexpr std::size_t seconds_end = 19; // "2026-01-01T00:00:03"
  if (text.size() < seconds_end)
    return false;
  const char* p = text.data();
  auto year = digits<4>(p), month = digits<2>(p + 5), day = digits<2>(p + 8);
  auto hour = digits<2>(p + 11), minute = digits<2>(p + 14), second = digits<2>(p + 17);
  if (p[4] != '-' || p[7] != '-' || (p[10] != 'T' && p[10] != ' ' && p[10] != 't') || p[13] != ':' || p[16] != ':')
    return false;
  if (year > 9999 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 ||
      day > days_in_month(year, month))
    return false;
  std::int64_t fraction = 0;
  std::size_t i = seconds_end;
  if (i < text.size() && text[i] == '.') {
    const auto first = ++i;
    std::int64_t unit = 100'000;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, unit /= 10)
      fraction += (text[i] - '0') * unit;
    if (i == first)
      return false;
  }
  int zone = 0;
  if (!read_zone(text.substr(i), zone))
    return false;
  auto seconds = static_cast<std::int64_t>(hour) * 3600 + (static_cast<std::int64_t>(minute) - zone) * 60 + second;
  t.us = days_from_civil(year, month, day) * day_us + seconds * 1'000'000 + fraction;
  return true;
}

bool detail::has_rfc3339_form(timestamp t) { return t.us >= first_us && t.us < end_us; }

result<timestamp> parse_timestamp(std::string_view text) {
  timestamp t;
  if (detail::read_timestamp(text, t))
    return t;
  return {errc::decode_failed, "not a time stamp like 2026-01-01T00:00:00Z: '" + std::string(text.substr(0, 40)) + "'"};
}

void format_timestamp(timestamp t, std::string& out) {
  auto day = t.us / day_us;
  auto rest = t.us % day_us;
  if (rest < 0) {
    rest += day_us;
    --day;
  }
  auto c = civil_from_days(day);
  if (c.year >= 0 && c.year <= 9999) {
    two_digits(static_cast<unsigned>(c.year / 100), out);
    two_digits(static_cast<unsigned>(c.year % 100), out);
  } else {
    auto digits_of_year = std::to_string(c.year < 0 ? -c.year : c.year);
    out += c.year < 0 ? '-' : '+';
    out.append(digits_of_year.size() < 5 ? 5 - digits_of_year.size() : 0, '0');
    out += digits_of_year;
  }
  out += '-';
  two_digits(c.month, out);
  out += '-';
  two_digits(c.day, out);
  out += 'T';
  auto seconds = static_cast<unsigned>(rest / 1'000'000);
  two_digits(seconds / 3600, out);
  out += ':';
  two_digits(seconds / 60 % 60, out);
  out += ':';
  two_digits(seconds % 60, out);
  if (auto fraction = rest % 1'000'000; fraction != 0) {
    out += '.';
    for (std::int64_t unit = 100'000; fraction != 0; fraction %= unit, unit /= 10)
      out += static_cast<char>('0' + fraction / unit);
  }
  out += 'Z';
}

std::string to_string(timestamp t) {
  std::string out;
  format_timestamp(t, out);
  return out;
}

} // namespace weir
