#include "actors/coordinator_actor.hpp"
#include <weir/core/clock.hpp>
#include <weir/core/fail_point.hpp>

namespace weir {
namespace {

using self_pointer = caf::stateful_actor<coordinator_state>*;

/// From one checkpoint to the next while sources wait for memory: the store applies in between.
constexpr auto hurry_pause = std::chrono::milliseconds(50);

void execute(self_pointer self, checkpoint_coordinator::actions actions);

duration now() { return system_clock().monotonic(); }

void fail(self_pointer self, const error& e) {
  self->state.failed = true;
  self->send(self->state.options.supervisor, msg::failed{"checkpoint coordinator", e});
}

/// An armed fail point that reports an error fails the attempt, as the step itself would.
bool passes(self_pointer self, fail_point point) {
  auto r = hit(point);
  if (!r)
    fail(self, r.err());
  return r.ok();
}

/// Next offsets from what the readers contributed, for people.
std::shared_ptr<const msg::source_positions> positions_of(const std::vector<contribution>& contributions) {
  auto positions = std::make_shared<msg::source_positions>();
  for (auto& c : contributions) {
    if (!c.who.vertex.starts_with(reader_prefix))
      continue;
    if (auto r = decode_reader_snapshot(c.inline_state))
      (*positions)[c.who.vertex.substr(reader_prefix.size())][c.who.index] = r->next_offset;
  }
  return positions;
}

struct executor {
  self_pointer self;

  void operator()(const checkpoint_coordinator::send_barrier& a) const {
    if (!passes(self, fail_point::coordinator_begin))
      return;
    self->state.began = now();
    for (auto& r : self->state.audience.readers)
      self->send(r, msg::barrier{a.checkpoint, a.final_barrier});
  }
  void operator()(const checkpoint_coordinator::store_complete& a) const {
    if (!passes(self, fail_point::coordinator_all_acked))
      return;
    auto& s = self->state;
    s.positions = positions_of(a.contributions);
    checkpoint_manifest m;
    m.number = a.checkpoint;
    m.incarnation = s.options.incarnation;
    m.completed_at_us = system_clock().now().us;
    m.ended = a.ended;
    m.plan_fingerprint = s.options.plan_fingerprint;
    m.job_state = s.options.job_state;
    m.contributions = a.contributions;
    self->send(s.options.store, msg::store_complete{std::move(m)});
  }
  void operator()(const checkpoint_coordinator::store_close& a) const {
    if (passes(self, fail_point::coordinator_close))
      self->send(self->state.options.store, msg::store_close{a.checkpoint});
  }
  void operator()(const checkpoint_coordinator::announce_complete& a) const {
    if (!passes(self, fail_point::coordinator_completed))
      return;
    auto& s = self->state;
    auto& shared = *s.options.shared;
    auto took = now() - s.began;
    shared.checkpoints_completed.fetch_add(1, std::memory_order_relaxed);
    shared.checkpoint_us.store(took.count(), std::memory_order_relaxed);
    shared.checkpoint_durations.observe(took);
    self->send(s.audience.publisher, msg::complete{a.checkpoint, s.positions});
    for (auto& t : s.audience.services)
      self->send(t, msg::complete{a.checkpoint, s.positions});
    // Behind the end of all inputs no further checkpoint follows, whether this one was asked to be the last or not.
    if (a.final_barrier || a.ended)
      self->send(s.options.supervisor, msg::drained{a.checkpoint, a.ended});
  }
  void operator()(const checkpoint_coordinator::announce_closed& a) const {
    self->state.options.log.warning("checkpoint closed without being complete; nothing is lost, the next one holds its changes",
                                    {{"checkpoint", a.checkpoint}, {"why", a.why}});
    self->state.options.shared->checkpoint_closed(a.why);
    for (auto& t : self->state.audience.tasks)
      self->send(t, msg::closed{a.checkpoint});
  }
  void operator()(const checkpoint_coordinator::fail_job& a) const { fail(self, a.cause); }
};

void schedule(self_pointer self) {
  auto& s = self->state;
  if (!s.protocol || s.failed || s.protocol->stopped())
    return;
  // Without activity the protocol waits for nothing: look again after an interval whether there was some.
  auto next = s.protocol->next_tick().value_or(now() + s.options.timing.interval);
  if (s.timer && *s.timer <= next)
    return;
  s.timer = next;
  self->delayed_send(self, std::max(next - now(), duration{0}), msg::wake{});
}

void execute(self_pointer self, checkpoint_coordinator::actions actions) {
  for (auto& a : actions) {
    if (!self->state.failed)
      std::visit(executor{self}, a);
  }
  schedule(self);
}

/// What changed leaves memory when a checkpoint behind it is complete and the base has taken it: so checkpoints follow each other
/// while the sources wait for memory, though nothing is read.
void hurry(self_pointer self) {
  auto& s = self->state;
  s.hurrying = !s.failed && !s.protocol->stopped() && s.options.gate && s.options.gate->closed();
  if (!s.hurrying)
    return;
  execute(self, s.protocol->request_now(now()));
  self->delayed_send(self, hurry_pause, msg::hurry_on{});
}

} // namespace

caf::behavior coordinator_actor(self_pointer self, coordinator_options options) {
  self->state.options = std::move(options);
  return {
      [self](checkpoint_audience& m) {
        auto& s = self->state;
        s.audience = std::move(m);
        s.protocol = std::make_unique<checkpoint_coordinator>(s.options.timing, s.options.next, s.options.participants, now());
        schedule(self);
        // What was restored may have closed the gate before there was anybody to hurry.
        hurry(self);
      },
      [self](const msg::wake&) {
        auto& s = self->state;
        if (!s.protocol || s.failed)
          return;
        s.timer.reset();
        if (!s.protocol->running() && s.options.shared->activity.exchange(false, std::memory_order_relaxed))
          s.protocol->on_activity();
        execute(self, s.protocol->on_tick(now()));
      },
      [self](const msg::acknowledge& m) {
        if (self->state.protocol && !self->state.failed)
          execute(self, self->state.protocol->on_ack(m.checkpoint, m.what, now()));
      },
      [self](const msg::decline& m) {
        if (self->state.protocol && !self->state.failed)
          execute(self, self->state.protocol->on_declined(m.checkpoint, m.who, m.why, now()));
      },
      [self](const msg::store_completed& m) {
        auto& s = self->state;
        if (!s.protocol || s.failed)
          return;
        execute(self, m.outcome ? s.protocol->on_completed(m.checkpoint, now())
                                : s.protocol->on_store_failed(m.checkpoint, m.outcome.err(), now()));
      },
      [self](const msg::store_closed& m) {
        if (self->state.protocol && !self->state.failed)
          execute(self, self->state.protocol->on_closed(m.checkpoint, m.was_complete, now()));
      },
      [self](const msg::hurry&) {
        auto& s = self->state;
        if (s.protocol && !s.hurrying)
          hurry(self);
      },
      [self](const msg::hurry_on&) { hurry(self); },
      [self](const msg::drain&) {
        if (self->state.protocol && !self->state.failed)
          execute(self, self->state.protocol->request_final(now()));
      },
  };
}

} // namespace weir
