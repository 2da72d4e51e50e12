#pragma once
#include <cstdint>
#include <map>
#include <weir/core/timestamp.hpp>

namespace weir {

/// What a consumer group was told of one topic, and when. A broker forgets an offset that was not committed for long (Kafka:
/// `offsets.retention.minutes`, 7 days by default), so one that does not move is told again in time. Pure.
class told_offsets {
 public:
  using offsets = std::map<std::int32_t, std::int64_t>; ///< Next offsets by partition.

  explicit told_offsets(duration again) : again_(again) {}

  /// The group may stand there from an earlier life: not new, and as if told now.
  void stands(std::int32_t partition, std::int64_t next, duration now) { told_[partition] = {next, now, false}; }
  /// Those of `next` that the group was not told yet, or so long ago that it is to be told again. `now` is monotonic.
  [[nodiscard]] offsets due(const offsets& next, duration now) const;
  /// Those of `next` that this life did not tell. At its end: one that is short may be followed by many others.
  [[nodiscard]] offsets untold(const offsets& next) const;
  void told(const offsets& what, duration now);
  /// Whether some of `what` says more than what was told before.
  [[nodiscard]] bool is_new(const offsets& what) const;

 private:
  struct entry {
    std::int64_t next = 0;
    duration at{0};
    bool by_us = false;
  };
  duration again_;
  std::map<std::int32_t, entry> told_;
};

} // namespace weir
