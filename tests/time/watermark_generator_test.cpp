#include <random>
#include <weir/time/event_time.hpp>
#include <weir/time/watermark_generator.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {
/// Late for the tumbling window that holds it, by the rule that a window is over when W >= end - 1 us.
bool late(timestamp t, std::int64_t size_us, timestamp watermark) {
  auto index = t.us >= 0 ? t.us / size_us : -((-t.us + size_us - 1) / size_us);
  return watermark.us >= (index + 1) * size_us - 1;
}
} // namespace

TEST_CASE("nothing is known before the first event") {
  watermark_generator g{5s};
  CHECK(g.current() == min_timestamp);
}

TEST_CASE("the watermark is one microsecond behind the bound and never goes back") {
  watermark_generator g{5s};
  g.on_event({10'000'000});
  CHECK(g.current() == timestamp{4'999'999});
  g.on_event({3'000'000});
  CHECK(g.current() == timestamp{4'999'999});
  g.on_event({10'000'001});
  CHECK(g.current() == timestamp{5'000'000});
}

TEST_CASE("a record exactly on the bound and on a window's last microsecond is in time") {
  watermark_generator g{5s};
  g.on_event({64'999'999});
  CHECK_FALSE(late({59'999'999}, 60'000'000, g.current()));
  g.on_event({65'000'000});
  CHECK(late({59'999'999}, 60'000'000, g.current()));
  CHECK_FALSE(late({60'000'000}, 60'000'000, g.current()));
}

TEST_CASE("a record within the bound is never late, whatever the order") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    const auto bound = static_cast<std::int64_t>(random() % 50);
    watermark_generator g{duration{bound}};
    std::int64_t latest = -500;
    for (int i = 0; i < 200; ++i) {
      auto t = latest - static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound + 1));
      if (random() % 3 == 0)
        t = latest + static_cast<std::int64_t>(random() % 20);
      REQUIRE_FALSE(late({t}, 1 + static_cast<std::int64_t>(seed % 7), g.current()));
      g.on_event({t});
      latest = std::max(latest, t);
    }
  }
}

TEST_CASE("event times at both ends of time do not wrap") {
  watermark_generator g{5s};
  g.on_event({min_timestamp.us + 3});
  CHECK(g.current() == min_timestamp);
  g.on_event(max_timestamp);
  CHECK(g.current() == timestamp{max_timestamp.us - 5'000'001});
  watermark_generator in_order{0s};
  in_order.on_event(max_timestamp);
  CHECK(in_order.current() < max_timestamp); // The end of time is for inputs that ended.
  watermark_generator negative{-5s};
  negative.on_event({100});
  CHECK(negative.current() == timestamp{99});
}

TEST_CASE("a restored generator goes on where it was, and a larger bound does not reopen windows") {
  watermark_generator g{5s};
  g.on_event({10'000'000});
  std::string saved;
  byte_writer w{saved};
  g.save(w);
  watermark_generator same{5s}, wider{60s}, tighter{1s};
  for (auto* r : {&same, &wider, &tighter}) {
    byte_reader in{saved};
    REQUIRE(r->restore(in));
    CHECK(in.done());
  }
  CHECK(same.current() == g.current());
  CHECK(wider.current() == g.current());
  CHECK(tighter.current() == timestamp{8'999'999});
  wider.on_event({70'000'000});
  CHECK(wider.current() == timestamp{9'999'999});
}

TEST_CASE("a generator that saw nothing is restored as such") {
  std::string saved;
  byte_writer w{saved};
  watermark_generator{1s}.save(w);
  watermark_generator g{1s};
  byte_reader in{saved};
  REQUIRE(g.restore(in));
  CHECK(g.current() == min_timestamp);
}

TEST_CASE("malformed bytes leave the generator as it was") {
  watermark_generator g{0s};
  g.on_event({100});
  std::string saved;
  byte_writer w{saved};
  g.save(w);
  watermark_generator fresh{0s};
  for (std::size_t n = 0; n < saved.size(); ++n) {
    byte_reader in{std::string_view{saved}.substr(0, n)};
    CHECK_FALSE(fresh.restore(in));
  }
  auto version = saved;
  version[0] = 9;
  byte_reader wrong{version};
  CHECK_FALSE(fresh.restore(wrong));
  std::string above; // A watermark that no event explains.
  byte_writer w2{above};
  w2.u8(1);
  w2.i64(5);
  w2.i64(5);
  byte_reader impossible{above};
  CHECK_FALSE(fresh.restore(impossible));
  CHECK(fresh.current() == min_timestamp);
}
