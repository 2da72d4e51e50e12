#pragma once
#include <functional>
#include <memory>
#include "actors/job_graph.hpp"

namespace weir {

struct supervisor_options {
  const job_spec* spec = nullptr; ///< Outlives the actor.
  std::shared_ptr<job_shared> shared;
  std::shared_ptr<service_directory> directory;
  std::function<void(job_end)> ended; ///< Called once, last.
};

/// Runs one job (a blocking actor, on a thread of its own): recovers, builds the graph, watches it, restarts it from the last
/// complete checkpoint with exponential back-off, drains it on request. Its states are job_phase.
void supervisor_actor(caf::blocking_actor* self, supervisor_options options);

} // namespace weir
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::supervisor_options)
