#pragma once
// The types that the record tests encode and decode.
#include <random>
#include <weir/record/describe.hpp>

namespace test_types {

struct order {
  std::int64_t order_id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
  weir::timestamp at;
  friend bool operator==(const order&, const order&) = default;
};
BOOST_DESCRIBE_STRUCT(order, (), (order_id, customer, amount_cents, at))

enum class colour { red, green, blue };
BOOST_DESCRIBE_ENUM(colour, red, green, blue)
enum class tiny : std::int8_t { below = -1, zero = 0 };
BOOST_DESCRIBE_ENUM(tiny, below, zero)

struct point {
  std::int32_t x = 0, y = 0;
  friend auto operator<=>(const point&, const point&) = default;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

/// One field of every kind.
struct everything {
  bool flag = false;
  std::int8_t i8 = 0;
  std::int16_t i16 = 0;
  std::int32_t i32 = 0;
  std::int64_t i64 = 0;
  std::uint8_t u8 = 0;
  std::uint16_t u16 = 0;
  std::uint32_t u32 = 0;
  std::uint64_t u64 = 0;
  float f32 = 0;
  double f64 = 0;
  std::string text;
  weir::blob bytes;
  weir::timestamp at;
  weir::decimal price;
  colour hue = colour::red;
  tiny small = tiny::zero;
  point where;
  std::optional<std::int64_t> maybe;
  std::optional<point> maybe_point;
  std::vector<point> path;
  std::map<std::string, std::vector<std::int32_t>> groups;
  std::pair<std::int32_t, std::string> both;
  std::tuple<std::int32_t, double, std::optional<std::string>> three;
  friend bool operator==(const everything&, const everything&) = default;
};
BOOST_DESCRIBE_STRUCT(everything, (),
                      (flag, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, text, bytes, at, price, hue, small, where, maybe,
                       maybe_point, path, groups, both, three))

/// Contains itself.
struct tree {
  std::int32_t value = 0;
  std::vector<tree> kids;
  friend bool operator==(const tree&, const tree&) = default;
  static constexpr std::string_view weir_defaults[] = {"kids"};
};
BOOST_DESCRIBE_STRUCT(tree, (), (value, kids))

/// Random values; the same seed gives the same ones. Texts are UTF-8 with escapes, NUL and all lengths around 16 and 32.
class generator {
 public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  std::uint64_t number() { return random_(); }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  /// Often at an edge.
  template <class T>
  T integer() {
    switch (below(6)) {
      case 0:
        return std::numeric_limits<T>::min();
      case 1:
        return std::numeric_limits<T>::max();
      case 2:
        return static_cast<T>(below(3) - 1);
      default:
        return static_cast<T>(number() >> below(64));
    }
  }
  std::string text() {
    static const std::string parts[] = {"a",    "Z", " ", "\"", "\\", "/", "\n", std::string(1, '\0'), "\x1f",
                                        "\x7f", "é", "€", "😀",  "{",  "]", ",",  "plain words ",       "\t"};
    std::string s;
    for (auto n = below(45); n > 0; --n)
      s += parts[below(std::size(parts))];
    return s;
  }
  std::string bytes() {
    std::string s(below(20), '\0');
    for (auto& c : s)
      c = static_cast<char>(number());
    return s;
  }
  weir::timestamp time() { return {static_cast<std::int64_t>(number() % 300'000'000'000'000'000U) - 60'000'000'000'000'000}; }
  double real() {
    for (;;) {
      auto bits = number();
      double v = 0;
      std::memcpy(&v, &bits, sizeof v);
      if (v - v == 0) // Finite.
        return v;
    }
  }
  weir::decimal dec() {
    weir::int128 v = 0;
    for (auto n = below(39); n > 0; --n)
      v = v * 10 + static_cast<int>(below(10));
    return {below(2) == 0 ? v : -v, static_cast<std::uint8_t>(below(39))};
  }
  point pt() { return {integer<std::int32_t>(), integer<std::int32_t>()}; }

  everything all() {
    everything e;
    e.flag = below(2) == 0;
    e.i8 = integer<std::int8_t>();
    e.i16 = integer<std::int16_t>();
    e.i32 = integer<std::int32_t>();
    e.i64 = integer<std::int64_t>();
    e.u8 = integer<std::uint8_t>();
    e.u16 = integer<std::uint16_t>();
    e.u32 = integer<std::uint32_t>();
    e.u64 = integer<std::uint64_t>();
    e.f32 = static_cast<float>(integer<std::int32_t>()) / 3;
    e.f64 = real();
    e.text = text();
    e.bytes.data = bytes();
    e.at = time();
    e.price = dec();
    e.hue = static_cast<colour>(below(3));
    e.small = below(2) == 0 ? tiny::below : tiny::zero;
    e.where = pt();
    if (below(2) == 0)
      e.maybe = integer<std::int64_t>();
    if (below(2) == 0)
      e.maybe_point = pt();
    for (auto n = below(4); n > 0; --n)
      e.path.push_back(pt());
    for (auto n = below(4); n > 0; --n)
      e.groups[text()] = {integer<std::int32_t>(), 7};
    e.both = {integer<std::int32_t>(), text()};
    e.three = {integer<std::int32_t>(), real(), below(2) == 0 ? std::optional<std::string>(text()) : std::nullopt};
    return e;
  }

 private:
  std::mt19937_64 random_;
};

} // namespace test_types
