#include "actors/hosting/answers.hpp"

namespace weir {

void answer_box::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
  if (!what->mid.is_response())
    return;
  event_answer a;
  a.id = what->mid.request_id().integer_value();
  auto& content = what->content();
  if (content.match_elements<caf::error>())
    a.failed = content.get_as<caf::error>(0);
  auto first = false;
  {
    std::lock_guard lock(mutex_);
    first = answers_.empty();
    answers_.push_back(std::move(a));
  }
  if (first)
    wake_();
}

void answer_box::take(std::vector<event_answer>& out) {
  std::lock_guard lock(mutex_);
  answers_.swap(out);
}

void ask_for(const caf::actor& whom, const caf::strong_actor_ptr& box, std::uint64_t id, caf::message what) {
  caf::actor_cast<caf::strong_actor_ptr>(whom)->enqueue(box, caf::make_message_id(id), std::move(what), nullptr);
}

} // namespace weir
