#pragma once
#include <chrono>
#include <functional>
#include <memory>

namespace weir::kafka {

/// A thread that makes calls which may hang, so that the caller can give up waiting. One caller.
class call_thread {
 public:
  call_thread();
  /// Ends the thread; one that hangs is left to itself, with all that its function owns.
  ~call_thread();
  call_thread(const call_thread&) = delete;
  call_thread& operator=(const call_thread&) = delete;

  /// Runs `f` and waits for its end, at most `limit`. False: it still runs; no further call is accepted (false at once).
  /// `f` must own all it touches.
  bool run(std::function<void()> f, std::chrono::milliseconds limit);

 private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace weir::kafka
