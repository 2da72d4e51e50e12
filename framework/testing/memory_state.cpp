#include <weir/testing/memory_state.hpp>

namespace weir::testing {

std::size_t memory_state::entries() const {
  std::size_t n = 0;
  for (const auto& [name, t] : contents_)
    n += t.values.size() + t.ordered.size();
  return n;
}

result<> memory_state::call() {
  if (calls_left_) {
    if (*calls_left_ == 0)
      return {errc::store_corrupt, "the state was told to fail"};
    --*calls_left_;
  }
  return success();
}

result<state_handle> memory_state::declare(const state_declaration& d) {
  auto name = d.operator_name + "/" + d.state_name;
  auto& t = contents_[name];
  for (const auto* other : declared_)
    if (other == &t)
      return {errc::already_exists, "state '" + name + "' is declared twice"};
  if (!t.schema.empty() && t.schema != d.schema)
    return {errc::incompatible, "state '" + name + "' was written as " + t.schema + ", not as " + d.schema};
  t.schema = d.schema;
  declared_.push_back(&t);
  return state_handle{static_cast<std::uint32_t>(declared_.size() - 1)};
}

result<std::optional<std::string_view>> memory_state::get(state_handle h, std::uint16_t group, std::string_view key) {
  WEIR_TRY(call());
  auto found = at(h).values.find({group, std::string(key)});
  if (found == at(h).values.end())
    return std::optional<std::string_view>{};
  return std::optional<std::string_view>(found->second);
}

result<> memory_state::put(state_handle h, std::uint16_t group, std::string_view key, std::string_view value) {
  WEIR_TRY(call());
  at(h).values[{group, std::string(key)}] = value;
  return success();
}

result<> memory_state::erase(state_handle h, std::uint16_t group, std::string_view key) {
  WEIR_TRY(call());
  at(h).values.erase({group, std::string(key)});
  return success();
}

result<std::optional<std::string_view>> memory_state::get(state_handle h, std::uint16_t group, timestamp time,
                                                          std::string_view key) {
  WEIR_TRY(call());
  auto found = at(h).ordered.find({group, time, std::string(key)});
  if (found == at(h).ordered.end())
    return std::optional<std::string_view>{};
  return std::optional<std::string_view>(found->second);
}

result<> memory_state::put(state_handle h, std::uint16_t group, timestamp time, std::string_view key, std::string_view value) {
  WEIR_TRY(call());
  at(h).ordered[{group, time, std::string(key)}] = value;
  return success();
}

result<> memory_state::erase(state_handle h, std::uint16_t group, timestamp time, std::string_view key) {
  WEIR_TRY(call());
  at(h).ordered.erase({group, time, std::string(key)});
  return success();
}

result<std::optional<timestamp>> memory_state::first_time(state_handle h, std::uint16_t group, timestamp from) {
  WEIR_TRY(call());
  auto found = at(h).ordered.lower_bound({group, from, std::string()});
  if (found == at(h).ordered.end() || std::get<0>(found->first) != group)
    return std::optional<timestamp>{};
  return std::optional<timestamp>(std::get<1>(found->first));
}

result<> memory_state::scan(state_handle h, std::uint16_t group, timestamp from, std::string_view after_key, timestamp until,
                            const std::function<bool(timestamp, std::string_view, std::string_view)>& visit) {
  WEIR_TRY(call());
  const auto& all = at(h).ordered;
  auto behind = std::tuple(group, from, std::string(after_key));
  auto it = after_key.empty() ? all.lower_bound(behind) : all.upper_bound(behind);
  for (; it != all.end() && std::get<0>(it->first) == group && std::get<1>(it->first) <= until; ++it)
    if (!visit(std::get<1>(it->first), std::get<2>(it->first), it->second))
      break;
  return success();
}

result<> memory_state::drop_until(state_handle h, std::uint16_t group, timestamp until) {
  WEIR_TRY(call());
  auto& all = at(h).ordered;
  auto it = all.lower_bound({group, min_timestamp, std::string()});
  while (it != all.end() && std::get<0>(it->first) == group && std::get<1>(it->first) <= until)
    it = all.erase(it);
  return success();
}

result<> memory_state::for_each(state_handle h, std::uint16_t group,
                                const std::function<bool(std::string_view, std::string_view)>& visit) {
  WEIR_TRY(call());
  for (const auto& [at_key, value] : at(h).values)
    if (at_key.first == group && !visit(at_key.second, value))
      break;
  return success();
}

} // namespace weir::testing
