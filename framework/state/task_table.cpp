#include <weir/record/bytes.hpp>
#include <weir/state/task_table.hpp>

namespace weir {

std::unique_ptr<task_state> make_task_state(const task_state_options& options, std::unique_ptr<base_reader> base) {
  return std::make_unique<state_detail::task_table>(options, std::move(base));
}

namespace state_detail {

task_table::task_table(const task_state_options& options, std::unique_ptr<base_reader> base)
    : options_(options), base_(std::move(base)) {}

task_table::~task_table() {
  // Unlinked entries belong to the lists. An entry can wait in both a list and a spill: the list frees it.
  for (auto& s : spills_)
    for (auto* e : s.entries)
      if (e->unlinked && !e->listed)
        delete e;
  for (auto* l : {&dirty_, &frozen_})
    for (std::size_t i = l->position; i < l->entries.size(); ++i)
      if (l->entries[i]->unlinked)
        delete l->entries[i];
}

state_table& task_table::table_of(std::uint64_t id, state_kind kind) {
  for (auto& t : tables_)
    if (t->id == id)
      return *t;
  tables_.push_back(std::make_unique<state_table>(static_cast<std::uint32_t>(tables_.size()), id, kind, options_.first_key_group,
                                                  options_.last_key_group));
  return *tables_.back();
}

result<state_handle> task_table::declare(const state_declaration& d) {
  auto id = state_id(d.operator_name, d.state_name);
  state_declaration found;
  bool known = false;
  for (auto& t : tables_)
    if (t->id == id && (t->declared || t->stored)) {
      found = t->declaration;
      known = true;
      if (t->declared && found.operator_name == d.operator_name && found.state_name == d.state_name)
        return error{errc::already_exists,
                     "state '" + d.state_name + "' of operator '" + d.operator_name + "' is declared twice"};
    }
  std::string row_key;
  append_state_prefix(row_key, id);
  if (!known) {
    WEIR_ASSIGN(auto row, base_->get(row_key));
    if (row) {
      WEIR_ASSIGN(found, decode_declaration(*row));
      known = true;
    }
  }
  auto name = "state '" + d.state_name + "' of operator '" + d.operator_name + "'";
  if (known) {
    if (found.operator_name != d.operator_name || found.state_name != d.state_name)
      return error{errc::incompatible, name + " has the same identity as state '" + found.state_name + "' of operator '" +
                                           found.operator_name + "': rename one of them"};
    if (found.kind != d.kind || found.schema != d.schema)
      return error{errc::incompatible,
                   name + " was stored with schema '" + found.schema + "', the job now declares '" + d.schema + "'"};
  }
  // Rows of this state in the base, in the range of this task?
  std::string first, last;
  append_group_prefix(first, id, options_.first_key_group);
  append_group_prefix(last, id, options_.last_key_group);
  bool rows = false;
  WEIR_TRY(base_->scan(first, [&](std::string_view k, std::string_view) {
    rows = k.substr(0, last.size()) <= last;
    return false;
  }));
  auto& t = table_of(id, d.kind);
  if (t.kind != d.kind)
    return error{errc::store_corrupt, name + ": rows of another kind without a declaration"};
  t.declaration = d;
  t.declared = true;
  t.in_ram = !rows;
  if (!known)
    dirty_.declarations.push_back(t.number);
  handles_.push_back(t.number);
  return state_handle{static_cast<std::uint32_t>(handles_.size() - 1)};
}

result<state_table*> task_table::checked(state_handle h, state_kind kind, std::uint16_t key_group) {
  if (h.index >= handles_.size())
    return error{errc::invalid_argument, "no state with handle " + std::to_string(h.index)};
  auto& t = *tables_[handles_[h.index]];
  if (t.kind != kind)
    return error{errc::invalid_argument, "state '" + t.declaration.state_name + "' is of the other kind"};
  if (key_group < options_.first_key_group || key_group > options_.last_key_group)
    return error{errc::invalid_argument, "key group " + std::to_string(key_group) + " is not of this task"};
  return &t;
}

bool task_table::hidden(state_table& t, std::uint16_t key_group, timestamp time) {
  if (t.kind != state_kind::ordered)
    return false;
  auto until = t.group(key_group).dropped_until();
  return until && time <= *until;
}

result<std::pair<std::string_view, std::string_view>> task_table::unwrap(const state_table& t, std::string_view bounded,
                                                                         std::string_view stored) {
  if (!is_long_key(t.kind, bounded))
    return std::pair{bounded, stored};
  byte_reader in(stored);
  auto key = in.string();
  if (!in.ok())
    return error{errc::store_corrupt, "state '" + t.declaration.state_name + "': a long key without its text"};
  return std::pair{key, in.bytes(in.remaining())};
}

result<> task_table::bring_back(entry* e) {
  auto& t = *tables_[e->table];
  t.looks += looks_per_entry;
  if (cached_chunk_bytes_.empty() || cached_chunk_ != e->spill_chunk) {
    cached_chunk_bytes_.clear();
    auto chunk = options_.read_chunk(e->spill_chunk);
    if (chunk) {
      cached_chunk_bytes_ = std::move(*chunk);
      cached_chunk_ = e->spill_chunk;
    } else if (chunk.err().code != errc::not_found) {
      return chunk.err();
    }
  }
  if (cached_chunk_bytes_.empty()) {
    // The store has applied and deleted the chunk before this task heard of it: the base holds the value.
    base_->release();
    std::string row_key;
    append_row_key(row_key, t.id, t.kind, e->key_group, e->time, e->key);
    WEIR_ASSIGN(auto row, base_->get(row_key));
    if (!row)
      return error{errc::store_corrupt,
                   "state '" + t.declaration.state_name + "': a spilled value is neither in its chunk nor in the base"};
    set_value(e, *row);
  } else {
    if (std::size_t{e->spill_offset} + e->spill_size > cached_chunk_bytes_.size())
      return error{errc::store_corrupt, "a spilled chunk is shorter than when it was written"};
    set_value(e, std::string_view(cached_chunk_bytes_).substr(e->spill_offset, e->spill_size));
  }
  e->spilled = false;
  return success();
}

result<entry*> task_table::find_or_load(state_table& t, const lookup_key& k) {
  if (auto* e = t.find(k)) {
    e->referenced = true;
    if (e->spilled)
      WEIR_TRY(bring_back(e));
    return e;
  }
  if (t.in_ram || hidden(t, k.key_group, k.time))
    return static_cast<entry*>(nullptr);
  row_scratch_.clear();
  append_row_key(row_scratch_, t.id, t.kind, k.key_group, k.time, k.key);
  WEIR_ASSIGN(auto row, base_->get(row_scratch_));
  if (!row)
    return static_cast<entry*>(nullptr);
  auto* e = t.insert(k);
  e->value.assign(*row);
  e->referenced = true;
  memory_ += e->bytes();
  return e;
}

void task_table::set_value(entry* e, std::string_view value) {
  memory_ -= e->bytes();
  // A value that shrank a lot gives its memory back; otherwise the buffer is used again.
  if (e->value.capacity() > 64 && value.size() < e->value.capacity() / 4)
    e->value = std::string(value);
  else
    e->value.assign(value);
  memory_ += e->bytes();
}

void task_table::list(entry* e) {
  e->tag = current();
  e->spilled = false;
  e->spill_known = false;
  if (e->listed)
    return;
  e->listed = true;
  dirty_.entries.push_back(e);
}

entry* task_table::own(state_table& t, entry* e) {
  if (frozen(*e) || e->in_spill) {
    auto* copy = new entry;
    copy->key = e->key;
    copy->time = e->time;
    copy->key_group = e->key_group;
    copy->table = e->table;
    copy->referenced = true;
    t.exchange(e, copy);
    memory_ += copy->bytes();
    e = copy;
  } else if (e->tag != current()) {
    e->fresh = false;
  }
  list(e);
  return e;
}

void task_table::free_entry(entry* e) {
  memory_ -= e->bytes();
  delete e;
}

void task_table::discard(state_table& t, entry* e) {
  t.unlink(e);
  if (!e->listed && !e->in_spill) {
    free_entry(e);
    return;
  }
  if (e->listed && e->tag == current()) {
    e->dead = true;
    ++dirty_.dead;
    set_value(e, {});
    if (dirty_.dead > 1024 && dirty_.dead > dirty_.entries.size() / 2)
      compact_dirty();
  }
}

void task_table::compact_dirty() {
  dirty_.entries.erase(dirty_.entries.begin(), dirty_.entries.begin() + static_cast<std::ptrdiff_t>(dirty_.position));
  dirty_.position = 0;
  std::erase_if(dirty_.entries, [this](entry* e) {
    if (!e->dead)
      return false;
    free_entry(e);
    return true;
  });
  dirty_.dead = 0;
}

result<std::optional<std::string_view>> task_table::read(state_table& t, std::uint16_t key_group, timestamp time,
                                                         std::string_view key) {
  auto bounded = bounded_key(t.kind, key, key_scratch_);
  WEIR_ASSIGN(auto* e, find_or_load(t, {key_group, time, bounded}));
  if (!e || e->tombstone)
    return std::optional<std::string_view>();
  WEIR_ASSIGN(auto parts, unwrap(t, e->key, e->value));
  if (is_long_key(t.kind, bounded) && parts.first != key)
    return std::optional<std::string_view>();
  return std::optional(parts.second);
}

result<> task_table::write(state_table& t, std::uint16_t key_group, timestamp time, std::string_view key,
                           std::string_view value) {
  auto bounded = bounded_key(t.kind, key, key_scratch_);
  if (is_long_key(t.kind, bounded)) {
    // The row can hold one key: another one with the same 128-bit hash must not silently replace it.
    WEIR_ASSIGN(auto* old, find_or_load(t, {key_group, time, bounded}));
    if (old && !old->tombstone) {
      WEIR_ASSIGN(auto parts, unwrap(t, old->key, old->value));
      if (parts.first != key)
        return error{errc::too_large, "two keys above " + std::to_string(plain_key_limit(t.kind)) + " bytes have the same hash"};
    }
    value_scratch_.clear();
    byte_writer w(value_scratch_);
    w.string(key);
    w.bytes(value);
    value = value_scratch_;
  }
  lookup_key k{key_group, time, bounded};
  auto* e = t.find(k);
  if (e) {
    e->referenced = true;
    e = own(t, e);
  } else {
    e = t.insert(k);
    e->fresh = t.in_ram;
    e->referenced = true;
    memory_ += e->bytes();
    list(e);
  }
  e->tombstone = false;
  set_value(e, value);
  if (t.kind == state_kind::ordered)
    t.group(key_group).note_put(time);
  return success();
}

result<> task_table::remove(state_table& t, std::uint16_t key_group, timestamp time, std::string_view key) {
  auto bounded = bounded_key(t.kind, key, key_scratch_);
  WEIR_ASSIGN(auto* e, find_or_load(t, {key_group, time, bounded}));
  if (!e || e->tombstone)
    return success();
  if (is_long_key(t.kind, bounded)) {
    WEIR_ASSIGN(auto parts, unwrap(t, e->key, e->value));
    if (parts.first != key)
      return success();
  }
  if (t.kind == state_kind::ordered)
    t.group(key_group).note_removal(time);
  if (e->fresh && e->tag == current()) {
    discard(t, e);
    return success();
  }
  e = own(t, e);
  e->tombstone = true;
  set_value(e, {});
  return success();
}

result<std::optional<std::string_view>> task_table::get(state_handle h, std::uint16_t key_group, std::string_view key) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::value, key_group));
  return read(*t, key_group, {}, key);
}
result<> task_table::put(state_handle h, std::uint16_t key_group, std::string_view key, std::string_view value) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::value, key_group));
  return write(*t, key_group, {}, key, value);
}
result<> task_table::erase(state_handle h, std::uint16_t key_group, std::string_view key) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::value, key_group));
  return remove(*t, key_group, {}, key);
}
result<std::optional<std::string_view>> task_table::get(state_handle h, std::uint16_t key_group, timestamp time,
                                                        std::string_view key) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::ordered, key_group));
  return read(*t, key_group, time, key);
}
result<> task_table::put(state_handle h, std::uint16_t key_group, timestamp time, std::string_view key, std::string_view value) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::ordered, key_group));
  return write(*t, key_group, time, key, value);
}
result<> task_table::erase(state_handle h, std::uint16_t key_group, timestamp time, std::string_view key) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::ordered, key_group));
  return remove(*t, key_group, time, key);
}

result<> task_table::drop_until(state_handle h, std::uint16_t key_group, timestamp until) {
  WEIR_ASSIGN(auto* t, checked(h, state_kind::ordered, key_group));
  auto& g = t->group(key_group);
  bool needed = !t->in_ram;
  while (!g.order.empty()) {
    auto* e = g.order.begin()->e;
    if (e->time > until)
      break;
    // Chunks and the base know nothing of a fresh entry; of any other the tombstone must take the place.
    needed = needed || !(e->fresh && e->tag == current());
    discard(*t, e);
  }
  g.note_drop(until);
  if (!needed)
    return success();
  // A range tombstone that no chunk holds yet is widened. Rows that were encoded behind an encoded one may lie inside its
  // range, so a new one is made then.
  if (!g.drops.empty() && g.drops.back().tag == current() && !g.drops.back().emitted) {
    if (until > g.drops.back().until) {
      g.drops.back().until = until;
      for (auto& d : dirty_.drops)
        if (d.table == t->number && d.key_group == key_group)
          d.until = until;
    }
    return success();
  }
  if (g.drops.empty())
    drop_places_.emplace_back(t->number, key_group);
  g.drops.push_back({until, current(), false});
  dirty_.drops.push_back({t->number, key_group, until});
  return success();
}

} // namespace state_detail
} // namespace weir
