#include <weir/core/clock.hpp>
#include <weir/task/told_offsets.hpp>
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using offsets = weir::told_offsets::offsets;

TEST_CASE("a consumer group is told what is new, and what does not move again in time") {
  weir::manual_clock clock;
  weir::told_offsets group(12h);
  offsets next{{0, 5}, {1, 0}};
  CHECK(group.due(next, clock.monotonic()) == next);
  CHECK(group.is_new(next));
  group.told(next, clock.monotonic());
  CHECK(group.due(next, clock.monotonic()).empty());
  CHECK_FALSE(group.is_new(next));

  clock.advance(6h);
  next[0] = 7;
  CHECK(group.due(next, clock.monotonic()) == offsets{{0, 7}});
  CHECK(group.is_new({{0, 7}}));
  group.told({{0, 7}}, clock.monotonic());

  clock.advance(6h - 1us);
  CHECK(group.due(next, clock.monotonic()).empty());
  // Each partition by itself: a broker forgets that of the one that stands still while the other goes on.
  clock.advance(1us);
  CHECK(group.due(next, clock.monotonic()) == offsets{{1, 0}});
  CHECK_FALSE(group.is_new({{1, 0}}));

  // What could not be told stays due.
  clock.advance(1h);
  CHECK(group.due(next, clock.monotonic()) == offsets{{1, 0}});
  group.told({{1, 0}}, clock.monotonic());
  CHECK(group.due(next, clock.monotonic()).empty());
  clock.advance(5h);
  CHECK(group.due(next, clock.monotonic()) == offsets{{0, 7}});
}

TEST_CASE("where a group stands from before is nothing new; it is told in time, and at the end of a life that told nothing") {
  weir::told_offsets group(12h);
  const offsets next{{0, 5}};
  group.stands(0, 5, 1h);
  CHECK(group.due(next, 13h - 1us).empty());
  CHECK(group.due(next, 13h) == next);
  CHECK_FALSE(group.is_new(next));
  CHECK(group.is_new({{0, 6}}));
  CHECK(group.untold(next) == next);
  group.told(next, 13h);
  CHECK(group.due(next, 14h).empty());
  CHECK(group.untold(next).empty());
  CHECK(group.untold({{0, 6}, {1, 0}}) == offsets{{0, 6}, {1, 0}});
}

TEST_CASE("a group that stood still for weeks was never left untold for a day") {
  weir::manual_clock clock;
  weir::told_offsets group(12h);
  const offsets next{{0, 5}, {1, 9}};
  weir::duration last{0};
  for (int look = 0; look < 24 * 21; ++look, clock.advance(1h)) {
    // The broker is away for a few hours each week.
    auto away = look % (24 * 7) < 9;
    if (auto due = group.due(next, clock.monotonic()); !due.empty() && !away) {
      CHECK(due == next);
      CHECK(clock.monotonic() - last < 24h);
      last = clock.monotonic();
      group.told(due, last);
    }
  }
  CHECK(clock.monotonic() - last < 24h);
}
