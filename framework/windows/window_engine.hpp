#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weir/operators/operator.hpp>
#include <weir/windows/window_shape.hpp>

namespace weir {

/// What the engine needs from the typed operator around it: accumulators are bytes here.
class window_firing {
 public:
  virtual ~window_firing() = default;
  /// Merges the later accumulator `from` into `into`. Errors: user_code_failed, decode_failed.
  virtual result<> merge(std::string& into, std::string_view from) = 0;
  /// One result. True: go on; false: stop behind this one (out of credit or batch full).
  virtual result<bool> emit(std::string_view key, timestamp window_end, std::string_view accumulator) = 0;
};

/// Slices in ordered state (time = end of the slice, key = encoded key) and the firing of windows over them. Knows
/// neither keys nor values. Firing is a cursor over (key group, window end, key) that stops when told and goes on exactly
/// there; per key, windows fire in the order of their ends. The slices of a key group are dropped with one range
/// tombstone as soon as the last window that needs them has fired.
class window_engine {
 public:
  window_engine(window_shape shape, duration lateness) : shape_(shape), lateness_(lateness) {}

  /// Declares the state. Errors: incompatible.
  result<> open(chain_runtime& runtime, const std::string& operator_name, const std::string& schema);

  [[nodiscard]] const window_shape& shape() const { return shape_; }
  /// All windows of the slice have been dropped: a record of it is late.
  [[nodiscard]] bool late(timestamp slice) const { return shape_.last_end(slice) + lateness_ <= passed_; }
  /// Some window of the slice has fired already (and is kept for late records).
  [[nodiscard]] bool fired(timestamp slice) const { return shape_.first_end(slice) <= passed_; }
  /// The watermark is `w`: windows that end at or before w + 1 us count as fired. For restore and advance.
  void set_watermark(timestamp w);

  result<std::optional<std::string_view>> get(std::uint16_t group, timestamp slice, std::string_view key) {
    return state_->get(handle_, group, slice, key);
  }
  result<> put(std::uint16_t group, timestamp slice, std::string_view key, std::string_view accumulator) {
    return state_->put(handle_, group, slice, key, accumulator);
  }

  /// Begins firing what the rise of the watermark from `before` to the present one has ended; go on with `fire`.
  void begin(timestamp before);
  [[nodiscard]] bool firing() const { return firing_; }
  /// Fires until done or until `emit` says stop. `out_of_room`: whether to stop before the next key; asked nowhere else.
  result<progress> fire(window_firing& to);
  /// Emits the present results of one key for all fired windows that hold the slice (a late record within the allowed
  /// lateness changed it).
  result<> fire_again(std::uint16_t group, timestamp slice, std::string_view key, window_firing& to);

 private:
  result<bool> next_window();
  result<bool> fire_single(window_firing& to);
  result<bool> fire_merged(window_firing& to);
  result<> gather(window_firing& to);
  result<> leave_group();

  window_shape shape_;
  duration lateness_;
  keyed_state* state_ = nullptr;
  state_handle handle_;
  std::uint16_t first_group_ = 0;
  std::uint16_t last_group_ = 0;
  timestamp passed_ = min_timestamp; ///< Clamped watermark + 1 us: windows with end <= passed_ have fired.

  // The cursor; meaningful while firing_.
  bool firing_ = false;
  std::uint32_t group_ = 0;
  timestamp floor_;              ///< Windows up to here had fired before this rise.
  timestamp fired_;              ///< In this group, windows up to here have fired.
  std::optional<timestamp> end_; ///< The window being fired in this group.
  std::string after_key_;
  bool gathered_ = false;
  std::vector<std::pair<std::string, std::string>> merged_; ///< Key -> accumulator of the window being fired.
  std::size_t next_merged_ = 0;
};

} // namespace weir
