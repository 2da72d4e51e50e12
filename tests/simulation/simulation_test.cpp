#include <cstdlib>
#include <iostream>
#include "tests/catch.hpp"
#include "tests/simulation/scenario.hpp"

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Branches that must have been reached: a simulator that never goes there proves nothing about them.
const char* const rare[] = {
    "alignment cancelled",
    "alignment released by a close",
    "barrier of a closed attempt",
    "late ack",
    "snapshot failed",
    "closed",
    "closed but complete",
    "unknown commit",
    "job failed",
    "killed",
    "stopped and started again",
    "publish with unknown outcome",
    "unknown was published",
    "unknown was not published",
    "epoch split over transactions",
    "record refused for good",
    "epoch published in part before a restart",
    "marker ahead of the store's record",
    "marker hidden behind an open transaction",
    "open transaction aborted by its successor",
    "frozen and taken over",
    "zombie fenced",
    "successor fenced before its claim",
    "unknown claim was written",
    "unknown claim was not written",
    "somebody published before the claim",
    "killed behind a cancelled alignment",
    "killed behind a complete checkpoint",
    "old store started again",
    "refused",
};

} // namespace

TEST_CASE("every record comes out once and in order whatever fails (WEIR_SEEDS=count, WEIR_SEED=one to replay)") {
  auto only = number_from("WEIR_SEED", 0);
  auto first = only != 0 ? only : 1;
  auto last = only != 0 ? only : number_from("WEIR_SEEDS", 2'000);
  std::map<std::string, std::uint64_t> probes;
  for (auto seed = first; seed <= last; ++seed) {
    auto v = weir::simulation::run_seed(seed);
    INFO("replay with WEIR_SEED=" << seed);
    REQUIRE(v.wrong == "");
    for (const auto& [name, count] : v.probes)
      probes[name] += count;
  }
  if (only != 0) {
    for (const auto& [name, count] : probes)
      std::cout << name << ": " << count << '\n';
    return;
  }
  for (const auto* name : rare) {
    INFO("never reached: " << name);
    CHECK(probes[name] > 0);
  }
}

TEST_CASE("equal seeds give equal runs") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    CHECK(weir::simulation::run_seed(seed).probes == weir::simulation::run_seed(seed).probes);
}
