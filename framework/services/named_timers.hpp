#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <weir/operators/timer_service.hpp>

namespace weir::detail {

/// The named timers of an actor service's keys: one of a name per key, by the wall clock or by the watermark.
///
/// Each is a row of its own, in the order of its time and again by its name: setting or cancelling one costs the same however
/// many its key has. Only the owning task's thread.
class named_timers {
 public:
  /// Declares the states. Errors: incompatible.
  result<> open(chain_runtime& runtime, const std::string& service, const std::string& key_schema);

  /// Sets a timer; one of this name that is set is replaced.
  result<> set(std::uint16_t group, std::string_view key, std::string_view name, timestamp at, bool processing);
  /// Nothing happens when no timer of this name is set.
  result<> cancel(std::uint16_t group, std::string_view key, std::string_view name);
  /// The earliest of one kind of time, over all keys.
  result<std::optional<timestamp>> first(bool processing) { return of(processing).first(); }

  /// Fires every timer of one kind of time up to `until`, as timer_service::fire does. A timer is gone before it fires; views
  /// are valid until `fired` returns.
  using callback = std::function<result<bool>(std::uint16_t group, timestamp time, std::string_view key, std::string_view name)>;
  result<bool> fire(timestamp until, bool processing, const callback& fired);

 private:
  timer_service& of(bool processing) { return processing ? by_clock_ : by_watermark_; }
  [[nodiscard]] error corrupt() const;

  keyed_state* state_ = nullptr;
  std::string service_;
  state_handle times_; ///< (key, name) -> when, and by which time.
  timer_service by_clock_, by_watermark_;
  std::string row_;
};

} // namespace weir::detail
