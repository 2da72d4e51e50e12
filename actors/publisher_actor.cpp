#include "actors/publisher_actor.hpp"
#include <algorithm>
#include <weir/core/clock.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/graph/source_consumers.hpp>

namespace weir {
namespace {

using self_pointer = caf::stateful_actor<publisher_state>*;

/// Epochs are gathered into one transaction up to this many bytes of outbox.
constexpr std::size_t gather_bytes = std::size_t{8} << 20;

void fail(self_pointer self, const error& e) {
  self->state.failed = true;
  self->send(self->state.options.supervisor, msg::failed{"publisher", e});
}

/// Between looks whether offsets that stand still are to be told again.
constexpr duration look_interval = std::chrono::hours(1);

/// Offsets for people and lag monitors; nothing depends on them, so a failure is only said.
void show_positions(self_pointer self) {
  auto& s = self->state;
  if (!s.reached)
    return;
  for (auto& [at, topic] : s.options.topics) {
    auto& group = s.shown.try_emplace(at, s.options.commit_again).first->second;
    auto now = system_clock().monotonic();
    auto due = group.due(lowest_offsets(*s.reached, topic.readers), now);
    if (due.empty())
      continue;
    if (auto r = topic.connection->commit_offsets(at.second, due); !r)
      s.options.log.debug("cannot show offsets to the consumer group", {{"topic", at.second}, {"cause", r.err().message}});
    else
      group.told(due, now);
  }
}

void look_later(self_pointer self) {
  self->delayed_send(self, std::min(look_interval, self->state.options.commit_again), msg::wake{});
}

/// Waits: nothing may be published before the store has it. The store never waits for us.
result<> keep_fates(self_pointer self, std::string encoded) {
  auto kept = std::make_shared<std::promise<result<>>>();
  auto answer = kept->get_future();
  self->send(self->state.options.store, msg::keep_fates{std::move(encoded), std::move(kept)});
  try {
    return answer.get();
  } catch (const std::future_error&) {
    return error{errc::cancelled, "the store ended before it could keep what becomes of a record"};
  }
}

result<> publish(self_pointer self) {
  auto& s = self->state;
  WEIR_TRY(hit(fail_point::publisher_begin));
  auto some = false;
  for (auto& e : s.gathered)
    some = some || !e.chunks.empty();
  if (some) {
    auto began = system_clock().monotonic();
    WEIR_TRY(s.options.publisher->publish(s.gathered));
    s.options.shared->publish_durations.observe(system_clock().monotonic() - began);
  }
  WEIR_TRY(hit(fail_point::publisher_committed));
  self->send(s.options.store,
             msg::published{{s.options.lineage, s.options.incarnation, s.gathered.back().checkpoint, all_records}});
  auto& shared = *s.options.shared;
  shared.published.store(s.gathered.back().checkpoint, std::memory_order_relaxed);
  shared.published_at_us.store(system_clock().now().us, std::memory_order_relaxed);
  shared.published_epochs.fetch_add(s.gathered.size(), std::memory_order_relaxed);
  shared.published_bytes.fetch_add(s.gathered_bytes, std::memory_order_relaxed);
  s.gathered.clear();
  s.gathered_bytes = 0;
  s.reached = s.positions;
  show_positions(self);
  return success();
}

void go_on(self_pointer self) {
  auto& s = self->state;
  if (s.failed || s.reading)
    return;
  if (!s.waiting.empty() && s.gathered_bytes < gather_bytes) {
    s.reading = true;
    s.positions = s.waiting.front().positions;
    self->send(s.options.store, msg::read_outbox{s.waiting.front().checkpoint});
    s.waiting.pop_front();
    return;
  }
  if (s.gathered.empty())
    return;
  if (auto r = publish(self); !r)
    return fail(self, r.err());
  go_on(self);
}

} // namespace

caf::behavior publisher_actor(self_pointer self, publisher_options options) {
  self->state.options = std::move(options);
  self->state.reached = self->state.options.positions;
  look_later(self);
  if (auto& p = self->state.options.publisher)
    p->keep_fates_with([self](std::string encoded) { return keep_fates(self, std::move(encoded)); });
  return {
      [self](const msg::complete& m) {
        self->state.waiting.push_back(m);
        go_on(self);
      },
      [self](const msg::outbox& m) {
        auto& s = self->state;
        s.reading = false;
        if (s.failed)
          return;
        if (!m.what)
          return fail(self, m.what.err());
        for (auto& c : m.what->chunks)
          s.gathered_bytes += c.size();
        s.gathered.push_back(*m.what);
        go_on(self);
      },
      [self](const msg::wake&) {
        // An idle job publishes nothing, and its group must be told all the same.
        if (self->state.failed)
          return;
        show_positions(self);
        look_later(self);
      },
  };
}

} // namespace weir
