#include "actors/hosting/event_window.hpp"
#include <map>
#include <random>
#include <set>
#include <vector>
#include "tests/catch.hpp"

using window = weir::event_window<int>;

TEST_CASE("an empty window stands where reading goes on, also past gaps", "[caf]") {
  window w(7, 3, 10);
  CHECK(w.lowest_not_done() == 7);
  CHECK(w.room() == 3);
  w.read_up_to(9);
  CHECK(w.lowest_not_done() == 9);
  w.read_up_to(8);
  CHECK(w.lowest_not_done() == 9);
}

TEST_CASE("the lowest event that is not done holds the offset, and what lies ahead of it is bounded", "[caf]") {
  window w(0, 2, 5);
  std::vector<std::uint64_t> numbers;
  for (std::int64_t offset : {0, 2, 4, 6, 8}) {
    REQUIRE(w.room() > 0);
    numbers.push_back(w.read(offset, static_cast<int>(offset)));
    w.send(*w.find(numbers.back()));
    if (offset > 0)
      w.close(*w.find(numbers.back()));
  }
  CHECK(w.undone() == 1);
  CHECK(w.lowest_not_done() == 0);
  CHECK(w.room() == 0);
  w.close(*w.find(numbers[0]));
  CHECK(w.lowest_not_done() == 9);
  CHECK(w.room() == 2);
  CHECK(w.find(numbers[0]) == nullptr);
}

TEST_CASE("resting and letters take a place and are not open", "[caf]") {
  window w(0, 2, 10);
  auto a = w.read(0, 1), b = w.read(1, 2);
  w.send(*w.find(a));
  w.send(*w.find(b));
  CHECK_FALSE(w.may_send());
  w.rest(*w.find(a));
  w.write(*w.find(b));
  CHECK(w.open() == 0);
  CHECK(w.room() == 0);
  w.send(*w.find(a));
  CHECK(w.find(a)->attempt == 2);
  w.close(*w.find(b));
  CHECK(w.room() == 1);
  CHECK(w.lowest_not_done() == 0);
}

TEST_CASE("any order of answers commits exactly what is done from the front", "[caf]") {
  auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    window w(100, 8, 32);
    std::map<std::uint64_t, std::int64_t> undone;
    std::int64_t next = 100;
    for (int step = 0; step < 300; ++step) {
      if (w.room() > 0 && random() % 2 == 0) {
        next += static_cast<std::int64_t>(random() % 3);
        auto n = w.read(next, 0);
        w.send(*w.find(n));
        undone[n] = next++;
      } else if (!undone.empty()) {
        auto at = std::next(undone.begin(), static_cast<long>(random() % undone.size()));
        w.close(*w.find(at->first));
        undone.erase(at);
      }
      REQUIRE(w.undone() == undone.size());
      REQUIRE(w.open() <= 8);
      REQUIRE(w.lowest_not_done() == (undone.empty() ? next : undone.begin()->second));
    }
  }
}
