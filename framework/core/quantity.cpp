#include <fmt/format.h>
#include <array>
#include <charconv>
#include <limits>
#include <weir/core/quantity.hpp>

namespace weir {
namespace {

struct named_factor {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t greatest = std::numeric_limits<std::int64_t>::max();

// Falling: format_duration takes from the greatest on, parse_duration wants them in this order.
constexpr std::array<named_factor, 7> time_units{{{"d", 86'400'000'000},
                                                  {"h", 3'600'000'000},
                                                  {"m", 60'000'000},
                                                  {"min", 60'000'000},
                                                  {"s", 1'000'000},
                                                  {"ms", 1'000},
                                                  {"us", 1}}};
constexpr std::array<named_factor, 10> size_units{{{"TiB", std::uint64_t{1} << 40},
                                                   {"GiB", std::uint64_t{1} << 30},
                                                   {"MiB", std::uint64_t{1} << 20},
                                                   {"KiB", std::uint64_t{1} << 10},
                                                   {"TB", 1'000'000'000'000},
                                                   {"GB", 1'000'000'000},
                                                   {"MB", 1'000'000},
                                                   {"kB", 1'000},
                                                   {"B", 1},
                                                   {"", 1}}};

template <std::size_t N>
const named_factor* find_unit(const std::array<named_factor, N>& units, std::string_view name) {
  for (const auto& unit : units)
    if (unit.name == name)
      return &unit;
  return nullptr;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits from the front; false when there are none or they do not fit.
bool take_number(std::string_view& text, std::uint64_t& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc{})
    return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

std::string_view take_unit(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && !is_digit(text[n]))
    ++n;
  auto unit = text.substr(0, n);
  text.remove_prefix(n);
  return unit;
}

error no_duration(std::string_view text) {
  return {
      errc::invalid_argument,
      fmt::format("'{}' is not a duration: write a whole number and a unit (us, ms, s, m, h, d), such as 250ms or 1m30s", text)};
}

} // namespace

result<duration> parse_duration(std::string_view text) {
  if (text == "0")
    return duration{0};
  std::uint64_t total = 0;
  std::uint64_t last_factor = std::numeric_limits<std::uint64_t>::max();
  auto rest = text;
  if (rest.empty())
    return no_duration(text);
  while (!rest.empty()) {
    std::uint64_t number = 0;
    if (!take_number(rest, number))
      return no_duration(text);
    const auto* unit = find_unit(time_units, take_unit(rest));
    if (unit == nullptr || unit->factor >= last_factor)
      return no_duration(text);
    if (number > (greatest - total) / unit->factor)
      return error{errc::invalid_argument, fmt::format("'{}' is too long a duration", text)};
    total += number * unit->factor;
    last_factor = unit->factor;
  }
  return duration{static_cast<std::int64_t>(total)};
}

std::string format_duration(duration d) {
  if (d.count() == 0)
    return "0s";
  std::string out = d.count() < 0 ? "-" : "";
  auto rest = d.count() < 0 ? ~static_cast<std::uint64_t>(d.count()) + 1 : static_cast<std::uint64_t>(d.count());
  for (const auto& unit : time_units) {
    if (unit.name == "min")
      continue;
    if (auto n = rest / unit.factor; n > 0)
      out += fmt::format("{}{}", n, unit.name);
    rest %= unit.factor;
  }
  return out;
}

result<byte_size> parse_byte_size(std::string_view text) {
  auto rest = text;
  std::uint64_t number = 0;
  const named_factor* unit = nullptr;
  bool overflow = !rest.empty() && is_digit(rest.front());
  if (take_number(rest, number)) {
    overflow = false;
    unit = find_unit(size_units, rest);
  }
  if (overflow || (unit != nullptr && number > greatest / unit->factor))
    return error{errc::invalid_argument, fmt::format("'{}' is too large a size", text)};
  if (unit == nullptr)
    return error{errc::invalid_argument,
                 fmt::format("'{}' is not a size: write a whole number and a unit (B, KiB, MiB, GiB, TiB), such as 64MiB", text)};
  return byte_size{number * unit->factor};
}

std::string format_byte_size(byte_size size) {
  for (const auto& unit : size_units)
    if (unit.name.size() == 3 && size.bytes >= unit.factor && size.bytes % unit.factor == 0)
      return fmt::format("{}{}", size.bytes / unit.factor, unit.name);
  return fmt::format("{}B", size.bytes);
}

std::string approximate_size(std::uint64_t bytes) {
  for (const auto& unit : size_units)
    if (unit.name.size() == 3 && bytes >= unit.factor)
      return fmt::format("{:.3g} {}", static_cast<double>(bytes) / static_cast<double>(unit.factor), unit.name);
  return fmt::format("{} B", bytes);
}

} // namespace weir
