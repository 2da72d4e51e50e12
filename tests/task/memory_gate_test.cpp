#include "tests/catch.hpp"

#include <thread>
#include <weir/task/memory_gate.hpp>

using weir::memory_gate;

TEST_CASE("the gate closes above one limit of all tasks together and opens at the lower one, once each") {
  memory_gate gate(100, 60);
  std::vector<bool> changes;
  gate.on_change([&](bool closed) { changes.push_back(closed); });
  gate.report(0, 60);
  gate.report(0, 40);
  CHECK_FALSE(gate.closed());
  gate.report(40, 41);
  CHECK(gate.closed());
  gate.report(60, 90);
  gate.report(90, 20);
  CHECK(gate.closed());
  gate.report(41, 40);
  CHECK_FALSE(gate.closed());
  gate.report(20, 0);
  gate.report(40, 0);
  CHECK(changes == std::vector<bool>{true, false});
}

TEST_CASE("after reports of many threads the gate stands as their sum says, and its changes alternate") {
  memory_gate gate(1000, 500);
  std::vector<bool> changes; // Changes exclude each other.
  gate.on_change([&](bool closed) { changes.push_back(closed); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      std::size_t before = 0;
      for (int i = 0; i < 20'000; ++i) {
        const std::size_t now = i % 2 == 0 ? 400 : 10;
        gate.report(before, now);
        before = now;
      }
      gate.report(before, 0);
    });
  for (auto& t : threads)
    t.join();
  CHECK_FALSE(gate.closed());
  for (std::size_t i = 0; i < changes.size(); ++i)
    REQUIRE(changes[i] == (i % 2 == 0));
}
