#include <chrono>
#include <weir/connectors/kafka/nudger.hpp>

namespace weir::kafka {

bool nudger::needed() { return rd_kafka_version() < 0x02020000; }

nudger::~nudger() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable())
    thread_.join();
}

void nudger::request(const std::string& topic, std::int32_t partition) {
  std::lock_guard lock(mutex_);
  if (partition_ >= 0 || stopping_)
    return;
  topic_ = topic;
  partition_ = partition;
  if (thread_.joinable())
    changed_.notify_one();
  else
    thread_ = std::thread([this] { run(); });
}

void nudger::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || partition_ >= 0; });
    if (stopping_)
      return;
    auto topic = topic_;
    auto partition = partition_;
    lock.unlock();
    if (auto c = consumer_.lock()) {
      std::int64_t low = 0;
      std::int64_t high = 0;
      // The answer is of no interest: the request itself wakes the broker's thread.
      (void)rd_kafka_query_watermark_offsets(c->get(), topic.c_str(), partition, &low, &high, 2);
    }
    lock.lock();
    partition_ = -1;
    changed_.wait_for(lock, std::chrono::milliseconds(5), [&] { return stopping_; });
  }
}

} // namespace weir::kafka
