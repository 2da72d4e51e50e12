#include "actors/reader_actor.hpp"

namespace weir {
namespace {

using self_pointer = caf::stateful_actor<reader_state>*;

/// Steps between two looks at the mailbox: enough to amortise a message, few enough to answer barriers promptly.
constexpr int steps_per_turn = 8;

void show_figures(reader_state& s) {
  const auto& core = *s.core;
  s.options.meter.end(core.records(), core.output().rows_sent(), core.watermark(), core.output());
  auto& f = s.options.meter.figures();
  f.lag.store(core.lag(), std::memory_order_relaxed);
  f.next_offset.store(core.next_offset(), std::memory_order_relaxed);
  auto state = core.phase() != reader_phase::reading ? partition_state::ended
               : core.waits_for_others()             ? partition_state::waiting
               : core.waits_for_memory()             ? partition_state::held
               : core.idle()                         ? partition_state::idle
                                                     : partition_state::reading;
  f.state.store(state, std::memory_order_relaxed);
}

void pump(self_pointer self) {
  auto& s = self->state;
  if (s.failed || !s.started || !s.core)
    return;
  s.options.meter.begin();
  auto more = true;
  for (int i = 0; i < steps_per_turn && more; ++i) {
    auto r = s.core->step();
    if (!r) {
      s.failed = true;
      self->send(s.options.supervisor,
                 msg::failed{s.core->who().vertex + "[" + std::to_string(s.core->who().index) + "]", r.err()});
      return;
    }
    more = *r == reader_core::step_result::more;
  }
  if (more && !s.running) {
    s.running = true;
    self->send(self, msg::run{});
  }
  if (auto read = s.core->records(); read != s.reported) {
    s.options.shared->records_in.fetch_add(read - s.reported, std::memory_order_relaxed);
    s.options.shared->activity.store(true, std::memory_order_relaxed);
    s.reported = read;
  }
  show_figures(s);
  if (auto look = s.core->next_look(); look && (!s.timer || *look < *s.timer)) {
    s.timer = *look;
    auto wait = std::max(*look - system_clock().monotonic(), duration{std::chrono::milliseconds(1)});
    self->delayed_send(self, wait, msg::wake{});
  }
}

} // namespace

caf::behavior reader_actor(self_pointer self, reader_options options) {
  self->state.options = std::move(options);
  return {
      [self](msg::install_reader& m) {
        auto& s = self->state;
        s.core = std::move(*m.core);
        if (auto r = s.core->open(); !r) {
          s.failed = true;
          self->send(s.options.supervisor, msg::failed{s.core->who().vertex, r.err()});
          return;
        }
        self->send(s.options.supervisor, msg::ready{});
      },
      [self](const msg::wake&) {
        auto& s = self->state;
        s.options.pending->store(false);
        s.timer.reset();
        if (s.core)
          s.core->on_wake();
        pump(self);
      },
      [self](const msg::go&) {
        self->state.started = true;
        pump(self);
      },
      [self](const msg::run&) {
        self->state.running = false;
        pump(self);
      },
      [self](const msg::credit& m) {
        if (self->state.core)
          self->state.core->add_credit(m.channel, m.bytes);
        pump(self);
      },
      [self](const msg::barrier& m) {
        if (self->state.core)
          self->state.core->on_barrier({m.checkpoint, m.final_barrier});
        pump(self);
      },
  };
}

} // namespace weir
