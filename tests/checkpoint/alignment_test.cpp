#include <weir/checkpoint/alignment.hpp>
#include "tests/catch.hpp"

using namespace weir;
using outcome = alignment::outcome;

TEST_CASE("one channel aligns at once") {
  alignment a{1};
  auto d = a.on_barrier(0, 1, true);
  CHECK(d.what == outcome::aligned);
  CHECK(d.final_barrier);
  CHECK_FALSE(a.held(0));
  CHECK(a.aligning() == 0);
}

TEST_CASE("channels are held from their barrier until the last one has it") {
  alignment a{3};
  CHECK(a.on_barrier(1, 7, false).what == outcome::hold);
  CHECK(a.aligning() == 7);
  CHECK_FALSE(a.held(0));
  CHECK(a.held(1));
  CHECK(a.on_barrier(0, 7, false).what == outcome::hold);
  CHECK(a.on_barrier(0, 7, false).what == outcome::hold); // Twice on a channel is still one channel.
  auto d = a.on_barrier(2, 7, false);
  CHECK(d.what == outcome::aligned);
  CHECK_FALSE(d.final_barrier);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK_FALSE(a.held(i));
}

TEST_CASE("a higher barrier cancels: the old channels go on, the new one is held") {
  alignment a{3};
  CHECK(a.on_barrier(0, 4, true).what == outcome::hold);
  CHECK(a.on_barrier(1, 4, true).what == outcome::hold);
  auto d = a.on_barrier(2, 5, false);
  CHECK(d.what == outcome::cancelled);
  CHECK(d.cancelled_checkpoint == 4);
  CHECK_FALSE(d.also_aligned);
  CHECK_FALSE(a.held(0));
  CHECK_FALSE(a.held(1));
  CHECK(a.held(2));
  CHECK(a.aligning() == 5);
  CHECK(a.on_barrier(0, 5, false).what == outcome::hold);
  auto last = a.on_barrier(1, 5, false);
  CHECK(last.what == outcome::aligned);
  CHECK_FALSE(last.final_barrier); // The cancelled attempt's flag went with it.
}

TEST_CASE("the cancelled barrier arriving on other channels later is passed by") {
  alignment a{3};
  CHECK(a.on_barrier(0, 4, false).what == outcome::hold);
  CHECK(a.on_barrier(1, 5, false).what == outcome::cancelled);
  CHECK(a.on_barrier(2, 4, false).what == outcome::ignored);
  CHECK_FALSE(a.held(2));
  CHECK(a.aligning() == 5);
}

TEST_CASE("an attempt that never reached this task before a higher one did is passed by") {
  alignment a{2};
  CHECK(a.on_barrier(0, 9, false).what == outcome::hold);
  CHECK(a.on_barrier(1, 8, false).what == outcome::ignored);
  CHECK(a.on_barrier(1, 9, false).what == outcome::aligned);
  CHECK(a.on_barrier(1, 9, false).what == outcome::ignored);
}

TEST_CASE("closed while a channel is held: released, later barriers of it are passed by") {
  alignment a{2};
  CHECK(a.on_barrier(0, 3, false).what == outcome::hold);
  a.on_closed(3);
  CHECK_FALSE(a.held(0));
  CHECK(a.aligning() == 0);
  CHECK(a.on_barrier(1, 3, false).what == outcome::ignored);
  CHECK_FALSE(a.held(1));
  CHECK(a.on_barrier(1, 4, false).what == outcome::hold);
  CHECK(a.on_barrier(0, 4, false).what == outcome::aligned);
}

TEST_CASE("closed before any barrier of it came") {
  alignment a{2};
  a.on_closed(3);
  CHECK(a.on_barrier(0, 3, false).what == outcome::ignored);
  CHECK(a.on_barrier(0, 4, false).what == outcome::hold);
}

TEST_CASE("word of an older closed attempt does not release the running one") {
  alignment a{2};
  CHECK(a.on_barrier(0, 4, false).what == outcome::hold);
  a.on_closed(3);
  CHECK(a.held(0));
  CHECK(a.aligning() == 4);
  CHECK(a.on_barrier(1, 4, false).what == outcome::aligned);
}

TEST_CASE("word of a later closed attempt releases an older alignment: it cannot be running any more") {
  alignment a{2};
  CHECK(a.on_barrier(0, 4, false).what == outcome::hold);
  a.on_closed(5);
  CHECK_FALSE(a.held(0));
  CHECK(a.on_barrier(1, 4, false).what == outcome::ignored);
  CHECK(a.on_barrier(1, 5, false).what == outcome::ignored);
}

TEST_CASE("closed after it was aligned changes nothing") {
  alignment a{2};
  CHECK(a.on_barrier(0, 4, false).what == outcome::hold);
  CHECK(a.on_barrier(1, 4, false).what == outcome::aligned);
  a.on_closed(4);
  CHECK(a.on_barrier(1, 5, false).what == outcome::hold);
  CHECK(a.held(1));
}
