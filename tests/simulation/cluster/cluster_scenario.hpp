#pragma once
#include "tests/simulation/scenario.hpp"

namespace weir::simulation {

/// Runs one job on a cluster of 2 to 5 nodes through kills, sleeps, cuts, losses and lost disks as the seed says, then
/// lets it come to its end and judges: one complete record per checkpoint; every record once and in order per key; every
/// restored state that of the model; no needed file removed; no lower term obeyed; checkpoints again soon behind the last
/// fault.
verdict run_cluster_seed(std::uint64_t seed);

} // namespace weir::simulation
