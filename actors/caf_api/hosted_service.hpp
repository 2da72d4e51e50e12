#pragma once
#include <atomic>
#include <caf/all.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>
#include <weir/core/logger.hpp>
#include <weir/core/result.hpp>
#include <weir/graph/topic.hpp>
#include <weir/record/raw_record.hpp>

// What the API of weir/caf.hpp and the runtime tell each other. User code needs none of it.

namespace weir {

class caf_context;

namespace detail {

/// A record that an actor publishes, to the actor that writes; answered when its topic has it.
struct publish_order {
  std::size_t output = 0;
  raw_record record;
  std::optional<error> refused; ///< It has no form as a record.
};

/// What an attempt lends to an actor. Any thread.
struct hosted_port {
  caf::actor_system* system = nullptr;
  std::string service;
  std::uint64_t token = 0;
  logger log;
  /// Weak: who keeps a handle of the actor, and with it this, must not keep the service's own actors alive.
  caf::actor_addr writer;
  /// The counter of that name; the same one each time. It outlives the attempt.
  std::function<std::shared_ptr<std::atomic<std::uint64_t>>(const std::string& name)> counter;

  /// The actor threw this, and is about to go down.
  void threw(std::string text) const;
  [[nodiscard]] std::string thrown() const;

 private:
  mutable std::mutex mutex_;
  mutable std::string thrown_;
};

/// A topic whose events go to the actor, its type hidden.
struct hosted_subscription {
  std::string name;
  std::size_t in_flight = 1;
  duration timeout{0};
  on_error errors, failures;
  tombstones without_value = tombstones::refuse;
  bool takes_tombstones = false;                ///< The type has a form for a record without value.
  std::optional<std::size_t> error_letters{};   ///< Output of what does not parse.
  std::optional<std::size_t> failure_letters{}; ///< Output of what the actor refuses.
  std::shared_ptr<const std::string> topic;
  /// The event as a message of its first try. Errors: those of decoding.
  std::function<result<caf::message>(const record_view&, const std::shared_ptr<const std::string>& topic)> decode;
  /// The same event, for another try.
  std::function<caf::message(const caf::message&, unsigned attempt)> again;
};

} // namespace detail

/// An ordinary actor that runs as a service. The plan's vertices are its subscriptions, the actor, and its outputs, in this
/// order. Immutable once planned.
struct hosted_service {
  std::vector<detail::hosted_subscription> subscriptions;
  std::size_t outputs = 0;
  std::function<caf::actor(const caf_context&)> spawn;
  std::vector<std::function<void(caf::actor_system_config&)>> message_types;
  bool asked_to_drain = false;
};

} // namespace weir

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::detail::publish_order)
