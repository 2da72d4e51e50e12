#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <weir/connectors/kafka/client.hpp>

namespace weir::kafka {

/// Wakes librdkafka's fetcher. Before 2.2 a partition whose queue was full is looked at again up to a second later,
/// whatever was drained meanwhile; any request to its broker ends the wait. Only while there is work does the thread
/// run; none is started before the first request.
class nudger {
 public:
  /// True where the library needs it: the version at run time counts.
  [[nodiscard]] static bool needed();

  explicit nudger(const std::shared_ptr<client>& consumer) : consumer_(consumer) {}
  ~nudger();
  nudger(const nudger&) = delete;
  nudger& operator=(const nudger&) = delete;

  /// Asks for one wake-up of the broker that leads the partition. Requests within 5 ms are one. Does not block.
  void request(const std::string& topic, std::int32_t partition);

 private:
  void run();

  std::weak_ptr<client> consumer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
  std::string topic_;
  std::int32_t partition_ = -1; ///< -1: nothing asked for.
  bool stopping_ = false;
};

} // namespace weir::kafka
