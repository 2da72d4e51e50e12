#pragma once
#include <caf/all.hpp>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace weir {

/// An answer to a request that was sent under `id`.
struct event_answer {
  std::uint64_t id = 0;
  std::optional<caf::error> failed;
};

/// Who asks, for the actor that is asked: takes answers on the answering thread and keeps them until somebody looks. It is no
/// scheduled actor, so that a thousand answers cost one wake-up and not a thousand messages, and any answer is an answer,
/// whatever its type. Any thread.
class answer_box : public caf::monitorable_actor {
 public:
  /// `wake` is called when the box was empty; it must only send a message.
  answer_box(caf::actor_config& cfg, std::function<void()> wake) : caf::monitorable_actor(cfg), wake_(std::move(wake)) {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override;
  /// Moves what came to the empty `out`.
  void take(std::vector<event_answer>& out);

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::vector<event_answer> answers_;
};

/// The highest id that a request may have.
inline constexpr std::uint64_t most_request_id = caf::message_id::request_id_mask;

/// Sends a request whose answer comes to the box under `id` (1 to most_request_id). An actor that is down answers with an error.
void ask_for(const caf::actor& whom, const caf::strong_actor_ptr& box, std::uint64_t id, caf::message what);

} // namespace weir
