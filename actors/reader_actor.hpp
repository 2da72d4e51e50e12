#pragma once
#include <atomic>
#include <map>
#include "actors/job_shared.hpp"
#include "actors/messages.hpp"

namespace weir {

/// Set while a wake-up is under way, so that a busy connector sends one message and not a thousand.
using wake_flag = std::shared_ptr<std::atomic<bool>>;

struct reader_options {
  participant_id who;
  std::shared_ptr<job_shared> shared;
  caf::actor supervisor;
  caf::actor coordinator;
  wake_flag pending;
  task_meter meter;
};

/// The actor of one partition: carries messages between connector, channels and its reader_core.
struct reader_state {
  reader_options options;
  std::unique_ptr<reader_core> core;
  bool started = false;          ///< Every task is ready: reading may begin.
  bool running = false;          ///< A `run` to itself is under way.
  bool failed = false;           ///< Reported; waits to be stopped.
  std::optional<duration> timer; ///< The next look that is scheduled, on the monotonic clock.
  std::uint64_t reported = 0;
  static inline const char* name = "weir.reader";
};
caf::behavior reader_actor(caf::stateful_actor<reader_state>* self, reader_options options);

} // namespace weir
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::reader_options)
