#include <cstdlib>
#include <iostream>
#include "tests/catch.hpp"
#include "tests/simulation/cluster/cluster_scenario.hpp"

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Branches that must have been reached: a simulator that never goes there proves nothing about them.
const char* const rare[] = {
    "complete",
};

} // namespace

TEST_CASE("a cluster keeps the promise whatever fails (WEIR_SEEDS=count, WEIR_SEED=one to replay)") {
  auto only = number_from("WEIR_SEED", 0);
  auto first = only != 0 ? only : 1;
  auto last = only != 0 ? only : number_from("WEIR_SEEDS", 2'000);
  std::map<std::string, std::uint64_t> probes;
  for (auto seed = first; seed <= last; ++seed) {
    auto v = weir::simulation::run_cluster_seed(seed);
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

TEST_CASE("equal seeds give equal runs of the cluster") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    CHECK(weir::simulation::run_cluster_seed(seed).probes == weir::simulation::run_cluster_seed(seed).probes);
}
