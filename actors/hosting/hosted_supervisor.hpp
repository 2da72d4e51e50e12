#pragma once
#include "actors/supervisor.hpp"

namespace weir {

/// Runs one service that is an ordinary actor (a blocking actor, on a thread of its own): opens its topics, spawns it, commits
/// what it has done to the consumer group, restarts it with back-off, drains it on request. Its states are job_phase.
void hosted_supervisor(caf::blocking_actor* self, supervisor_options options);

} // namespace weir
