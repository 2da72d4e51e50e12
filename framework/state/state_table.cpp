#include <algorithm>
#include <weir/state/state_table.hpp>
#include <weir/state/xxh3.hpp>

namespace weir::state_detail {

std::size_t index_hash::operator()(const lookup_key& k) const {
  auto seed = static_cast<std::uint64_t>(k.time.us) * 0x9e3779b97f4a7c15U + k.key_group;
  return xxh3(k.key, seed);
}

std::optional<timestamp> group_state::dropped_until() const {
  std::optional<timestamp> until;
  for (const auto& d : drops)
    if (!until || d.until > *until)
      until = d.until;
  return until;
}

void group_state::note_put(timestamp t) {
  if (!bound_valid || t < bound_from)
    return;
  if (bound_none || t <= bound) {
    bound = t;
    bound_exact = true;
    bound_none = false;
  }
}

void group_state::note_removal(timestamp t) {
  if (bound_valid && !bound_none && t == bound)
    bound_exact = false;
}

void group_state::note_drop(timestamp until) {
  if (!bound_valid || bound_none || until < bound)
    return;
  // Whatever was at or before `until` is gone; the next candidate lies behind it.
  if (until == max_timestamp) {
    bound_none = true;
    bound_exact = false;
    return;
  }
  bound = {until.us + 1};
  bound_exact = false;
}

state_table::state_table(std::uint32_t number_arg, std::uint64_t id_arg, state_kind kind_arg, std::uint16_t first_group,
                         std::uint16_t last_group)
    : number(number_arg), id(id_arg), kind(kind_arg), first_group_(first_group) {
  if (kind == state_kind::ordered)
    groups_.resize(static_cast<std::size_t>(last_group) - first_group + 1);
}

state_table::~state_table() {
  for (auto* e : all)
    delete e;
}

entry* state_table::find(const lookup_key& k) const {
  auto it = index_.find(k);
  return it == index_.end() ? nullptr : it->e;
}

entry* state_table::insert(const lookup_key& k) {
  auto e = std::make_unique<entry>();
  e->key.assign(k.key);
  e->time = k.time;
  e->key_group = k.key_group;
  e->table = number;
  e->slot = static_cast<std::uint32_t>(all.size());
  all.push_back(e.get());
  looks += looks_per_entry;
  index_.insert(index_slot{e.get()});
  if (kind == state_kind::ordered)
    group(k.key_group).order.insert(index_slot{e.get()});
  return e.release();
}

void state_table::exchange(entry* e, entry* by) {
  lookup_key k{e->key_group, e->time, e->key};
  index_.find(k)->e = by;
  if (kind == state_kind::ordered)
    group(k.key_group).order.find(order_key{k.time, k.key})->e = by;
  by->slot = e->slot;
  all[by->slot] = by;
  e->unlinked = true;
}

void state_table::unlink(entry* e) {
  lookup_key k{e->key_group, e->time, e->key};
  index_.erase(index_.find(k));
  if (kind == state_kind::ordered) {
    auto& order = group(k.key_group).order;
    order.erase(order.find(order_key{k.time, k.key}));
  }
  auto* last = all.back();
  all[e->slot] = last;
  last->slot = e->slot;
  all.pop_back();
  e->unlinked = true;
}

} // namespace weir::state_detail
