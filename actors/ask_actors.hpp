#pragma once
#include <caf/all.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include "actors/messages.hpp"
#include "actors/runtime.hpp"

namespace weir {

namespace msg {

/// An ask from outside of the services.
struct ask_order {
  caf::actor owner;
  ask_message what;
  duration timeout{0};
  std::function<void(ask_outcome)> done; ///< Called once, by the asker.
};
/// What came of an ask that was passed on.
struct relayed {
  std::uint64_t id;
  ask_outcome outcome;
};

} // namespace msg

/// Asks for whoever is no actor of this system. One for all: to spawn an actor binds the calling thread to the system, which
/// would not end before that thread.
struct asker_state {
  ~asker_state();
  std::map<std::uint64_t, std::function<void(ask_outcome)>> open;
  std::uint64_t next = 0;
  std::string when_gone;
};

/// `when_gone`: what is said to those who still wait when it ends.
caf::behavior asker(caf::stateful_actor<asker_state>* self, std::string when_gone);

/// Stands for the tasks of all services that are not of this process: passes asks on, and answers them as tasks do.
struct relay_state {
  decltype(runtime_options::ask_elsewhere) pass_on;
  std::map<std::uint64_t, caf::response_promise> open;
  std::uint64_t next = 0;
};

caf::behavior ask_relay(caf::stateful_actor<relay_state>* self, decltype(runtime_options::ask_elsewhere) pass_on);

} // namespace weir

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::ask_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::relayed)
