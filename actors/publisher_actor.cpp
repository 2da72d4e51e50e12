#include "actors/publisher_actor.hpp"
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

/// Offsets for people and lag monitors; nothing depends on them, so a failure is only said.
void show_positions(self_pointer self) {
  auto& s = self->state;
  if (!s.positions)
    return;
  for (auto& [at, topic] : s.options.topics) {
    auto next = lowest_offsets(*s.positions, topic.readers);
    if (s.shown[at] == next)
      continue;
    if (auto r = topic.connection->commit_offsets(at.second, next); !r)
      s.options.log.debug("cannot show offsets to the consumer group", {{"topic", at.second}, {"cause", r.err().message}});
    else
      s.shown[at] = next;
  }
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
  };
}

} // namespace weir
