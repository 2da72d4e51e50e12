#pragma once
#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace weir::kafka {

/// max.message.bytes of the topics a sink writes to. The broker refuses a whole batch that is above it, so no batch may
/// be larger than the smallest limit. Any thread.
class topic_limits {
 public:
  /// 0: the topic has no limit, or it is not known.
  void set(const std::string& topic, std::size_t bytes) {
    std::lock_guard lock(mutex_);
    limits_[topic] = bytes;
  }
  [[nodiscard]] std::size_t of(std::string_view topic) const {
    std::lock_guard lock(mutex_);
    auto it = limits_.find(topic);
    return it == limits_.end() ? 0 : it->second;
  }
  /// The smallest limit, at most `otherwise`.
  [[nodiscard]] std::size_t batch_bytes(std::size_t otherwise) const {
    std::lock_guard lock(mutex_);
    for (const auto& [topic, bytes] : limits_)
      if (bytes > 0)
        otherwise = std::min(otherwise, bytes);
    return otherwise;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::size_t, std::less<>> limits_;
};

} // namespace weir::kafka
