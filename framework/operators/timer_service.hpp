#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weir/operators/operator.hpp>

namespace weir {

/// The timers of one operator and one kind of time: ordered keyed state (time, key) without values. Setting a timer twice
/// is setting it once. Firing stops and goes on where it was; a timer is erased before it fires.
class timer_service {
 public:
  /// Declares the state under a name that no user state can have. Errors: incompatible.
  result<> open(chain_runtime& runtime, const std::string& operator_name, const char* state_name, const std::string& key_schema);

  result<> set(std::uint16_t group, timestamp time, std::string_view key);
  result<> erase(std::uint16_t group, timestamp time, std::string_view key);
  result<bool> is_set(std::uint16_t group, timestamp time, std::string_view key);
  /// The earliest timer of all key groups.
  result<std::optional<timestamp>> first();

  /// Fires every timer with time <= until, per key in the order of time, also those that are set meanwhile. `fired`
  /// returns false to stop behind this timer. Result: true when none is left.
  using callback = std::function<result<bool>(std::uint16_t group, timestamp time, std::string_view key)>;
  result<bool> fire(timestamp until, const callback& fired);

 private:
  result<bool> fire_group(std::uint16_t group, timestamp until, const callback& fired);

  keyed_state* state_ = nullptr;
  state_handle handle_;
  std::uint16_t first_group_ = 0;
  std::uint16_t last_group_ = 0;
  std::uint32_t next_group_ = 0; ///< Where firing goes on.
  bool firing_ = false;
  std::optional<timestamp> due_;      ///< Until when the group is being fired.
  bool set_while_firing_ = false;     ///< A due timer was set: what was collected is not the whole truth any more.
  std::optional<timestamp> earliest_; ///< Lower bound of all timers; none: not known.
  std::vector<std::pair<timestamp, std::string>> collected_;
};

} // namespace weir
