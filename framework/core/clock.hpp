#pragma once
#include <weir/core/timestamp.hpp>

namespace weir {

/// Where "now" comes from; tests drive it by hand. Any thread may call.
class clock {
 public:
  virtual ~clock() = default;
  /// Wall clock, UTC.
  [[nodiscard]] virtual timestamp now() const = 0;
  /// Never goes back; only differences mean something.
  [[nodiscard]] virtual duration monotonic() const = 0;
};

/// The machine's clock; lives for the whole process.
const clock& system_clock();

/// A clock that moves only when told. Not synchronised: one thread.
class manual_clock : public clock {
 public:
  explicit manual_clock(timestamp start = {}) : now_(start) {}
  [[nodiscard]] timestamp now() const override { return now_; }
  [[nodiscard]] duration monotonic() const override { return duration{now_.us}; }
  void advance(duration d) { now_ = now_ + d; }

 private:
  timestamp now_;
};

} // namespace weir
