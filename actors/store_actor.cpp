#include "actors/store_actor.hpp"
#include <algorithm>
#include <weir/core/fail_point.hpp>

namespace weir {
namespace {

using self_pointer = caf::stateful_actor<store_state>*;

void fail(self_pointer self, const error& e) {
  self->state.failed = true;
  self->send(self->state.options.supervisor, msg::failed{"store", e});
}

/// Statistics after a change: figures for status, back pressure for sinks.
void look_at_size(self_pointer self) {
  auto& s = self->state;
  auto stats = s.options.store->stats();
  if (!stats)
    return fail(self, stats.err());
  auto& shared = *s.options.shared;
  shared.store_bytes.store(stats->file_bytes, std::memory_order_relaxed);
  shared.unapplied_bytes.store(stats->unapplied_bytes, std::memory_order_relaxed);
  // What waits for the publisher; what is published but not deleted yet holds nobody up.
  auto waiting = s.options.store->unpublished_epochs();
  if (!waiting)
    return fail(self, waiting.err());
  std::uint64_t bytes = 0;
  for (auto& epoch : *waiting)
    bytes += epoch.bytes;
  shared.waiting_bytes.store(bytes, std::memory_order_relaxed);
  shared.waiting_epochs.store(waiting->size(), std::memory_order_relaxed);
  // Half the limit again, so that sinks do not stop and go with every epoch.
  auto full = s.outbox_full ? bytes > s.options.outbox_limit / 2 : bytes >= std::max<std::size_t>(s.options.outbox_limit, 1);
  if (full == s.outbox_full)
    return;
  s.outbox_full = full;
  for (auto& sink : s.sinks)
    self->send(sink, msg::outbox_full{full});
}

void schedule_apply(self_pointer self) {
  if (self->state.applying)
    return;
  self->state.applying = true;
  self->send(self, msg::run{});
}

void apply(self_pointer self) {
  auto& s = self->state;
  s.options.store->hurry(s.options.gate && s.options.gate->closed());
  auto p = s.options.store->apply_slice();
  if (!p)
    return fail(self, p.err());
  if (p->applied_checkpoint > s.applied) {
    s.applied = p->applied_checkpoint;
    for (auto& task : s.tasks)
      self->send(task, msg::applied{s.applied});
  }
  if (p->more)
    schedule_apply(self);
}

result<> stage(self_pointer self, const msg::stage& m) {
  auto& store = *self->state.options.store;
  auto number = m.what == msg::stage::kind::outbox ? store.stage_outbox(m.who, m.chunk) : store.stage_delta(m.who, m.chunk);
  if (!number)
    return number.err();
  if (m.what != msg::stage::kind::spill)
    return success();
  // Only what is out of RAM here too may leave the task's.
  WEIR_TRY(store.flush_staged());
  self->send(caf::actor_cast<caf::actor>(self->current_sender()), msg::spilled{*number});
  return success();
}

result<epoch_output> outbox_of(job_store& store, std::uint64_t checkpoint) {
  epoch_output e{checkpoint, {}};
  WEIR_TRY(store.read_outbox(checkpoint, [&e](const participant_id& who, std::string_view chunk) -> result<> {
    e.chunks.emplace_back(chunk);
    e.writers.push_back(who.vertex);
    return success();
  }));
  return e;
}

} // namespace

caf::behavior store_actor(self_pointer self, store_options options) {
  self->state.options = std::move(options);
  self->delayed_send(self, std::chrono::minutes(1), msg::wake{});
  return {
      [self](store_listeners& m) {
        self->state.tasks = std::move(m.tasks);
        self->state.sinks = std::move(m.sinks);
        look_at_size(self);
        schedule_apply(self);
      },
      [self](const msg::stage& m) {
        auto& s = self->state;
        if (s.failed)
          return;
        s.staged_bytes += m.chunk.size();
        if (auto r = stage(self, m); !r)
          fail(self, r.err());
      },
      [self](const msg::store_complete& m) {
        auto& s = self->state;
        if (s.failed)
          return;
        auto r = s.options.store->complete(m.manifest);
        if (r) {
          s.options.shared->checkpoint = m.manifest.number;
          s.options.shared->checkpoint_at_us = m.manifest.completed_at_us;
          s.options.shared->checkpoint_bytes_total += s.staged_bytes;
          s.options.shared->checkpoint_bytes = std::exchange(s.staged_bytes, 0);
        }
        // The answer first: everything else can wait for the disk. What a failure means, the protocol says: a full disk
        // closes this attempt only.
        self->send(caf::actor_cast<caf::actor>(self->current_sender()), msg::store_completed{m.manifest.number, r});
        if (!r)
          return;
        look_at_size(self);
        schedule_apply(self);
      },
      [self](const msg::store_close& m) {
        auto& s = self->state;
        if (s.failed)
          return;
        auto r = s.options.store->close(m.checkpoint);
        if (!r)
          return fail(self, r.err());
        self->send(caf::actor_cast<caf::actor>(self->current_sender()),
                   msg::store_closed{m.checkpoint, *r == job_store::verdict::complete});
      },
      [self](const msg::read_outbox& m) {
        if (!self->state.failed)
          self->send(caf::actor_cast<caf::actor>(self->current_sender()),
                     msg::outbox{m.checkpoint, outbox_of(*self->state.options.store, m.checkpoint)});
      },
      [self](const msg::keep_fates& m) {
        auto& s = self->state;
        if (s.failed)
          return m.kept->set_value(error{errc::cancelled, "the store has failed"});
        auto r = s.options.store->set_fact(record_fates_fact, m.encoded);
        m.kept->set_value(r);
        if (!r)
          fail(self, r.err());
      },
      [self](const msg::published& m) {
        auto& s = self->state;
        if (s.failed)
          return;
        if (auto r = s.options.store->set_published(m.what); !r)
          return fail(self, r.err());
        if (auto r = hit(fail_point::publisher_recorded); !r)
          return fail(self, r.err());
        self->send(s.options.supervisor, m);
        look_at_size(self);
        schedule_apply(self); // Also writes the published mark, should no checkpoint follow.
      },
      [self](const msg::run&) {
        self->state.applying = false;
        if (!self->state.failed)
          apply(self);
      },
      [self](const msg::wake&) {
        if (self->state.failed)
          return;
        if (auto r = self->state.options.store->check_readers(); !r)
          return fail(self, r.err());
        self->delayed_send(self, std::chrono::minutes(1), msg::wake{});
      },
  };
}

} // namespace weir
