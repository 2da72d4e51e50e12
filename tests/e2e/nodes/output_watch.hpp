#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace weir::e2e {

/// Whose output a topic is. With shards it is partitioned by their key: a partition is of one of them.
struct topic_owner {
  std::string service;
  unsigned shards = 1;

  [[nodiscard]] std::string of(std::int32_t partition) const {
    return shards == 1 ? service : service + "." + std::to_string(static_cast<unsigned>(partition) % shards);
  }
};

/// Reads what services publish, read_committed, while they do, and notes when something came.
class output_watch {
 public:
  using clock = std::chrono::steady_clock;

  /// Topics that are there, and whose they are. Throws std::runtime_error if they cannot be read.
  output_watch(const std::string& brokers, const std::map<std::string, topic_owner>& owners);
  ~output_watch();
  output_watch(const output_watch&) = delete;
  output_watch& operator=(const output_watch&) = delete;

  /// When the service published first behind that time; none: not yet.
  [[nodiscard]] std::optional<clock::time_point> next(const std::string& service, clock::time_point behind) const;
  /// The longest time in which nothing came of the service, between the two.
  [[nodiscard]] clock::duration longest_silence(const std::string& service, clock::time_point from, clock::time_point to) const;

 private:
  void read(const std::string& brokers, const std::map<std::string, topic_owner>& owners);

  mutable std::mutex mutex_;
  std::map<std::string, std::vector<clock::time_point>>
      came_; ///< By service or shard, ascending, one for records that came together.
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

} // namespace weir::e2e
