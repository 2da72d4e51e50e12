#include <weir/time/event_time.hpp>
#include <weir/time/idleness_tracker.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {
using change = std::optional<bool>;
constexpr auto look = duration{5s};
} // namespace

TEST_CASE("idle after the configured time at the end, active with the next record") {
  idleness_tracker t{30s, 60s};
  CHECK(t.on_poll(true, true, 100s) == change{});
  CHECK(t.next_look() == duration{130s});
  CHECK(t.on_poll(false, false, 129s) == change{});
  CHECK(t.on_poll(false, false, 130s) == change{true});
  CHECK(t.idle());
  CHECK_FALSE(t.next_look());
  CHECK(t.on_poll(false, false, 150s) == change{});
  CHECK(t.on_poll(true, false, 160s) == change{false});
  CHECK_FALSE(t.idle());
}

TEST_CASE("silence without a reported end is not idleness: records may be hidden or not fetched yet") {
  idleness_tracker t{30s, look};
  for (auto now = duration{0s}; now < 1000s; now += 1s)
    REQUIRE(t.on_poll(false, false, now) == change{});
  CHECK_FALSE(t.next_look());
}

TEST_CASE("the end taken back by records behind it: not idle until it is reported again") {
  idleness_tracker t{10s, look};
  CHECK(t.on_poll(false, true, 0s) == change{});
  t.on_behind();
  for (auto now = duration{1s}; now < 60s; now += 1s)
    REQUIRE(t.on_poll(false, false, now) == change{});
  CHECK(t.on_poll(false, true, 60s) == change{});
  for (auto now = duration{61s}; now < 70s; now += 1s)
    REQUIRE(t.on_poll(false, false, now) == change{});
  CHECK(t.on_poll(false, false, 70s) == change{true});
}

TEST_CASE("time without credit does not count") {
  idleness_tracker t{10s, 100s};
  CHECK(t.on_poll(true, true, 0s) == change{});
  CHECK(t.on_poll(false, false, 9s) == change{});
  t.on_unread();
  CHECK_FALSE(t.next_look());
  CHECK(t.on_poll(false, false, 60s) == change{});
  CHECK(t.next_look() == duration{70s});
  CHECK(t.on_poll(false, false, 70s) == change{true});
}

TEST_CASE("a process that was stopped does not find its partitions idle when it wakes") {
  idleness_tracker t{30s, look};
  CHECK(t.on_poll(true, true, 0s) == change{});
  CHECK(t.next_look() == duration{2500ms});
  CHECK(t.on_poll(false, false, 5s) == change{});
  CHECK(t.on_poll(false, false, 3600s) == change{});
  for (auto now = duration{3605s}; now < 3630s; now += 5s)
    REQUIRE(t.on_poll(false, false, now) == change{});
  CHECK(t.on_poll(false, false, 3630s) == change{true});
}

TEST_CASE("a record that was read with the end starts the wait anew") {
  idleness_tracker t{10s, 100s};
  CHECK(t.on_poll(true, true, 0s) == change{});
  CHECK(t.on_poll(true, true, 9s) == change{});
  CHECK(t.on_poll(false, false, 18s) == change{});
  CHECK(t.on_poll(false, false, 19s) == change{true});
}

TEST_CASE("who looks a little later than asked finds the partition idle all the same") {
  idleness_tracker t{30s, look};
  CHECK(t.on_poll(true, true, 0s) == change{});
  auto now = duration{0s};
  for (int i = 0; i < 20 && !t.idle(); ++i) {
    REQUIRE(t.next_look());
    now = *t.next_look() + 10ms;
    (void)t.on_poll(false, false, now);
  }
  CHECK(t.idle());
  CHECK(now < 31s);
}

TEST_CASE("without a time nothing is ever idle") {
  idleness_tracker t{std::nullopt, 1000s};
  CHECK(t.on_poll(true, true, 0s) == change{});
  CHECK(t.on_poll(false, true, 999s) == change{});
  CHECK_FALSE(t.next_look());
}

TEST_CASE("idle before a restart is idle after it until a record comes") {
  idleness_tracker before{1s, look};
  CHECK(before.on_poll(false, true, 0s) == change{});
  CHECK(before.on_poll(false, false, 1s) == change{true});
  std::string saved;
  byte_writer w{saved};
  before.save(w);
  idleness_tracker after{1s, look};
  byte_reader in{saved};
  REQUIRE(after.restore(in));
  CHECK(after.idle());
  CHECK(after.on_poll(false, false, 0s) == change{});
  CHECK(after.on_poll(true, false, 1s) == change{false});
  byte_reader empty{""};
  CHECK_FALSE(after.restore(empty));
  byte_reader wrong{"\x02"};
  CHECK_FALSE(after.restore(wrong));
  CHECK_FALSE(after.idle());
}
