#include <weir/record/time_text.hpp>
#include "tests/catch.hpp"
#include "tests/record/types.hpp"

using namespace test_types;

namespace {
std::int64_t us(std::string_view text) {
  auto t = weir::parse_timestamp(text);
  INFO(text);
  REQUIRE(t.ok());
  return t->us;
}
std::string dec(std::string_view text) {
  auto d = weir::parse_decimal(text);
  return d.ok()                                    ? weir::to_string(*d)
         : weir::describe(d.err().code) == nullptr ? ""
                                                   : "error " + std::to_string(static_cast<int>(d.err().code));
}
} // namespace

TEST_CASE("time stamps are read with zone, offset, blank and fraction") {
  CHECK(us("1970-01-01T00:00:00Z") == 0);
  CHECK(us("2026-01-01T00:00:03.250Z") == 1767225603250000);
  CHECK(us("2026-01-01t01:00:03.250+01:00") == 1767225603250000);
  CHECK(us("2025-12-31T19:30:03.25-04:30") == 1767225603250000);
  CHECK(us("2022-12-31 23:59:55.1") == 1672531195100000);
  CHECK(us("2022-12-31 23:59:55") == 1672531195000000);
  CHECK(us("1969-12-31T23:59:59.999999Z") == -1);
  CHECK(us("1969-12-31T23:59:59.9999999999Z") == -1);
  CHECK(us("2000-02-29T00:00:00Z") == 951782400000000);
  CHECK(us("2016-12-31T23:59:60Z") == us("2017-01-01T00:00:00Z"));
  CHECK(us("0000-01-01T00:00:00Z") == -62167219200000000);
  CHECK(us("9999-12-31T23:59:59.999999Z") == 253402300799999999);
}

TEST_CASE("what is no time is refused") {
  for (auto text : {"",
                    "2026",
                    "2026-01-01",
                    "2026-01-01T00:00:00.",
                    "2026-01-01T00:00:00.Z",
                    "2026-13-01T00:00:00Z",
                    "2026-00-01T00:00:00Z",
                    "2026-02-29T00:00:00Z",
                    "1900-02-29T00:00:00Z",
                    "2026-01-00T00:00:00Z",
                    "2026-01-32T00:00:00Z",
                    "2026-04-31T00:00:00Z",
                    "2026-01-01T24:00:00Z",
                    "2026-01-01T00:60:00Z",
                    "2026-01-01T00:00:61Z",
                    "2026-01-01T00:00:00X",
                    "2026-01-01T00:00:00+1:00",
                    "2026-01-01T00:00:00+24:00",
                    "2026-01-01T00:00:00+01:60",
                    "2026-01-01T00:00:00ZZ",
                    "2026/01/01T00:00:00Z",
                    "2026-01-01T00-00-00Z",
                    "+026-01-01T00:00:00Z",
                    "2026-01-01T00:00:0 Z"})
    CHECK_FALSE(weir::parse_timestamp(text).ok());
}

TEST_CASE("times are written in UTC with the shortest exact fraction and read back, before 1970 too") {
  CHECK(weir::to_string(weir::timestamp{0}) == "1970-01-01T00:00:00Z");
  CHECK(weir::to_string(weir::timestamp{-1}) == "1969-12-31T23:59:59.999999Z");
  CHECK(weir::to_string(weir::timestamp{1767225603250000}) == "2026-01-01T00:00:03.25Z");
  CHECK(weir::to_string(weir::timestamp{100}) == "1970-01-01T00:00:00.0001Z");
  CHECK(weir::to_string(weir::max_timestamp) == "+294247-01-10T04:00:54.775807Z");
  CHECK(weir::to_string(weir::min_timestamp) == "-290308-12-21T19:59:05.224192Z");
  generator g(5);
  for (int i = 0; i < 5000; ++i) {
    const auto t = g.time();
    REQUIRE(us(weir::to_string(t)) == t.us);
  }
}

TEST_CASE("milliseconds for Kafka are floored") {
  CHECK(weir::timestamp{-1}.ms() == -1);
  CHECK(weir::timestamp{-1000}.ms() == -1);
  CHECK(weir::timestamp{999}.ms() == 0);
}

TEST_CASE("decimals keep every digit and their scale") {
  for (auto text :
       {"0", "0.00", "-0.001", "12.50", "99999999999999999999999999999999999999", "-0.99999999999999999999999999999999999999"})
    CHECK(dec(text) == text);
  CHECK(dec("1.25e2") == "125");
  CHECK(dec("1.25e1") == "12.5");
  CHECK(dec("1.25E-3") == "0.00125");
  CHECK(dec("12e3") == "12000");
  CHECK(dec("0e999") == "0");
  CHECK(dec("-0") == "0");
}

TEST_CASE("decimals that cannot be exact or have no form are refused") {
  for (auto text : {"100000000000000000000000000000000000000", "1e38", "1e-39", "0.000000000000000000000000000000000000001",
                    "1e999999999999"})
    CHECK(dec(text) == "error " + std::to_string(static_cast<int>(weir::errc::out_of_range)));
  for (auto text : {"", "-", "+1", "1.", ".5", "01", "1e", "1e+", "1.2.3", "abc", "1,5", "--1", "1 "})
    CHECK(dec(text) == "error " + std::to_string(static_cast<int>(weir::errc::decode_failed)));
}

TEST_CASE("decimals compare and add by value") {
  auto d = [](std::string_view s) { return *weir::parse_decimal(s); };
  CHECK(d("1.50") == d("1.5"));
  CHECK(d("-1.51") < d("-1.5"));
  CHECK(d("99999999999999999999999999999999999999") > d("0.99999999999999999999999999999999999999"));
  CHECK(d("0.1") > d("-0.2"));
  CHECK(weir::to_string(*weir::add(d("0.1"), d("0.25"))) == "0.35");
  CHECK(weir::to_string(*weir::subtract(d("1"), d("0.001"))) == "0.999");
  CHECK_FALSE(weir::add(d("99999999999999999999999999999999999999"), d("1")).ok());
  CHECK_FALSE(weir::add(d("99999999999999999999999999999999999999"), d("0.1")).ok());
}
