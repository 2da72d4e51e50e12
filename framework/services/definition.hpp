#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/graph/plan.hpp>
#include <weir/services/call.hpp>
#include <weir/services/service_event.hpp>

namespace weir {

/// What becomes of an event whose handler throws.
struct handler_retry {
  unsigned attempts = 3;                             ///< Calls in all; then the key is parked.
  duration backoff = std::chrono::milliseconds(100); ///< Between two of them; other keys go on.
};

namespace detail {

/// A service's handlers with their types hidden. Immutable; shared by all tasks.
///
/// A handler function runs to its end and returns null, or returns the coroutine to run; both may throw.
struct service_definition {
  using handler = std::function<std::unique_ptr<running_call>(service_call&)>;
  struct subscription {
    std::string name;
    handler handle;
    bool awaits = false;
    bool commands = false; ///< The service's own command topic.
  };
  struct question {
    std::string name;
    std::uint64_t schema = 0;
    /// A payload that cannot be read sets service_call::refused.
    std::function<std::unique_ptr<running_call>(service_call&, std::string_view payload)> handle;
  };
  struct hook {
    std::string name;
    std::function<void(const logger&)> call;
  };

  std::string name;
  std::vector<subscription> subscriptions;
  std::shared_ptr<event_codecs> codecs = std::make_shared<event_codecs>(); ///< By subscription.
  std::vector<question> questions;
  handler timer; ///< Empty: none.
  bool timer_awaits = false;
  std::vector<std::string> publications;
  std::vector<topic_ref> command_topics;
  std::vector<std::size_t> command_subscriptions; ///< By command topic.
  std::function<std::unique_ptr<state_box>()> make_state;
  std::function<std::string(std::string_view encoded)> key_text;
  std::string key_schema, state_schema;
  handler_retry retry;
  std::size_t parked_limit = 10'000;  ///< Events that wait for one key.
  std::size_t awaiting_limit = 1'024; ///< Handlers of one task that await.
  duration dedup = std::chrono::minutes(10);
  std::vector<hook> start, stop;
};

} // namespace detail
} // namespace weir
