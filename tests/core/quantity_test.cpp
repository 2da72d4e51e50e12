#include <limits>
#include <random>
#include <weir/core/quantity.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("durations are read as people write them") {
  CHECK(parse_duration("250ms").value() == 250ms);
  CHECK(parse_duration("1s").value() == 1s);
  CHECK(parse_duration("5m").value() == 5min);
  CHECK(parse_duration("5min").value() == 5min);
  CHECK(parse_duration("1m30s").value() == 90s);
  CHECK(parse_duration("2d").value() == 48h);
  CHECK(parse_duration("0").value() == 0s);
  CHECK(parse_duration("7us").value() == 7us);
}

TEST_CASE("a duration that is not one is refused and shown") {
  auto bad = GENERATE("", "1", "s", "1.5s", "-1s", "1 s", "1sec", "1s2m", "1s1s", "ms250", "1m30", "99999999999999999999s",
                      "9999999999999d", "1m1min");
  auto r = parse_duration(bad);
  INFO(bad);
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::invalid_argument);
  CHECK(r.err().message.find(std::string("'") + bad + "'") != std::string::npos);
}

TEST_CASE("a formatted duration is read back as the same value") {
  CHECK(format_duration(90s) == "1m30s");
  CHECK(format_duration(0s) == "0s");
  CHECK(format_duration(250ms) == "250ms");
  CHECK(format_duration(-1500ms) == "-1s500ms");
  auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    duration d{static_cast<std::int64_t>(random() >> (1 + random() % 63))};
    REQUIRE(parse_duration(format_duration(d)).value() == d);
  }
  CHECK(parse_duration(format_duration(duration::max())).value() == duration::max());
}

TEST_CASE("sizes are read as people write them") {
  CHECK(parse_byte_size("64MiB").value().bytes == 64u << 20);
  CHECK(parse_byte_size("1GiB").value().bytes == 1u << 30);
  CHECK(parse_byte_size("10kB").value().bytes == 10'000);
  CHECK(parse_byte_size("100B").value().bytes == 100);
  CHECK(parse_byte_size("512").value().bytes == 512);
  CHECK(parse_byte_size("0").value().bytes == 0);
}

TEST_CASE("a size that is not one is refused and shown") {
  auto bad = GENERATE("", "MiB", "1.5MiB", "-1", "64 MiB", "64mib", "64M", "99999999999999999999", "9999999999TiB", "0x10");
  auto r = parse_byte_size(bad);
  INFO(bad);
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().message.find(std::string("'") + bad + "'") != std::string::npos);
}

TEST_CASE("a formatted size is read back as the same value") {
  CHECK(format_byte_size({64u << 20}) == "64MiB");
  CHECK(format_byte_size({1000}) == "1000B");
  CHECK(approximate_size(3u << 19) == "1.5 MiB");
  CHECK(approximate_size(12) == "12 B");
  auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    byte_size b{random() >> (1 + random() % 63)};
    REQUIRE(parse_byte_size(format_byte_size(b)).value() == b);
  }
}
