#include "tests/simulation/store.hpp"

namespace weir::simulation {

result<> store::sync() {
  if (world_->fault(8'000)) {
    // In the middle of a commit: it holds or it does not, and the caller cannot tell.
    if (world_->chance(50))
      durable_ = now_;
    else
      now_ = durable_;
    lost_ = true;
    world_->probe("unknown commit");
    return error{errc::unknown_outcome, "sync failed"};
  }
  durable_ = now_;
  return success();
}

result<> store::begin_incarnation() {
  now_.incarnation += static_cast<std::uint64_t>(1 + world_->below(std::int64_t{1} << 30));
  now_.staged_delta.clear();
  now_.staged_outbox.clear();
  now_.delta_taken.clear();
  now_.outbox_taken.clear();
  return sync();
}

result<> store::add_own_incarnation() {
  now_.own_incarnations.push_back(now_.incarnation);
  return sync();
}

result<> store::add_fate(std::uint64_t checkpoint, std::size_t ordinal) {
  now_.fates.insert({checkpoint, ordinal});
  return sync();
}

result<> store::complete(const completion& asked) {
  auto k = asked.checkpoint;
  if (k <= now_.highest)
    return error{errc::invalid_argument, "not above what is stored"};
  if (world_->fault(20'000))
    return error{errc::store_full, "disk full"};
  now_.highest = k;
  now_.newest = k;
  now_.ended = asked.ended;
  now_.manifest.clear();
  auto& outbox = now_.outboxes[k];
  for (const auto& c : asked.contributions) {
    now_.manifest[c.who] = c;
    auto& deltas = now_.staged_delta[c.who];
    auto& sealed = now_.staged_outbox[c.who];
    if (c.delta_end > deltas.size() || c.outbox_end > sealed.size())
      world_->wrong("an ack speaks of chunks that were never staged");
    for (auto& i = now_.delta_taken[c.who]; i < c.delta_end; ++i)
      for (auto [key, count] : deltas[i].rows)
        now_.base[c.who][key] = count;
    for (auto& i = now_.outbox_taken[c.who]; i < c.outbox_end; ++i)
      outbox.insert(outbox.end(), sealed[i].output.begin(), sealed[i].output.end());
  }
  auto synced = sync();
  if (synced && world_->fault(10'000)) {
    // The answer got lost on the way and the same question was asked again.
    return error{errc::invalid_argument, "not above what is stored"};
  }
  return synced;
}

result<authority::verdict> store::close(std::uint64_t k) {
  if (now_.newest == k)
    return authority::verdict::complete;
  now_.highest = std::max(now_.highest, k);
  WEIR_TRY(sync());
  return authority::verdict::closed;
}

void store::set_published(const marker& m) {
  now_.published = m;
  std::erase_if(now_.outboxes,
                [&](const auto& o) { return o.first < m.checkpoint || (o.first == m.checkpoint && m.ordinal == all_records); });
}

std::vector<std::uint64_t> store::unpublished() const {
  std::vector<std::uint64_t> out;
  for (const auto& [k, records] : now_.outboxes)
    out.push_back(k);
  return out;
}

} // namespace weir::simulation
