#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <weir/task/alignment_group.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("who is told to wait is woken once the others have come near, and asks again") {
  alignment_group g;
  int woken = 0;
  auto fast = g.join(10us, [&] { ++woken; });
  auto slow = g.join(10us, [] { FAIL("the slowest was never told to wait"); });
  CHECK_FALSE(g.must_wait(fast, min_timestamp, 10us));
  g.report(fast, {{100}, false, false});
  g.report(slow, {{80}, false, false});
  CHECK(g.must_wait(fast, {100}, 10us));
  CHECK_FALSE(g.must_wait(slow, {80}, 10us));
  g.report(slow, {{89}, false, false});
  CHECK(woken == 0);
  g.report(slow, {{90}, false, false});
  CHECK(woken == 1);
  CHECK_FALSE(g.must_wait(fast, {100}, 10us));
  g.report(slow, {{95}, false, false});
  CHECK(woken == 1);
}

TEST_CASE("partitions on threads of their own that wait for each other all come to their end") {
  constexpr std::size_t partitions = 6;
  constexpr std::int64_t end = 20'000;
  constexpr duration drift{50};
  struct partition {
    std::size_t number = 0;
    std::mutex mutex;
    std::condition_variable rang;
    bool woken = false;
    std::uint64_t waits = 0;
    std::int64_t farthest = 0; ///< Ahead of the slowest, at a poll.
    bool stuck = false;
  };
  alignment_group g;
  std::array<partition, partitions> all;
  std::array<std::atomic<std::int64_t>, partitions> now{};
  for (auto& p : all)
    p.number = g.join(drift, [&p] {
      std::lock_guard lock(p.mutex);
      p.woken = true;
      p.rang.notify_one();
    });
  auto run = [&](partition& p) {
    // Different strides: each is ahead at some time and behind at another.
    std::int64_t at = 0;
    for (std::int64_t step = 0; at < end; ++step) {
      while (g.must_wait(p.number, {at}, drift)) {
        ++p.waits;
        std::unique_lock lock(p.mutex);
        if (!p.rang.wait_for(lock, 60s, [&p] { return p.woken; })) {
          p.stuck = true;
          g.report(p.number, {{at}, false, true});
          return;
        }
        p.woken = false;
      }
      auto slowest = end;
      for (auto& other : now)
        slowest = std::min(slowest, other.load());
      p.farthest = std::max(p.farthest, at - slowest);
      at += 1 + (step / 64 + static_cast<std::int64_t>(p.number)) % 7;
      now[p.number] = at;
      g.report(p.number, {{at}, false, false});
    }
    now[p.number] = end;
    g.report(p.number, {{at}, false, true});
  };
  std::vector<std::thread> threads;
  for (auto& p : all)
    threads.emplace_back(run, std::ref(p));
  for (auto& t : threads)
    t.join();
  std::uint64_t waits = 0;
  for (auto& p : all) {
    CHECK_FALSE(p.stuck);
    CHECK(p.farthest <= drift.count());
    waits += p.waits;
  }
  CHECK(waits > 0);
}
