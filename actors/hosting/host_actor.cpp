#include "actors/hosting/host_actor.hpp"

namespace weir {
namespace {

using self_pointer = caf::stateful_actor<host_state>*;

void work(self_pointer self) {
  auto& s = self->state;
  if (s.failed || !s.core)
    return;
  if (auto r = s.core->step(); !r) {
    s.failed = true;
    self->send(s.options.supervisor, msg::failed{"", r.err()});
    return;
  }
  if (s.core->more() && !s.options.pending->exchange(true))
    self->send(self, msg::wake{});
  if (s.core->drained() && !s.told_drained) {
    s.told_drained = true;
    self->send(s.options.supervisor, msg::host_drained{});
  }
  if (auto look = s.core->next_look(); look && (!s.timer || *look < *s.timer)) {
    s.timer = *look;
    auto wait = std::max(*look - system_clock().monotonic(), duration{std::chrono::milliseconds(1)});
    self->delayed_send(self, wait, msg::run{});
  }
}

} // namespace

caf::behavior host_actor(self_pointer self, host_options options) {
  self->state.options = std::move(options);
  // What it answered before its death counts; what is unanswered must not look like refused. The supervisor does the rest.
  self->set_down_handler([self](const caf::down_msg&) {
    work(self);
    self->state.failed = true;
  });
  return {
      [self](const msg::install_host& m) {
        self->monitor(m.parts->target);
        self->state.core = std::make_unique<host_core>(std::move(*m.parts));
        work(self);
      },
      [self](const msg::wake&) {
        self->state.options.pending->store(false);
        work(self);
      },
      [self](const msg::run&) {
        self->state.timer.reset();
        work(self);
      },
      [self](const msg::drain&) {
        if (self->state.core)
          self->state.core->drain();
        work(self);
      },
      [self](detail::publish_order& order) -> caf::result<void> {
        auto promise = self->make_response_promise();
        auto& s = self->state;
        if (s.failed || !s.core) {
          promise.deliver(caf::make_error(caf::sec::runtime_error, std::string("the service restarts")));
          return promise;
        }
        s.core->publish(std::move(order), [promise](std::optional<std::string> failed) mutable {
          if (failed)
            promise.deliver(caf::make_error(caf::sec::runtime_error, std::move(*failed)));
          else
            promise.deliver(caf::unit);
        });
        // Several orders of one turn of the actor are sent together.
        if (!s.options.pending->exchange(true))
          self->send(self, msg::wake{});
        return promise;
      },
  };
}

} // namespace weir
