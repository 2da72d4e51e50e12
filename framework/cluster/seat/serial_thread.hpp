#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace weir::cluster {

/// A thread that does what it is given, one after the other: for calls that block.
class serial_thread {
 public:
  serial_thread() : thread_([this] { run(); }) {}
  /// Waits for what is under way; what waits is not done.
  ~serial_thread() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  serial_thread(const serial_thread&) = delete;

  /// Any thread; returns at once.
  void give(std::function<void()> f) {
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(f));
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (stop_)
        return;
      auto f = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      f();
      f = nullptr; // What it holds ends outside of the lock.
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stop_ = false;
  std::thread thread_; ///< Last: it uses what is above.
};

} // namespace weir::cluster
