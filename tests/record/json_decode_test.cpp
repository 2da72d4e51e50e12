#include <fstream>
#include <weir/record/detail/json_failure.hpp>
#include <weir/record/json.hpp>
#include <weir/record/time_text.hpp>
#include "tests/catch.hpp"
#include "tests/record/types.hpp"

using namespace test_types;

namespace {

/// Decodes with the variant this machine chose and with the baseline: both must agree. Empty text: decoded.
template <class T>
std::string decode(std::string_view text, T& out, const weir::json_limits& limits = {}) {
  T again{};
  weir::detail::json_failure failure;
  auto r = weir::decode_json(text, out, limits);
  bool baseline = weir::detail::decode_json_baseline(text.data(), text.size(), weir::detail::json_table<T>::value, &again,
                                                     limits.max_depth, failure);
  CHECK(baseline == r.ok());
  return r.ok() ? std::string() : r.err().message;
}

template <class T>
std::string problem(std::string_view text) {
  T v{};
  return decode(text, v);
}

template <class T>
T good(std::string_view text) {
  T v{};
  auto message = decode(text, v);
  INFO(text);
  CHECK(message.empty());
  return v;
}

struct defaulted {
  std::int64_t id = 0;
  std::string currency = "EUR";
  std::optional<std::string> note;
  static constexpr std::string_view weir_defaults[] = {"currency"};
};
BOOST_DESCRIBE_STRUCT(defaulted, (), (id, currency, note))

struct long_name {
  std::int32_t a_name_of_more_than_sixteen_bytes = 0;
  std::int32_t fifteen_bytes_x = 0;
  std::int32_t sixteen_bytes_xx = 0;
  std::int32_t x = 0;
};
BOOST_DESCRIBE_STRUCT(long_name, (), (a_name_of_more_than_sixteen_bytes, fifteen_bytes_x, sixteen_bytes_xx, x))

struct nexmark_bid {
  std::int64_t auction = 0, bidder = 0, price = 0;
  std::string channel, url;
  weir::timestamp dateTime;
  std::string extra;
};
BOOST_DESCRIBE_STRUCT(nexmark_bid, (), (auction, bidder, price, channel, url, dateTime, extra))
struct nexmark_event {
  std::int32_t event_type = 0;
  std::optional<nexmark_bid> bid;
};
BOOST_DESCRIBE_STRUCT(nexmark_event, (), (event_type, bid))

} // namespace

TEST_CASE("an order of the running example is decoded field by field") {
  auto o = good<order>(R"({"order_id":17,"customer":"c-0042","amount_cents":1250,"at":"2026-01-01T00:00:03.250Z"})");
  CHECK(o.order_id == 17);
  CHECK(o.customer == "c-0042");
  CHECK(o.amount_cents == 1250);
  CHECK(weir::to_string(o.at) == "2026-01-01T00:00:03.25Z");
}

TEST_CASE("fields may come in any order, with blanks, among unknown ones of every kind") {
  auto o = good<order>(
      "  {\t\"x\" : {\"a\":[1,{\"b\":\"}\\\"]\"}],\"c\":null} ,\r\n \"at\":\"2026-01-01 00:00:00\", \"amount_cents\" : -5 ,"
      "\"y\":[[],{}],\"customer\":\"\",\"z\":-1.5e+3,\"order_id\":0,\"w\":true } ");
  CHECK(o.amount_cents == -5);
  CHECK(o.customer.empty());
}

TEST_CASE("errors name the field path and the byte") {
  CHECK(problem<order>(R"({"order_id":17,"amount_cents":"x"})") == "amount_cents at byte 30: expected integer, found string");
  CHECK(problem<order>(R"({"order_id":null})") == "order_id at byte 12: expected integer, found null");
  CHECK(problem<order>(R"({"customer":{}})") == "customer at byte 12: expected string, found object");
  CHECK(problem<order>(R"([])") == "JSON at byte 0: expected object, found array");
  CHECK(problem<order>("") == "JSON at byte 0: expected object, found end of text");
  CHECK(problem<order>(R"({"order_id":1)") == "JSON at byte 13: expected ',' or '}', found end of text");
  CHECK(problem<order>(R"({"order_id":1 "customer":"a"})") == "JSON at byte 14: expected ',' or '}', found string");
  CHECK(problem<order>(R"({"order_id" 1})") == "JSON at byte 12: expected ':', found number");
  CHECK(problem<order>(R"({"order_id":1,})") == "JSON at byte 14: expected string, found '}'");
  CHECK(problem<everything>(R"({"path":[{"x":1,"y":2},{"x":1,"y":true}]})") ==
        "path[1].y at byte 34: expected integer, found boolean");
  CHECK(problem<everything>(R"({"groups":{"a":[1,2.5]}})") ==
        "groups.a[1] at byte 18: expected integer, found a number with a fraction or exponent");
  CHECK(problem<everything>(R"({"three":[1,2]})") == "three at byte 13: expected ',', found ']'");
}

TEST_CASE("a missing field is an error unless it is optional or has a declared default") {
  CHECK(problem<order>(R"({"order_id":17,"customer":"a","at":"2026-01-01T00:00:00Z"})") ==
        "amount_cents at byte 0: missing in this object");
  auto d = good<defaulted>(R"({"id":1})");
  CHECK(d.currency == "EUR");
  CHECK_FALSE(d.note.has_value());
  CHECK(problem<defaulted>(R"({"currency":"USD"})") == "id at byte 0: missing in this object");
  CHECK(problem<defaulted>(R"({"id":1,"currency":null})") == "currency at byte 19: expected string, found null");
  CHECK(problem<everything>(R"({"path":[{"x":1,"y":1},{"x":1}]})") == "path[1].y at byte 23: missing in this object");
}

TEST_CASE("a field that comes twice is an error, also under an escaped name, an unknown one is not") {
  CHECK(problem<order>(R"({"order_id":1,"order_id":2})") == "order_id at byte 14: the field is there twice");
  CHECK(problem<order>(R"({"order_id":1,"order\u005fid":2})") == "order_id at byte 14: the field is there twice");
  CHECK(problem<std::map<std::string, int>>(R"({"a":1,"a":2})") == "a at byte 7: the key is there twice");
  CHECK(problem<defaulted>(R"({"id":1,"q":1,"q":2})").empty());
}

TEST_CASE("names around the width of one comparison are told apart") {
  auto v = good<long_name>(
      R"({"a_name_of_more_than_sixteen_bytes":1,"a_name_of_more_than_sixteen_bytez":9,"fifteen_bytes_x":2,"sixteen_bytes_xx":3,"sixteen_bytes_xy":9,"x":4})");
  CHECK(v.a_name_of_more_than_sixteen_bytes == 1);
  CHECK(v.fifteen_bytes_x == 2);
  CHECK(v.sixteen_bytes_xx == 3);
  CHECK(v.x == 4);
  auto w =
      good<long_name>(R"({"x":4,"xx":9,"":9,"sixteen_bytes_xx":3,"fifteen_bytes_x":2,"a_name_of_more_than_sixteen_bytes":1})");
  CHECK(w.sixteen_bytes_xx == 3);
  CHECK(w.a_name_of_more_than_sixteen_bytes == 1);
}

TEST_CASE("integers are exact to the last of their bits and refused behind it") {
  CHECK(good<std::int64_t>("9007199254740993") == 9007199254740993);
  CHECK(good<std::int64_t>("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK(good<std::int64_t>("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(good<std::uint64_t>("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
  CHECK(good<std::int64_t>("-0") == 0);
  CHECK(good<std::uint8_t>("255") == 255);
  CHECK(good<std::int8_t>("-128") == -128);
  for (auto text : {"9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999999999"})
    CHECK(problem<std::int64_t>(text) == "JSON at byte 0: integer out of range");
  CHECK(problem<std::uint64_t>("18446744073709551616") == "JSON at byte 0: integer out of range");
  CHECK(problem<std::uint64_t>("184467440737095516150") == "JSON at byte 0: integer out of range");
  CHECK(problem<std::uint64_t>("-1") == "JSON at byte 0: integer out of range");
  CHECK(problem<std::uint8_t>("256") == "JSON at byte 0: integer out of range");
  CHECK(problem<std::int8_t>("-129") == "JSON at byte 0: integer out of range");
  CHECK(problem<std::int16_t>("32768") == "JSON at byte 0: integer out of range");
  for (auto text : {"01", "00", "-01", "+1", "-", "1.", "1.0", "1e3", ".5", "0x10", "1_000", "--1"})
    CHECK_FALSE(problem<std::int64_t>(text).empty());
}

TEST_CASE("every count of digits is read the same whatever follows") {
  std::string digits;
  for (int n = 1; n <= 18; ++n) {
    digits += static_cast<char>('0' + n % 10);
    for (std::string tail : {"", " ", "        ", "\n\n\n\n\n\n\n\n\n\n"})
      CHECK(good<std::int64_t>(digits + tail) == std::stoll(digits));
    CHECK(good<std::vector<std::int64_t>>("[" + digits + "," + digits + "]")[1] == std::stoll(digits));
  }
}

TEST_CASE("real numbers follow JSON's grammar and are the nearest double") {
  CHECK(good<double>("0.1") == 0.1);
  CHECK(good<double>("-1.5E-3") == -1.5e-3);
  CHECK(good<double>("1e308") == 1e308);
  CHECK(good<double>("12345678901234567890") == 12345678901234567890.0);
  CHECK(good<double>("1e-999") == 0);
  CHECK(good<float>("16777217") == 16777216.0F);
  CHECK(problem<double>("1e999") == "JSON at byte 0: number out of range");
  CHECK(problem<float>("1e39") == "JSON at byte 0: number out of range");
  for (auto text : {"NaN", "Infinity", "-Infinity", "1.", ".5", "1e", "1e+", "01.5", "+1", "0x1p3", "-", "\"1\""})
    CHECK_FALSE(problem<double>(text).empty());
}

TEST_CASE("strings: escapes, surrogate pairs and UTF-8 of every length") {
  CHECK(good<std::string>(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\u0000")") ==
        std::string("\"\\/\b\f\n\r\tAé€😀\0", 8 + 1 + 2 + 3 + 4 + 1));
  for (std::size_t n = 0; n < 80; ++n) {
    const std::string plain(n, 'x');
    CHECK(good<std::string>("\"" + plain + "\"") == plain);
    CHECK(good<std::string>("\"" + plain + "\\n" + plain + "\"") == plain + "\n" + plain);
    CHECK(good<std::string>("\"" + plain + "é€😀" + plain + "\"") == plain + "é€😀" + plain);
  }
}

TEST_CASE("damaged strings are refused at the byte") {
  CHECK(problem<std::string>(R"("\ud83d")") == "JSON at byte 1: lone surrogate in a string");
  CHECK(problem<std::string>(R"("a\ude00")") == "JSON at byte 2: lone surrogate in a string");
  CHECK(problem<std::string>(R"("\ud83d\u0041")") == "JSON at byte 1: lone surrogate in a string");
  CHECK(problem<std::string>(R"("\ud83dA")") == "JSON at byte 1: lone surrogate in a string");
  CHECK(problem<std::string>(R"("\u12g4")") == "JSON at byte 3: expected four hexadecimal digits");
  CHECK(problem<std::string>(R"("\x")") == "JSON at byte 1: unknown escape in a string");
  CHECK(problem<std::string>("\"a\nb\"") == "JSON at byte 2: control character in a string");
  CHECK(problem<std::string>("\"abc") == "JSON at byte 4: the text ends in a string");
  CHECK(problem<std::string>("\"abc\\") == "JSON at byte 5: the text ends in a string");
  // Overlong, surrogate, above U+10FFFF, stray continuation, cut short: RFC 3629.
  for (std::string bad : {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xff",
                          "\xe2\x82", "\xf0\x9f\x98", "\xc3"})
    for (std::size_t n : {0, 5, 15, 16, 31, 40}) {
      const std::string pad(n, 'x');
      CHECK_FALSE(problem<std::string>("\"" + pad + bad + "\"").empty());
      CHECK_FALSE(problem<std::string>("\"" + pad + bad + pad + "\\n\"").empty());
      CHECK_FALSE(problem<std::string>("\"\\n" + pad + bad + pad + "\"").empty());
    }
}

TEST_CASE("booleans, enums, bytes, decimals and time stamps") {
  CHECK(good<bool>("true"));
  CHECK_FALSE(problem<bool>("tru").empty());
  CHECK_FALSE(problem<bool>("truex").empty());
  CHECK_FALSE(problem<bool>("1").empty());
  CHECK(good<colour>("\"blue\"") == colour::blue);
  CHECK(good<tiny>("\"below\"") == tiny::below);
  CHECK(problem<colour>("\"pink\"") == "JSON at byte 0: unknown name 'pink'");
  CHECK(good<weir::blob>("\"AP8Q\"").data == std::string("\x00\xff\x10", 3));
  CHECK(good<weir::blob>("\"AA==\"").data == std::string(1, '\0'));
  CHECK(good<weir::blob>("\"\"").data.empty());
  for (auto text : {"\"A\"", "\"A===\"", "\"AB==\"", "\"A*==\"", "\"====\"", "\"AA=A\""})
    CHECK(problem<weir::blob>(text) == "JSON at byte 0: expected base64");
  CHECK(weir::to_string(good<weir::decimal>("12.50")) == "12.50");
  CHECK(weir::to_string(good<weir::decimal>("\"-0.001\"")) == "-0.001");
  CHECK_FALSE(problem<weir::decimal>("1e39").empty());
  CHECK_FALSE(problem<weir::decimal>("\"abc\"").empty());
  CHECK(good<weir::timestamp>("\"2022-12-31 23:59:55.1\"").us == 1672531195100000);
  CHECK(problem<weir::timestamp>("\"yesterday\"") == "JSON at byte 0: expected a time stamp like \"2026-01-01T00:00:00Z\"");
  CHECK_FALSE(problem<weir::timestamp>("1672531195").empty());
}

TEST_CASE("depth and size have limits, in wanted and in skipped values") {
  auto nested = [](int n) {
    std::string s;
    for (int i = 1; i < n; ++i)
      s += R"({"value":1,"kids":[)";
    s += R"({"value":1})";
    for (int i = 1; i < n; ++i)
      s += "]}";
    return s;
  };
  CHECK(problem<tree>(nested(16)).empty()); // 31 levels
  CHECK(problem<tree>(nested(17)).find("nested too deep") != std::string::npos);
  auto skipped = [](std::size_t n) { return R"({"value":1,"other":)" + std::string(n, '[') + std::string(n, ']') + "}"; };
  CHECK(problem<tree>(skipped(31)).empty());
  CHECK(problem<tree>(skipped(32)).find("nested too deep") != std::string::npos);
  CHECK(problem<tree>(skipped(1'000'000)).find("nested too deep") != std::string::npos);
  tree t;
  auto r = weir::decode_json(R"({"value":1})", t, {.max_bytes = 10});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == weir::errc::too_large);
}

TEST_CASE("skipped values must close what they open") {
  for (auto text : {R"({"value":1,"o":[})", R"({"value":1,"o":{"a":[1}]})", R"({"value":1,"o":"abc)", R"({"value":1,"o":{)",
                    R"({"value":1,"o":})", R"({"value":1,"o":,"p":1})", R"({"value":1,"o":"a\)", R"({"value":1,"o":"a\")"})
    CHECK_FALSE(problem<tree>(text).empty());
}

TEST_CASE("every prefix of a valid document is an error and never read beyond") {
  generator g(1);
  const std::string text =
      R"({"order_id":17,"customer":"c-\u00e9😀042","junk":{"a":["b\"",{}],"c":1.5},"amount_cents":-1250,"at":"2026-01-01T00:00:03.250Z"})";
  REQUIRE(problem<order>(text).empty());
  for (std::size_t n = 0; n < text.size(); ++n) {
    // A copy of exactly n bytes: the address sanitizer sees a read behind it.
    const std::vector<char> copy(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK_FALSE(problem<order>(std::string_view(copy.data(), copy.size())).empty());
  }
}

TEST_CASE("documents with random damage are decoded or refused, alike in both variants") {
  const auto seed = GENERATE(range(1, 4));
  CAPTURE(seed);
  generator g(static_cast<std::uint64_t>(seed));
  using namespace std::string_literals;
  const auto alphabet = "\"\\{}[],:0123456789.eE+-tfnu \n\x00\x1f\x80\xff"s;
  for (int round = 0; round < 3000; ++round) {
    std::string text =
        R"({"flag":true,"i8":-1,"u64":18446744073709551615,"f64":1.5e3,"text":"\u00e9x","at":"2026-01-01T00:00:03.250Z","price":1.50,"hue":"red","where":{"x":1,"y":2},"path":[{"x":1,"y":2}],"groups":{"a":[1]},"both":[1,"b"]})";
    for (auto n = 1 + g.below(4); n > 0; --n) {
      auto at = g.below(text.size());
      switch (g.below(3)) {
        case 0:
          text[at] = alphabet[g.below(alphabet.size())];
          break;
        case 1:
          text.erase(at, 1 + g.below(5));
          break;
        default:
          text.insert(at, 1, alphabet[g.below(alphabet.size())]);
          break;
      }
    }
    const std::vector<char> copy(text.begin(), text.end());
    everything a, b;
    weir::detail::json_failure failure;
    auto r = weir::decode_json(std::string_view(copy.data(), copy.size()), a);
    bool baseline = weir::detail::decode_json_baseline(copy.data(), copy.size(), weir::detail::json_table<everything>::value, &b,
                                                       32, failure);
    REQUIRE(r.ok() == baseline);
    if (!r.ok())
      REQUIRE(r.err().message.ends_with(failure.what));
  }
}

TEST_CASE("real Nexmark events are decoded") {
  std::ifstream in(WEIR_SOURCE_DIR "/tests/data/nexmark.jsonl");
  std::size_t lines = 0, bids = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    auto e = good<nexmark_event>(line);
    CHECK(e.bid.has_value() == (e.event_type == 2));
    if (!e.bid)
      continue;
    ++bids;
    CHECK(e.bid->auction >= 1000);
    CHECK(e.bid->price > 0);
    CHECK(e.bid->url.starts_with("https://www.nexmark.com/"));
    CHECK(weir::to_string(e.bid->dateTime).starts_with("202"));
    CHECK_FALSE(e.bid->extra.empty());
  }
  CHECK(lines == 60);
  CHECK(bids > 30);
}
