#include <weir/operators/process_function.hpp>

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
    WEIR_ASSIGN(auto handle, state->declare({name, d.name, state_kind::value, "key=" + key_schema + " value=" + d.schema}));
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

void process_runtime::check(const result<>& r) const {
  if (!r)
    throw state_exception(r.err().in("operator '" + operator_name + "'"));
}

error process_runtime::corrupt(const std::string& what) const {
  return {errc::store_corrupt, "operator '" + operator_name + "': " + what};
}

} // namespace weir::detail
