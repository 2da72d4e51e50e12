#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace weir::cluster {

/// The thread of a control seat: runs what is posted, in order, and a turn behind it or when nothing came for `pause`.
class seat_loop {
 public:
  seat_loop() = default;
  ~seat_loop() { stop(); }
  seat_loop(const seat_loop&) = delete;

  /// Once.
  void start(std::function<void()> turn, std::chrono::milliseconds pause) {
    thread_ = std::thread([this, turn = std::move(turn), pause] { run(turn, pause); });
  }
  /// Any thread; returns at once. Behind `stop` nothing is run any more.
  void post(std::function<void()> f) {
    {
      std::lock_guard lock(mutex_);
      if (stop_)
        return;
      posted_.push_back(std::move(f));
    }
    changed_.notify_one();
  }
  /// Waits for what is under way. Not by the loop's own thread.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      posted_.clear();
    }
    changed_.notify_one();
    if (thread_.joinable())
      thread_.join();
  }

 private:
  void run(const std::function<void()>& turn, std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      changed_.wait_for(lock, pause, [this] { return stop_ || !posted_.empty(); });
      auto now = std::exchange(posted_, {});
      lock.unlock();
      for (auto& f : now)
        f();
      turn();
      now.clear();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> posted_;
  bool stop_ = false;
  std::thread thread_;
};

} // namespace weir::cluster
