#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace weir::log_detail {

class environment;

/// Wakes readers when their partition grows. One thread, which exists while anyone is registered and sleeps without a
/// time-out unless somebody waits; while somebody does, it looks at the environment's last transaction number, every
/// millisecond after activity and up to every twenty when idle: appends of other processes give no other sign.
class watcher {
 public:
  struct entry;
  /// The registration of a reader; its `wake` is never called after the destructor returns.
  class registration {
   public:
    registration() = default;
    registration(watcher* w, std::list<entry>::iterator at) : watcher_(w), at_(at) {}
    registration(registration&& o) noexcept : watcher_(std::exchange(o.watcher_, nullptr)), at_(o.at_) {}
    registration& operator=(registration&&) = delete;
    ~registration();
    /// `wake` is called once when offset `position` exists or is gone; at once if it does already.
    void wait_for(std::int64_t position);

   private:
    watcher* watcher_ = nullptr;
    std::list<entry>::iterator at_{};
  };

  explicit watcher(environment& env) : env_(env) {}
  ~watcher();
  watcher(const watcher&) = delete;
  watcher& operator=(const watcher&) = delete;

  registration add(std::uint32_t topic, std::int32_t partition, std::function<void()> wake);
  /// Somebody in this process has committed: look now.
  void notify();

  struct entry {
    std::uint32_t topic;
    std::int32_t partition;
    std::function<void()> wake;
    std::int64_t position = 0;
    std::uint64_t seen = 0; ///< Transaction up to which the partition is known not to reach `position`.
    bool waiting = false;
  };

 private:
  void run();
  /// Wakes whoever has something to read; the transaction up to which it has looked.
  std::uint64_t look();

  environment& env_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<entry> entries_;
  std::thread thread_;
  std::size_t waiting_ = 0;
  bool poked_ = false;
  bool stop_ = false;
};

} // namespace weir::log_detail
