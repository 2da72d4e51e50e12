#include <weir/operators/process_function.hpp>
#include <weir/state/row_key.hpp>

namespace weir::detail {

result<> process_runtime::open(chain_runtime& runtime, const std::string& name, const std::vector<declared_state>& declared,
                               const std::string& key_schema) {
  chain = &runtime;
  operator_name = name;
  auto* state = runtime.context->state;
  if (state == nullptr)
    return {errc::internal, "operator '" + name + "' is keyed but its task has no keyed state"};
  states.clear();
  for (const auto& d : declared) {
    WEIR_ASSIGN(auto handle, state->declare({name, d.name, d.kind, "key=" + key_schema + " value=" + d.schema}));
    states.push_back(handle);
  }
  WEIR_TRY(event_timers.open(runtime, name, "$event-timers", key_schema));
  return processing_timers.open(runtime, name, "$processing-timers", key_schema);
}

std::optional<std::string_view> process_runtime::read(std::size_t state) {
  auto found = chain->context->state->get(states[state], group, key_bytes);
  if (!found)
    throw state_exception(found.err());
  return *found;
}

void process_runtime::begin_call(bool undoable) {
  undoable_ = undoable;
  changes_.clear();
}

void process_runtime::remember_state(std::size_t state) {
  if (!undoable_)
    return;
  for (const auto& c : changes_)
    if (c.what == change::kind::state && c.state == state)
      return;
  auto& c = changes_.emplace_back();
  c.what = change::kind::state;
  c.state = state;
  if (auto before = read(state))
    c.before.emplace(*before);
}

void process_runtime::remember_timer(timestamp at, bool processing) {
  if (!undoable_)
    return;
  auto what = processing ? change::kind::processing_timer : change::kind::event_timer;
  for (const auto& c : changes_)
    if (c.what == what && c.at == at)
      return;
  auto there = (processing ? processing_timers : event_timers).is_set(group, at, key_bytes);
  if (!there)
    throw state_exception(there.err());
  auto& c = changes_.emplace_back();
  c.what = what;
  c.at = at;
  if (*there)
    c.before.emplace();
}

timestamp process_runtime::entry_time() const { return {static_cast<std::int64_t>(hash_bytes(key_bytes))}; }

std::string_view process_runtime::entry_key(std::string_view name) {
  entry_key_.assign(key_bytes);
  entry_key_.append(name);
  return entry_key_;
}

void process_runtime::remember_entry(std::size_t state, std::string_view name) {
  if (!undoable_)
    return;
  auto& c = changes_.emplace_back();
  c.what = change::kind::entry;
  c.state = state;
  c.entry = name;
  if (auto before = read_entry(state, name))
    c.before.emplace(*before);
}

std::optional<std::string_view> process_runtime::read_entry(std::size_t state, std::string_view name) {
  auto found = chain->context->state->get(states[state], group, entry_time(), entry_key(name));
  if (!found)
    throw state_exception(found.err());
  return *found;
}

void process_runtime::write_entry(std::size_t state, std::string_view name, std::string_view bytes) {
  remember_entry(state, name);
  check(chain->context->state->put(states[state], group, entry_time(), entry_key(name), bytes));
}

void process_runtime::erase_entry(std::size_t state, std::string_view name) {
  remember_entry(state, name);
  check(chain->context->state->erase(states[state], group, entry_time(), entry_key(name)));
}

std::vector<process_runtime::entry> process_runtime::entries(std::size_t state, const std::optional<std::string>& from,
                                                             bool inclusive, std::size_t limit) {
  std::vector<entry> out;
  // Longer names end with a hash in the store: only in front of it their order is that of the names.
  if (from && inclusive && key_bytes.size() + from->size() > plain_key_limit(state_kind::ordered) - 15)
    throw std::length_error("an iteration of a map state begins at a key that is too long");
  if (from && inclusive)
    if (auto first = read_entry(state, *from))
      out.emplace_back(*from, *first);
  const auto hash = entry_time();
  // Keys of one hash may lie between.
  const std::string after = from ? std::string(entry_key(*from)) : std::string();
  check(chain->context->state->scan(states[state], group, hash, after, hash,
                                    [&](timestamp, std::string_view key, std::string_view value) {
                                      if (out.size() >= limit)
                                        return false;
                                      if (key.starts_with(key_bytes))
                                        out.emplace_back(key.substr(key_bytes.size()), value);
                                      return true;
                                    }));
  return out;
}

result<> process_runtime::roll_back() {
  // The newest first: an entry may have been changed more than once.
  for (auto i = changes_.rbegin(); i != changes_.rend(); ++i) {
    const auto& c = *i;
    if (c.what == change::kind::entry) {
      auto& state = *chain->context->state;
      WEIR_TRY(c.before ? state.put(states[c.state], group, entry_time(), entry_key(c.entry), *c.before)
                        : state.erase(states[c.state], group, entry_time(), entry_key(c.entry)));
      continue;
    }
    if (c.what == change::kind::state) {
      auto& state = *chain->context->state;
      WEIR_TRY(c.before ? state.put(states[c.state], group, key_bytes, *c.before)
                        : state.erase(states[c.state], group, key_bytes));
      continue;
    }
    auto& timers = c.what == change::kind::processing_timer ? processing_timers : event_timers;
    WEIR_TRY(c.before ? timers.set(group, c.at, key_bytes) : timers.erase(group, c.at, key_bytes));
  }
  changes_.clear();
  return success();
}

void process_runtime::set_timer(timestamp at, bool processing) {
  remember_timer(at, processing);
  check((processing ? processing_timers : event_timers).set(group, at, key_bytes));
}

void process_runtime::erase_timer(timestamp at, bool processing) {
  remember_timer(at, processing);
  check((processing ? processing_timers : event_timers).erase(group, at, key_bytes));
}

void process_runtime::write(std::size_t state, std::string_view bytes) {
  remember_state(state);
  check(chain->context->state->put(states[state], group, key_bytes, bytes));
}

void process_runtime::clear(std::size_t state) {
  remember_state(state);
  check(chain->context->state->erase(states[state], group, key_bytes));
}

void process_runtime::check(const result<>& r) const {
  if (!r)
    throw state_exception(r.err().in("operator '" + operator_name + "'"));
}

error process_runtime::corrupt(const std::string& what) const {
  return {errc::store_corrupt, "operator '" + operator_name + "': " + what};
}

} // namespace weir::detail
