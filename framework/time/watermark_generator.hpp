#pragma once
#include <weir/core/timestamp.hpp>
#include <weir/record/bytes.hpp>

namespace weir {

/// The watermark of one partition under bounded out-of-orderness, as in Flink's BoundedOutOfOrdernessWatermarks:
///
///     watermark = latest event time seen - bound - 1 us
///
/// and a watermark W says "no record with event time <= W will come". Hence a window [start, end) is over when
/// W >= end - 1 us, and a record is late for it exactly then. A record t within the bound has t >= latest - bound > W, and
/// every window that holds it has end - 1 us >= t > W: it is never late, also exactly on the bound.
///
/// Never goes back. Pure; one thread at a time.
class watermark_generator {
 public:
  explicit watermark_generator(duration bound);

  void on_event(timestamp t) {
    if (t > latest_) {
      latest_ = t;
      raise();
    }
  }
  /// min_timestamp before the first event.
  [[nodiscard]] timestamp current() const { return watermark_; }

  /// Appends what `restore` needs. Format: u8 version 1, i64 latest event time, i64 watermark.
  void save(byte_writer& out) const;
  /// Takes over what was saved; the saved watermark is a floor even if the bound is larger now, or a record that was late
  /// before would open its window again. False, and unchanged, when the bytes are malformed.
  [[nodiscard]] bool restore(byte_reader& in);

 private:
  void raise();
  duration bound_;
  timestamp latest_ = min_timestamp;
  timestamp watermark_ = min_timestamp;
};

} // namespace weir
