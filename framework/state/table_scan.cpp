#include <algorithm>
#include <weir/state/task_table.hpp>

namespace weir::state_detail {

// Merges the ordered overlay (which holds pending and changed entries and some clean ones) with the rows of the base. An
// entry hides the row with its key; a range tombstone hides rows, never entries: entries it covered are gone already.
result<> task_table::walk(state_table& t, std::uint16_t key_group, timestamp from, std::string_view after_bounded,
                          timestamp until, bool values, const row_visitor& visit) {
  if (until < from)
    return success();
  auto& g = t.group(key_group);
  auto it =
      after_bounded.empty() ? g.order.lower_bound(order_key{from, {}}) : g.order.upper_bound(order_key{from, after_bounded});
  if (values && any_spilled_) {
    // Before the base is read: bringing back may have to renew its snapshot.
    for (auto i = it; i != g.order.end() && i->e->time <= until; ++i)
      if (i->e->spilled)
        WEIR_TRY(bring_back(i->e));
  }
  bool stopped = false;
  auto give = [&](const entry& e) {
    if (!e.tombstone && !stopped)
      stopped = !visit(e.time, e.key, e.value);
  };

  auto dropped = g.dropped_until();
  auto base_from = from;
  auto base_after = after_bounded;
  bool read_base = !t.in_ram;
  if (dropped && *dropped >= from) {
    read_base = read_base && *dropped < until;
    base_from = read_base ? timestamp{dropped->us + 1} : from;
    base_after = {};
  }
  if (read_base) {
    std::string first, prefix;
    append_row_key(first, t.id, t.kind, key_group, base_from, base_after);
    append_group_prefix(prefix, t.id, key_group);
    std::optional<error> damage;
    WEIR_TRY(base_->scan(first, [&](std::string_view row_key, std::string_view value) {
      if (row_key.substr(0, prefix.size()) != prefix)
        return false;
      auto row = parse_row_key(t.kind, row_key);
      if (!row) {
        damage = error{errc::store_corrupt, "state '" + t.declaration.state_name + "': a base row with a short key"};
        return false;
      }
      if (row->time > until)
        return false;
      if (!base_after.empty() && row_key == first)
        return true;
      order_key here{row->time, row->key};
      order_less less;
      while (!stopped && it != g.order.end() && less(*it, here))
        give(*(it++)->e);
      if (stopped)
        return false;
      if (it != g.order.end() && !less(here, *it)) {
        give(*(it++)->e);
        return !stopped;
      }
      stopped = !visit(row->time, row->key, value);
      return !stopped;
    }));
    if (damage)
      return *damage;
  }
  while (!stopped && it != g.order.end() && it->e->time <= until)
    give(*(it++)->e);
  return success();
}

result<> task_table::scan(state_handle h, std::uint16_t key_group, timestamp from, std::string_view after_key, timestamp until,
                          const std::function<bool(timestamp, std::string_view, std::string_view)>& visit) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::ordered, key_group));
  std::string scratch;
  auto after = bounded_key(t->kind, after_key, scratch);
  std::optional<error> damage;
  WEIR_TRY(walk(*t, key_group, from, after, until, true, [&](timestamp time, std::string_view bounded, std::string_view stored) {
    auto parts = unwrap(*t, bounded, stored);
    if (!parts) {
      damage = parts.err();
      return false;
    }
    return visit(time, parts->first, parts->second);
  }));
  if (damage)
    return *damage;
  return success();
}

result<std::optional<timestamp>> task_table::first_time(state_handle h, std::uint16_t key_group, timestamp from) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::ordered, key_group));
  auto& g = t->group(key_group);
  bool covers = g.bound_valid && from >= g.bound_from;
  if (covers && g.bound_none)
    return std::optional<timestamp>();
  if (covers && g.bound_exact && from <= g.bound)
    return std::optional(g.bound);
  auto start = covers ? std::max(from, g.bound) : from;
  std::optional<timestamp> first;
  WEIR_TRY(walk(*t, key_group, start, {}, max_timestamp, false, [&](timestamp time, std::string_view, std::string_view) {
    first = time;
    return false;
  }));
  // A search from behind the bound says nothing about what lies between: the range known to be empty begins at `from` then.
  if (!covers || from > g.bound)
    g.bound_from = from;
  g.bound_valid = true;
  g.bound_none = !first;
  g.bound_exact = first.has_value();
  g.bound = first.value_or(max_timestamp);
  return first;
}

result<> task_table::for_each(state_handle h, std::uint16_t key_group,
                              const std::function<bool(std::string_view, std::string_view)>& visit) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::value, key_group));
  bool stopped = false;
  std::optional<error> damage;
  auto give = [&](std::string_view bounded, std::string_view stored) {
    auto parts = unwrap(*t, bounded, stored);
    if (!parts)
      damage = parts.err();
    stopped = damage || !visit(parts->first, parts->second);
  };
  for (std::size_t i = 0; i < t->all.size() && !stopped; ++i) {
    auto* e = t->all[i];
    if (e->key_group != key_group || e->tombstone)
      continue;
    if (e->spilled)
      WEIR_TRY(bring_back(e));
    give(e->key, e->value);
  }
  if (!stopped && !t->in_ram) {
    std::string prefix;
    append_group_prefix(prefix, t->id, key_group);
    WEIR_TRY(base_->scan(prefix, [&](std::string_view row_key, std::string_view value) {
      if (row_key.substr(0, prefix.size()) != prefix)
        return false;
      auto bounded = row_key.substr(prefix.size());
      if (!t->find({key_group, {}, bounded}))
        give(bounded, value);
      return !stopped;
    }));
  }
  if (damage)
    return *damage;
  return success();
}

} // namespace weir::state_detail
