#pragma once
#include <atomic>
#include <memory>
#include "actors/hosting/host_core.hpp"
#include "actors/messages.hpp"

namespace weir {

struct host_options {
  caf::actor supervisor;
  std::shared_ptr<std::atomic<bool>> pending; ///< A wake-up is under way.
};

/// The actor around host_core (detached: an actor that blocks its worker does not keep it from saying so).
struct host_state {
  host_options options;
  std::unique_ptr<host_core> core;
  bool failed = false; ///< Reported; waits to be stopped.
  bool told_drained = false;
  std::optional<duration> timer; ///< The next look that is scheduled, on the monotonic clock.
  static inline const char* name = "weir.host";
};
caf::behavior host_actor(caf::stateful_actor<host_state>* self, host_options options);

} // namespace weir

namespace weir::msg {
/// What the host drives; its first message.
struct install_host {
  std::shared_ptr<host_core::parts> parts;
};
/// Nothing is open any more: to the supervisor, once.
struct host_drained {};
} // namespace weir::msg

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::host_options)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::install_host)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::host_drained)
