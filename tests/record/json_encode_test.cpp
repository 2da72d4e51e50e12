#include <limits>
#include <weir/record/json.hpp>
#include <weir/record/value_codec.hpp>
#include "tests/catch.hpp"
#include "tests/record/types.hpp"

using namespace test_types;

namespace {

template <class T>
std::string encode(const T& v) {
  std::string out;
  auto r = weir::encode_json(v, out);
  return r.ok() ? out : "error: " + r.err().message;
}

struct sparse {
  std::optional<std::int32_t> a, b;
  static constexpr bool weir_omit_null = true;
};
BOOST_DESCRIBE_STRUCT(sparse, (), (a, b))

struct total {
  std::string customer;
  weir::timestamp window_start, window_end;
  std::int64_t total_cents = 0, orders = 0;
};
BOOST_DESCRIBE_STRUCT(total, (), (customer, window_start, window_end, total_cents, orders))

} // namespace

TEST_CASE("fields are written in the order of their declaration, times without a zero fraction") {
  const weir::timestamp start{1767225600000000};
  CHECK(
      encode(total{"c-0042", start, start + std::chrono::minutes(1), 88211, 71}) ==
      R"({"customer":"c-0042","window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T00:01:00Z","total_cents":88211,"orders":71})");
}

TEST_CASE("an empty optional is null or left out, as the struct says") {
  CHECK(encode(std::optional<int>()) == "null");
  CHECK(encode(sparse{}) == "{}");
  CHECK(encode(sparse{{}, 2}) == R"({"b":2})");
  CHECK(encode(sparse{1, {}}) == R"({"a":1})");
}

TEST_CASE("strings are escaped and must be UTF-8") {
  CHECK(encode(std::string("\"\\/\b\f\n\r\t\x01\x1f é😀\x7f")) == R"("\"\\/\b\f\n\r\t\u0001\u001f é😀)"
                                                                 "\x7f\"");
  CHECK(encode(std::string("a\xff")) == "error: the string is not UTF-8");
  CHECK(encode(std::map<std::string, int>{{"\xc3", 1}}) == "error: the string is not UTF-8");
}

TEST_CASE("what has no JSON form is refused with its path and nothing is written") {
  everything e;
  e.f64 = std::numeric_limits<double>::quiet_NaN();
  CHECK(encode(e) == "error: f64: NaN and infinity have no JSON form");
  e.f64 = 0;
  e.three = {1, -std::numeric_limits<double>::infinity(), {}};
  CHECK(encode(e) == "error: three[1]: NaN and infinity have no JSON form");
  e.three = {};
  e.at = weir::max_timestamp;
  CHECK(encode(e) == "error: at: the time is outside the years 0000 to 9999");
  e.at = {};
  e.hue = static_cast<colour>(7);
  CHECK(encode(e) == "error: hue: the enum has no name for this number");
  std::string out = "before";
  CHECK_FALSE(weir::encode_json(e, out).ok());
  CHECK(out == "before");
}

TEST_CASE("random values of every kind survive JSON") {
  const auto seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  generator g(static_cast<std::uint64_t>(seed));
  for (int i = 0; i < 400; ++i) {
    const auto e = g.all();
    std::string text;
    REQUIRE(weir::encode_json(e, text).ok());
    CAPTURE(text);
    everything back;
    auto r = weir::decode_json(text, back);
    INFO((r.ok() ? "" : r.err().message));
    REQUIRE(r.ok());
    REQUIRE(back == e);
    REQUIRE(back.price.scale == e.price.scale);
    std::string again;
    REQUIRE(weir::encode_json(back, again).ok());
    REQUIRE(again == text);
  }
}

TEST_CASE("keys of records on topics have the forms that others write") {
  using weir::key_format;
  std::string out;
  auto key = [&out](const auto& k, key_format f) {
    out.clear();
    auto r = weir::encode_topic_key(k, f, out);
    return r.ok() ? out : "error";
  };
  CHECK(key(std::string("c-0042"), key_format::text) == "c-0042");
  CHECK(key(std::int64_t{-42}, key_format::text) == "-42");
  CHECK(key(std::int64_t{-2}, key_format::integer) == "\xff\xff\xff\xff\xff\xff\xff\xfe");
  CHECK(key(std::int32_t{258}, key_format::integer) == std::string("\0\0\1\2", 4));
  CHECK(key(std::int16_t{1}, key_format::integer) == "error");
  CHECK(key(std::string("a"), key_format::integer) == "error");
  CHECK(key(point{1, 2}, key_format::text) == "error");
  CHECK(key(point{1, 2}, key_format::json) == R"({"x":1,"y":2})");
  CHECK(key(weir::blob{"\xff"}, key_format::text) == "\xff");

  std::int64_t i = 0;
  std::uint64_t u = 0;
  std::int32_t i32 = 0;
  point p;
  CHECK(weir::decode_topic_key("-42", key_format::text, i).ok());
  CHECK(i == -42);
  CHECK(weir::decode_topic_key("18446744073709551615", key_format::text, u).ok());
  CHECK(u == std::numeric_limits<std::uint64_t>::max());
  CHECK(weir::decode_topic_key("\xff\xff\xff\xff\xff\xff\xff\xfe", key_format::integer, i).ok());
  CHECK(i == -2);
  CHECK(weir::decode_topic_key(std::string_view("\xff\xff\xff\xfe", 4), key_format::integer, i32).ok());
  CHECK(i32 == -2);
  CHECK(weir::decode_topic_key(R"({"x":1,"y":2})", key_format::json, p).ok());
  CHECK_FALSE(weir::decode_topic_key("4294967296", key_format::text, i32).ok());
  CHECK_FALSE(weir::decode_topic_key("12x", key_format::text, i).ok());
  CHECK_FALSE(weir::decode_topic_key("", key_format::text, i).ok());
  CHECK_FALSE(weir::decode_topic_key("abc", key_format::integer, i).ok());
}

TEST_CASE("values of plain strings and blobs are the bytes themselves") {
  std::string s, out;
  CHECK(weir::decode_value("not {json", s).ok());
  CHECK(weir::encode_value(s, out).ok());
  CHECK(out == "not {json");
  weir::blob b;
  CHECK(weir::decode_value(std::string_view("\0\xff", 2), b).ok());
  CHECK(b.data.size() == 2);
}
