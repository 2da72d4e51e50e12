#pragma once
#include <set>
#include <weir/checkpoint/coordinator.hpp>
#include "actors/job_shared.hpp"
#include "actors/messages.hpp"

namespace weir {

struct coordinator_options {
  checkpoint_coordinator::options timing;
  std::uint64_t next = 1;
  std::set<participant_id> participants;
  std::shared_ptr<job_shared> shared;
  caf::actor supervisor;
  caf::actor store;
  std::uint64_t incarnation = 0;
  std::string plan_fingerprint;
  std::string job_state;
  logger log;
  std::shared_ptr<memory_gate> gate{}; ///< Closed: checkpoints are taken without waiting for the interval.
};

/// Who acts on checkpoints; sent once after all actors exist, which also starts the clock.
struct checkpoint_audience {
  std::vector<caf::actor> readers;
  std::vector<caf::actor> tasks;
  caf::actor publisher;
  std::vector<caf::actor> services{}; ///< Those of `tasks` that want to know of complete checkpoints.
};

/// Drives checkpoint_coordinator with a clock and messages; decides nothing itself.
struct coordinator_state {
  coordinator_options options;
  checkpoint_audience audience;
  std::unique_ptr<checkpoint_coordinator> protocol;
  bool failed = false;
  std::optional<duration> timer;
  bool hurrying = false;                                  ///< A `hurry` to itself is under way.
  duration began{0};                                      ///< When the barriers of the running checkpoint were sent.
  std::shared_ptr<const msg::source_positions> positions; ///< Of the checkpoint being completed.
  static inline const char* name = "weir.coordinator";
};
caf::behavior coordinator_actor(caf::stateful_actor<coordinator_state>* self, coordinator_options options);

} // namespace weir
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::coordinator_options)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::checkpoint_audience)
