#pragma once
#include <vector>
#include "actors/job_shared.hpp"
#include "actors/messages.hpp"

namespace weir {

struct store_options {
  job_store* store = nullptr; ///< Outlives the actor; nobody else calls it meanwhile.
  std::shared_ptr<job_shared> shared;
  caf::actor supervisor;
  std::size_t outbox_limit = 0;        ///< Bytes on disk at which sinks pause.
  std::shared_ptr<memory_gate> gate{}; ///< Closed: deltas are applied as soon as they may be.
};

/// The one writer of a job's store (detached: every call may block on the disk). Staging and completing go before the next
/// slice of applying, because a slice is a message behind them in the mailbox.
struct store_state {
  store_options options;
  std::vector<caf::actor> tasks; ///< Told what is applied.
  std::vector<caf::actor> sinks; ///< Told when the outbox is full.
  bool failed = false;
  bool applying = false; ///< A `run` to itself is under way.
  bool outbox_full = false;
  std::uint64_t applied = 0;
  std::uint64_t staged_bytes = 0; ///< Since the last complete checkpoint.
  static inline const char* name = "weir.store";
};

/// Who is to be told; sent once after the tasks exist.
struct store_listeners {
  std::vector<caf::actor> tasks;
  std::vector<caf::actor> sinks;
};
caf::behavior store_actor(caf::stateful_actor<store_state>* self, store_options options);

} // namespace weir
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::store_options)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::store_listeners)
