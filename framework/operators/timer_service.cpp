#include <weir/operators/timer_service.hpp>

#include <algorithm>

namespace weir {

namespace {
/// Timers read from the state in one go.
constexpr std::size_t collect_at_once = 256;
} // namespace

result<> timer_service::open(chain_runtime& runtime, const std::string& operator_name, const char* state_name,
                             const std::string& key_schema) {
  const auto& context = *runtime.context;
  if (context.state == nullptr)
    return {errc::internal, "operator '" + operator_name + "' has timers but its task has no keyed state"};
  state_ = context.state;
  first_group_ = context.first_key_group;
  last_group_ = context.last_key_group;
  WEIR_ASSIGN(handle_, state_->declare({operator_name, state_name, state_kind::ordered, "key=" + key_schema}));
  return success();
}

result<> timer_service::set(std::uint16_t group, timestamp time, std::string_view key) {
  if (earliest_ && time < *earliest_)
    earliest_ = time;
  if (due_ && time <= *due_)
    set_while_firing_ = true;
  return state_->put(handle_, group, time, key, {});
}

result<> timer_service::erase(std::uint16_t group, timestamp time, std::string_view key) {
  return state_->erase(handle_, group, time, key);
}

result<bool> timer_service::is_set(std::uint16_t group, timestamp time, std::string_view key) {
  WEIR_ASSIGN(auto found, state_->get(handle_, group, time, key));
  return found.has_value();
}

result<std::optional<timestamp>> timer_service::first() {
  if (earliest_) {
    if (*earliest_ == max_timestamp)
      return std::optional<timestamp>{};
    return earliest_;
  }
  auto found = max_timestamp;
  for (std::uint32_t g = first_group_; g <= last_group_; ++g) {
    WEIR_ASSIGN(auto t, state_->first_time(handle_, static_cast<std::uint16_t>(g), min_timestamp));
    if (t)
      found = std::min(found, *t);
  }
  earliest_ = found;
  if (found == max_timestamp)
    return std::optional<timestamp>{};
  return earliest_;
}

result<bool> timer_service::fire(timestamp until, const callback& fired) {
  if (!firing_) {
    next_group_ = first_group_;
    firing_ = true;
    earliest_.reset();
  }
  for (; next_group_ <= last_group_; ++next_group_) {
    due_ = until;
    auto all = fire_group(static_cast<std::uint16_t>(next_group_), until, fired);
    due_.reset();
    if (!all || !*all)
      return all;
  }
  firing_ = false;
  return true;
}

result<bool> timer_service::fire_group(std::uint16_t group, timestamp until, const callback& fired) {
  for (;;) {
    WEIR_ASSIGN(auto first, state_->first_time(handle_, group, min_timestamp));
    if (!first || *first > until)
      return true;
    collected_.clear();
    WEIR_TRY(state_->scan(handle_, group, *first, {}, until, [this](timestamp time, std::string_view key, std::string_view) {
      collected_.emplace_back(time, key);
      return collected_.size() < collect_at_once;
    }));
    set_while_firing_ = false;
    for (const auto& [time, key] : collected_) {
      // Another timer's handler may have erased it.
      WEIR_ASSIGN(auto present, state_->get(handle_, group, time, key));
      if (!present)
        continue;
      WEIR_TRY(state_->erase(handle_, group, time, key));
      WEIR_ASSIGN(auto more, fired(group, time, key));
      if (!more)
        return false;
      if (set_while_firing_)
        break;
    }
  }
}

} // namespace weir
