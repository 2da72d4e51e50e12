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

void process_runtime::write(std::size_t state, std::string_view bytes) {
  check(chain->context->state->put(states[state], group, key_bytes, bytes));
}

void process_runtime::clear(std::size_t state) { check(chain->context->state->erase(states[state], group, key_bytes)); }

timestamp process_runtime::entry_time() const { return {static_cast<std::int64_t>(hash_bytes(key_bytes))}; }

std::string_view process_runtime::entry_key(std::string_view name) {
  entry_key_.assign(key_bytes);
  entry_key_.append(name);
  return entry_key_;
}

std::optional<std::string_view> process_runtime::read_entry(std::size_t state, std::string_view name) {
  auto found = chain->context->state->get(states[state], group, entry_time(), entry_key(name));
  if (!found)
    throw state_exception(found.err());
  return *found;
}

void process_runtime::write_entry(std::size_t state, std::string_view name, std::string_view bytes) {
  check(chain->context->state->put(states[state], group, entry_time(), entry_key(name), bytes));
}

void process_runtime::erase_entry(std::size_t state, std::string_view name) {
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

void process_runtime::check(const result<>& r) const {
  if (!r)
    throw state_exception(r.err().in("operator '" + operator_name + "'"));
}

error process_runtime::corrupt(const std::string& what) const {
  return {errc::store_corrupt, "operator '" + operator_name + "': " + what};
}

} // namespace weir::detail
