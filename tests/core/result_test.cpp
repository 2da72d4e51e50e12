#include <set>
#include <string>
#include <weir/core/clock.hpp>
#include <weir/core/result.hpp>
#include "tests/catch.hpp"

using namespace weir;

TEST_CASE("every error code has a sentence of its own") {
  std::set<std::string> sentences;
  for (std::uint16_t n = 1; n <= 21; ++n)
    sentences.insert(describe(static_cast<errc>(n)));
  CHECK(sentences.size() == 21);
  CHECK(sentences.count(describe(static_cast<errc>(0))) == 0);
}

TEST_CASE("an error code decides whose fault it is and what a repetition brings") {
  CHECK(fault_of(errc::invalid_config) == fault::user);
  CHECK(fault_of(errc::unavailable) == fault::environment);
  CHECK(fault_of(errc::internal) == fault::bug);
  CHECK(retry_of(errc::fenced) == retry::never);
  CHECK(retry_of(errc::store_foreign) == retry::never);
  CHECK(retry_of(errc::unavailable) == retry::later);
  CHECK(retry_of(errc::unknown_outcome) == retry::restart);
  CHECK(retry_of(errc::user_code_failed) == retry::restart);
}

namespace {
result<int> half(int n) {
  if (n % 2 != 0)
    return {errc::invalid_argument, "odd"};
  return n / 2;
}
result<int> quarter(int n) {
  WEIR_ASSIGN(auto h, half(n));
  return half(h);
}
} // namespace

TEST_CASE("an error passes through WEIR_ASSIGN unchanged") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).err().message == "odd");
  CHECK(quarter(7).err().in("n").message == "n: odd");
  CHECK_THROWS_AS(quarter(7).value(), std::bad_variant_access);
}

TEST_CASE("milliseconds of a time before 1970 are floored, also at the ends of time") {
  CHECK(timestamp{-1}.ms() == -1);
  CHECK(timestamp{-1000}.ms() == -1);
  CHECK(timestamp{-1001}.ms() == -2);
  CHECK(timestamp{1999}.ms() == 1);
  CHECK(min_timestamp.ms() == -9'223'372'036'854'776);
  CHECK(max_timestamp.ms() == 9'223'372'036'854'775);
}

TEST_CASE("the machine's monotonic clock never goes back and the manual clock moves only when told") {
  auto before = system_clock().monotonic();
  for (int i = 0; i < 1000; ++i) {
    auto now = system_clock().monotonic();
    REQUIRE(now >= before);
    before = now;
  }
  CHECK(system_clock().now() > timestamp{1'700'000'000'000'000});
  manual_clock hand{timestamp{5}};
  CHECK(hand.now() == timestamp{5});
  hand.advance(duration{3});
  CHECK(hand.now() == timestamp{8});
  CHECK(hand.monotonic() == duration{8});
}
