#include <algorithm>
#include <limits>
#include <random>
#include <weir/time/watermark_alignment.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {
constexpr timestamp at(std::int64_t us) { return {us}; }
constexpr alignment_facts reading(std::int64_t us) { return {at(us), false, false}; }
constexpr alignment_facts idle(std::int64_t us) { return {at(us), true, false}; }
constexpr alignment_facts ended(std::int64_t us) { return {at(us), false, true}; }
using numbers = std::vector<std::size_t>;

/// `n` partitions with the same drift.
watermark_alignment group(std::size_t n, duration max_drift) {
  watermark_alignment a;
  for (std::size_t i = 0; i < n; ++i)
    CHECK(a.join(max_drift) == i);
  return a;
}
} // namespace

TEST_CASE("a partition waits when it is ahead of the slowest by more than the limit, not at it") {
  auto a = group(2, duration{10});
  a.report(0, reading(100));
  a.report(1, reading(110));
  CHECK_FALSE(a.hold(1));
  a.report(1, reading(111));
  CHECK(a.hold(1));
  CHECK_FALSE(a.hold(0));
  CHECK(a.lowest() == at(100));
}

TEST_CASE("a partition that read nothing holds the others until it is idle") {
  auto a = group(2, duration{1'000'000});
  CHECK_FALSE(a.hold(0));
  a.report(0, reading(5));
  CHECK(a.hold(0));
  CHECK_FALSE(a.hold(1));
  CHECK(a.report(1, {min_timestamp, true, false}) == numbers{0});
  CHECK_FALSE(a.hold(0));
}

TEST_CASE("a held partition is released once, when the slowest has come near enough") {
  auto a = group(3, duration{10});
  a.report(0, reading(0));
  a.report(1, reading(50));
  a.report(2, reading(30));
  CHECK(a.hold(1));
  CHECK(a.hold(2));
  CHECK(a.report(0, reading(15)).empty());
  CHECK(a.report(0, reading(20)) == numbers{2});
  CHECK(a.report(0, reading(40)).empty());
  CHECK(a.held(1));
  CHECK_FALSE(a.held(2));
  // Partition 2 is the slowest now.
  CHECK(a.report(2, reading(41)) == numbers{1});
  CHECK(a.report(0, reading(60)).empty());
}

TEST_CASE("idle and ended partitions do not count, and with nobody that counts nobody waits") {
  auto a = group(3, duration{10});
  a.report(0, reading(0));
  a.report(1, reading(100));
  a.report(2, reading(5));
  CHECK(a.hold(1));
  CHECK(a.report(0, idle(0)).empty());
  CHECK(a.lowest() == at(5));
  CHECK(a.report(2, ended(5)) == numbers{1});
  CHECK_FALSE(a.hold(1));
  a.report(1, idle(100));
  CHECK(a.lowest() == std::nullopt);
  CHECK_FALSE(a.hold(1));
  // One that wakes up counts again.
  a.report(0, reading(1));
  CHECK(a.hold(1));
  CHECK(a.report(0, ended(1)) == numbers{1});
}

TEST_CASE("partitions of one group may be allowed different drifts") {
  watermark_alignment a;
  a.join(duration{10});
  a.join(duration{1000});
  a.join(duration{10});
  for (std::size_t i : {0, 1})
    a.report(i, reading(500));
  a.report(2, reading(0));
  CHECK(a.hold(0));
  CHECK_FALSE(a.hold(1));
}

TEST_CASE("the distance of the ends of time is not negative") {
  CHECK(runs_ahead(max_timestamp, min_timestamp, duration{std::numeric_limits<std::int64_t>::max()}));
  CHECK_FALSE(runs_ahead(min_timestamp, max_timestamp, duration{0}));
  CHECK_FALSE(runs_ahead(max_timestamp, std::nullopt, duration{0}));
  CHECK_FALSE(runs_ahead(max_timestamp, max_timestamp, duration{0}));
}

namespace {

/// The rule, said plainly, beside the class that keeps what it knows.
struct model {
  struct partition {
    alignment_facts facts;
    duration max_drift;
    bool held = false;
  };
  std::vector<partition> all;

  [[nodiscard]] bool waits(std::size_t who) const {
    auto lowest = max_timestamp;
    auto anyone = false;
    for (const auto& p : all)
      if (!p.facts.idle && !p.facts.ended) {
        anyone = true;
        lowest = std::min(lowest, p.facts.watermark);
      }
    const auto& p = all[who];
    if (!anyone || p.facts.watermark <= lowest)
      return false;
    return lowest == min_timestamp || p.facts.watermark - lowest > p.max_drift;
  }
};

} // namespace

TEST_CASE("whatever partitions report, those wait that have to, and no one that waits is forgotten") {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    watermark_alignment a;
    model m;
    auto join = [&] {
      duration drift{static_cast<std::int64_t>(below(30)) + 1};
      a.join(drift);
      m.all.push_back({{}, drift});
    };
    for (auto n = below(5) + 1; n > 0; --n)
      join();
    for (int step = 0; step < 60; ++step) {
      auto who = below(m.all.size());
      auto& p = m.all[who];
      if (below(20) == 0) {
        join();
      } else if (below(2) == 0) {
        auto waits = m.waits(who);
        REQUIRE(a.hold(who) == waits);
        p.held = waits;
      } else {
        auto f = p.facts;
        if (below(3) != 0) {
          auto from = f.watermark == min_timestamp ? 0 : f.watermark.us;
          f = reading(from + static_cast<std::int64_t>(below(20)));
        } else {
          f.idle = below(2) == 0;
          f.ended = below(4) == 0;
        }
        p.facts = f;
        numbers expected;
        for (std::size_t i = 0; i < m.all.size(); ++i)
          if (m.all[i].held && !m.waits(i))
            expected.push_back(i);
        auto released = a.report(who, f);
        // A partition that waits changes by itself only by ending: then it need not be told.
        std::erase(released, who);
        std::erase(expected, who);
        REQUIRE(released == expected);
        for (auto i : expected)
          m.all[i].held = false;
        p.held = a.held(who);
      }
      // The slowest that counts may always read.
      auto somebody = std::none_of(m.all.begin(), m.all.end(), [](auto& x) { return !x.facts.idle && !x.facts.ended; });
      for (std::size_t i = 0; i < m.all.size(); ++i)
        somebody = somebody || (!m.all[i].facts.idle && !m.all[i].facts.ended && !m.waits(i));
      REQUIRE(somebody);
      // No one is held who would not have to wait.
      for (std::size_t i = 0; i < m.all.size(); ++i)
        if (a.held(i) && i != who)
          REQUIRE(m.waits(i));
    }
  }
}
