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
    "alignment cancelled",
    "attempt failed: a node is not in it any more",
    "attempt failed: a node says so",
    "attempt failed: node came back as another process",
    "attempt failed: node lost",
    "checkpoint again within 1 s",
    "checkpoint again within 12 s",
    "closed",
    "complete",
    "control append of unknown outcome",
    "control record hidden behind an open transaction",
    "control topic compacted",
    "control transaction aborted by a successor",
    "control transaction timed out",
    "coordinator of a publisher away",
    "delta applied behind its complete",
    "epoch split over transactions",
    "file removed",
    "file torn by a crash",
    "file written again under another name",
    "frame lost",
    "frame of another attempt dropped",
    "frozen leader gives up",
    "gap in a channel",
    "garbage listed",
    "job moved to a larger set at a checkpoint",
    "late reader finds its file gone",
    "lead not entered",
    "leader fenced at the control topic",
    "leader frozen",
    "leader stepped down",
    "leader took office",
    "leader without Kafka gives up",
    "leader without directory gives up",
    "local base not on the chain",
    "local base used",
    "local delta applied in a restore",
    "local delta discarded",
    "lonely leader gives up",
    "machine crashed",
    "message of a replaced leader or attempt refused",
    "name lost by a crash",
    "node cut from Kafka",
    "node cut from all others",
    "node cut from the directory",
    "node frozen",
    "node left out for its failures",
    "node lost with its disk",
    "one-way cut",
    "open transaction aborted by its successor",
    "process killed",
    "publish of unknown outcome",
    "publish tried again",
    "range moved",
    "range restored from a snapshot",
    "range restored from deltas",
    "sign of life in the control topic",
    "slot fenced",
    "slot fenced, still the owner",
    "slot given up",
    "slot retired",
    "slot taken anew in a newer attempt",
    "slot taken over to be drained",
    "slot waits for the others to reach the move",
    "stale generation refused",
    "stale generation, replaced",
    "stale generation, still leader",
    "struck at a bad moment",
    "unknown claim was not written",
    "unknown claim was written",
    "unknown publish was not written",
    "unknown publish was written",
    "woke up after a sleep",
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
