#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <weir/connectors/log/detail/connections.hpp>
#include <weir/core/fail_point.hpp>

namespace weir::log_detail {

namespace {

/// Writes in a thread of its own: while one commit waits for the disk, the next batch collects.
class log_direct : public direct_producer {
 public:
  log_direct(std::shared_ptr<embedded_log> log, std::size_t queue_bytes, std::function<void()> wake)
      : log_(std::move(log)), topics_(log_), queue_bytes_(std::max<std::size_t>(queue_bytes, 1)), wake_(std::move(wake)) {
    thread_ = std::thread([this] { run(); });
  }

  /// What was sent is written before the thread ends; only a call of `flushed` tells that it was.
  ~log_direct() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }

  result<bool> send(const output_record& r) override {
    WEIR_ASSIGN(const auto* topic, topics_.find(r.topic));
    std::lock_guard lock(mutex_);
    if (failed_)
      return *failed_;
    if (filling_.records() > 0 && filling_.bytes() + writing_bytes_ >= queue_bytes_) {
      wanted_ = true;
      return false;
    }
    WEIR_TRY(filling_.add(*topic, r));
    ++sent_;
    changed_.notify_one();
    return true;
  }

  result<bool> flushed() override {
    std::lock_guard lock(mutex_);
    if (failed_)
      return *failed_;
    if (filling_.records() == 0 && !writing_)
      return true;
    wanted_ = true;
    return false;
  }

  std::uint64_t sent_mark() override {
    std::lock_guard lock(mutex_);
    return sent_;
  }

  result<bool> flushed_through(std::uint64_t mark) override {
    std::lock_guard lock(mutex_);
    if (failed_)
      return *failed_;
    if (written_ >= mark)
      return true;
    wanted_ = true;
    return false;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || filling_.records() > 0; });
      if (filling_.records() == 0 || failed_)
        return;
      auto batch = std::exchange(filling_, {});
      writing_ = true;
      writing_bytes_ = batch.bytes();
      lock.unlock();
      auto done = log_->commit(
          batch, {}, [] { return hit(fail_point::log_produce_before_commit); },
          [] { return hit(fail_point::log_produce_after_commit); });
      lock.lock();
      writing_ = false;
      writing_bytes_ = 0;
      if (!done)
        failed_ = done.err();
      else
        written_ += batch.records();
      if (std::exchange(wanted_, false)) {
        lock.unlock();
        wake_();
        lock.lock();
      }
    }
  }

  std::shared_ptr<embedded_log> log_;
  topic_cache topics_;
  const std::size_t queue_bytes_;
  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  log_batch filling_;
  std::uint64_t sent_ = 0; ///< Records taken; `written_` of them are on disk.
  std::uint64_t written_ = 0;
  std::size_t writing_bytes_ = 0;
  bool writing_ = false;
  bool wanted_ = false;
  bool stop_ = false;
  std::optional<error> failed_; ///< For good: what came after the failed batch must not overtake it.
  std::thread thread_;
};

} // namespace

std::unique_ptr<direct_producer> make_direct(std::shared_ptr<embedded_log> log, std::size_t queue_bytes,
                                             std::function<void()> wake) {
  return std::make_unique<log_direct>(std::move(log), queue_bytes, std::move(wake));
}

} // namespace weir::log_detail
