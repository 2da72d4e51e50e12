#pragma once
#include <cstddef>
#include <optional>
#include <vector>
#include <weir/core/timestamp.hpp>

namespace weir {

/// Merges the watermarks of a task's input channels by minimum; idle channels do not count; when all are idle the
/// watermark is held and idle is passed on (the minimum of nothing is not infinity). Never goes back. Pure.
///
/// An ended channel does not count either, but only when all have ended is the merged watermark the end of time: a task
/// with one ended and one idle input is idle, not over, or the idle one's later records would all be late.
class watermark_merger {
 public:
  explicit watermark_merger(std::size_t channels, timestamp floor = min_timestamp);

  /// The merged watermark if it rose.
  std::optional<timestamp> on_watermark(std::size_t channel, timestamp t);
  /// The channel ended. The merged watermark if it rose; the merged status may change too (see `on_channel_end`).
  std::optional<timestamp> on_end(std::size_t channel) { return on_channel_end(channel).rose; }

  struct status_change {
    std::optional<timestamp> rose; ///< The merged watermark may rise when the slowest goes idle.
    std::optional<bool> idle;      ///< The merged status if it changed.
  };
  status_change on_status(std::size_t channel, bool idle);
  /// The channel ended: no frame but barriers follows on it. When the remaining ones are all idle, the task is idle now.
  status_change on_channel_end(std::size_t channel);

  [[nodiscard]] timestamp current() const { return current_; }
  [[nodiscard]] bool idle() const { return idle_; }
  /// The channel that holds the watermark back; none when all are idle or ended.
  [[nodiscard]] std::optional<std::size_t> holding() const;

 private:
  struct input {
    timestamp watermark = min_timestamp;
    bool idle = false;
    bool ended = false;
  };
  std::optional<timestamp> merge();
  status_change update();
  std::vector<input> inputs_;
  timestamp current_;
  bool idle_ = false;
};

} // namespace weir
