#include <algorithm>
#include <weir/state/task_table.hpp>

namespace weir::state_detail {
namespace {

constexpr std::size_t chunk_limit = std::size_t{4} << 20;

/// A row to be encoded: a declaration (no key group), a range tombstone or an entry.
struct item {
  std::uint64_t id;
  std::int32_t key_group;
  state_table* table;
  entry* e;
  timestamp until;
};

/// The byte order of row keys without building them.
bool before(const item& a, const item& b) {
  if (a.id != b.id)
    return a.id < b.id;
  if (a.key_group != b.key_group)
    return a.key_group < b.key_group;
  if (!a.e || !b.e)
    return !a.e && b.e;
  if (a.e->time != b.e->time)
    return a.e->time < b.e->time;
  return a.e->key < b.e->key;
}

} // namespace

std::uint64_t task_table::freeze() {
  while (!frozen_.done())
    if (auto chunk = encode(frozen_, freezes_, chunk_limit, nullptr)) {
      memory_ += chunk->bytes.capacity();
      ready_.push_back(std::move(*chunk));
    }
  frozen_ = std::exchange(dirty_, change_list());
  drained_ = false;
  return ++freezes_;
}

std::optional<delta_chunk> task_table::drain(std::size_t max_bytes) {
  if (!ready_.empty()) {
    auto chunk = std::move(ready_.front());
    ready_.pop_front();
    memory_ -= chunk.bytes.capacity();
    return chunk;
  }
  std::optional<delta_chunk> chunk;
  if (!frozen_.done())
    chunk = encode(frozen_, freezes_, std::min(max_bytes, chunk_limit), nullptr);
  drained_ = !chunk;
  return chunk;
}

std::optional<delta_chunk> task_table::encode(change_list& from, std::uint64_t freeze, std::size_t max_bytes, spill* spilled) {
  std::vector<item> items;
  for (auto n : from.declarations)
    items.push_back({tables_[n]->id, -1, tables_[n].get(), nullptr, {}});
  for (const auto& d : from.drops) {
    auto& t = *tables_[d.table];
    items.push_back({t.id, d.key_group, &t, nullptr, d.until});
    for (auto& drop : t.group(d.key_group).drops)
      if (drop.tag == freeze)
        drop.emitted = true;
  }
  from.declarations.clear();
  from.drops.clear();
  std::size_t bytes = 0;
  while (from.position < from.entries.size() && (bytes < max_bytes || items.empty())) {
    auto* e = from.entries[from.position++];
    if (e->dead) {
      --from.dead;
      free_entry(e);
      continue;
    }
    items.push_back({tables_[e->table]->id, e->key_group, tables_[e->table].get(), e, {}});
    bytes += e->key.size() + e->value.size() + 24;
  }
  if (from.position == from.entries.size()) {
    from.entries.clear();
    from.position = 0;
  }
  if (items.empty())
    return std::nullopt;
  std::sort(items.begin(), items.end(), before);

  delta_chunk_writer w;
  std::string row_key;
  for (const auto& i : items) {
    row_key.clear();
    if (i.key_group < 0) {
      w.declare(i.id, i.table->declaration);
      i.table->stored = true;
      continue;
    }
    auto group = static_cast<std::uint16_t>(i.key_group);
    if (!i.e) {
      append_group_prefix(row_key, i.id, group);
      w.drop_until(row_key, i.until);
      continue;
    }
    auto* e = i.e;
    append_row_key(row_key, i.id, i.table->kind, group, e->time, e->key);
    if (e->tombstone)
      w.erase(i.table->kind, row_key);
    else
      w.put(i.table->kind, row_key, e->value);
    e->listed = false;
    e->fresh = false;
    if (e->unlinked) {
      free_entry(e);
    } else if (spilled) {
      e->in_spill = true;
      e->spill_offset = static_cast<std::uint32_t>(w.bytes() - e->value.size());
      e->spill_size = static_cast<std::uint32_t>(e->value.size());
      spilled->entries.push_back(e);
      spilled->value_bytes += e->value.capacity();
    }
  }
  return delta_chunk{freeze, w.finish()};
}

void task_table::forget_applied_drops() {
  std::erase_if(drop_places_, [this](const auto& place) {
    auto& drops = tables_[place.first]->group(place.second).drops;
    std::erase_if(drops, [this](const range_drop& d) { return !pinned(d.tag); });
    return drops.empty();
  });
}

void task_table::applied(std::uint64_t freeze) {
  applied_freeze_ = std::max(applied_freeze_, freeze);
  // What becomes evictable now may be missing in an older snapshot.
  base_->release();
  forget_applied_drops();
  allow_full_sweep();
}

void task_table::applied_checkpoint(std::uint64_t checkpoint) {
  applied_checkpoint_end_ = std::max(applied_checkpoint_end_, checkpoint + 1);
  base_->release();
  forget_applied_drops();
  allow_full_sweep();
}

void task_table::allow_full_sweep() {
  for (auto& t : tables_)
    t->looks = 2 * t->all.size();
}

result<> task_table::load_pending(std::string_view chunk_bytes, std::uint64_t checkpoint) {
  WEIR_ASSIGN(auto rows, delta_chunk_reader::open(chunk_bytes));
  auto tag = loaded_bit | checkpoint;
  for (;;) {
    WEIR_ASSIGN(auto more, rows.next());
    if (!more)
      return success();
    auto id = row_state_id(rows.row_key());
    if (rows.action() == row_action::declare) {
      WEIR_ASSIGN(auto d, decode_declaration(rows.value()));
      auto& t = table_of(id, d.kind);
      t.declaration = std::move(d);
      t.stored = true;
      continue;
    }
    auto group = row_key_group(rows.row_key());
    if (group < options_.first_key_group || group > options_.last_key_group)
      continue;
    auto& t = table_of(id, rows.kind());
    if (t.kind != rows.kind())
      return error{errc::store_corrupt,
                   "delta of checkpoint " + std::to_string(checkpoint) + ": one state with rows of both kinds"};
    if (rows.action() == row_action::drop_until) {
      auto& g = t.group(group);
      while (!g.order.empty() && g.order.begin()->e->time <= rows.until())
        discard(t, g.order.begin()->e);
      if (g.drops.empty())
        drop_places_.emplace_back(t.number, group);
      if (!g.drops.empty() && g.drops.back().tag == tag)
        g.drops.back().until = std::max(g.drops.back().until, rows.until());
      else
        g.drops.push_back({rows.until(), tag, true});
      continue;
    }
    auto row = parse_row_key(t.kind, rows.row_key());
    lookup_key k{group, row->time, row->key};
    auto* e = t.find(k);
    if (!e) {
      e = t.insert(k);
      memory_ += e->bytes();
    }
    e->tag = tag;
    e->tombstone = rows.action() == row_action::erase;
    set_value(e, rows.value());
  }
}

void task_table::end_batch() {
  base_->release();
  if (memory_ > options_.memory_limit)
    evict();
}

void task_table::evict() {
  std::string().swap(cached_chunk_bytes_);
  for (auto& t : tables_)
    if (memory_ > options_.memory_limit)
      sweep(*t);
}

void task_table::sweep(state_table& t) {
  // More than all of them twice would be for nothing, though as many entries have come in since the last sweep.
  t.looks = std::min(t.looks, 2 * t.all.size());
  for (; t.looks > 0 && !t.all.empty() && memory_ > options_.memory_limit; --t.looks) {
    if (t.hand >= t.all.size())
      t.hand = 0;
    auto* e = t.all[t.hand];
    if (e->listed || e->in_spill || e->referenced) {
      e->referenced = false;
      ++t.hand;
    } else if (!pinned(e->tag)) {
      // The base has the row, or has none for a tombstone: a miss of it stays a right answer either way.
      t.in_ram = t.in_ram && e->tombstone;
      t.unlink(e);
      free_entry(e);
    } else {
      if (e->spill_known && !e->spilled)
        let_go_of_value(e);
      ++t.hand;
    }
  }
}

void task_table::let_go_of_value(entry* e) {
  memory_ -= e->bytes();
  std::string().swap(e->value); // Assigning an empty string would keep the buffer.
  memory_ += e->bytes();
  e->spilled = true;
  any_spilled_ = true;
}

std::optional<delta_chunk> task_table::take_spill() {
  // A spill belongs to the running epoch: nothing of the one before may be staged behind it, and the caller must have
  // learned from drain() where the one before ends.
  if (!options_.read_chunk || !drained_ || dirty_.done())
    return std::nullopt;
  if (memory_ <= options_.memory_limit + spilling_bytes_)
    return std::nullopt;
  spill s;
  auto chunk = encode(dirty_, current(), chunk_limit, &s);
  if (!chunk)
    return std::nullopt;
  spilling_bytes_ += s.value_bytes;
  spills_.push_back(std::move(s));
  return chunk;
}

void task_table::spill_stored(std::uint64_t number) {
  if (spills_.empty())
    return;
  auto s = std::move(spills_.front());
  spills_.pop_front();
  spilling_bytes_ -= s.value_bytes;
  for (auto* e : s.entries) {
    e->in_spill = false;
    if (e->unlinked) {
      free_entry(e);
      continue;
    }
    e->spill_known = !e->tombstone;
    e->spill_chunk = number;
    if (e->spill_known && memory_ > options_.memory_limit)
      let_go_of_value(e);
  }
}

} // namespace weir::state_detail
