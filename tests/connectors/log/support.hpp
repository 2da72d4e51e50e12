#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/log/embedded_log.hpp>

namespace log_test {

/// A directory that is gone with the object.
class scratch {
 public:
  scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-log-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      std::abort();
    path_ = name;
  }
  ~scratch() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string log() const { return path_ + "/log"; }

 private:
  std::string path_;
};

/// Keeps what a poll hands out.
struct collected : weir::record_consumer {
  struct record {
    std::optional<std::string> key;
    std::optional<std::string> value;
    weir::header_list headers;
    std::int64_t time_ms = 0;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
  };
  void consume(const weir::record_view& r) override {
    record copy;
    if (r.key)
      copy.key = std::string(*r.key);
    if (r.value)
      copy.value = std::string(*r.value);
    copy.headers = r.headers.unpack();
    copy.time_ms = r.time.ms();
    copy.partition = r.partition;
    copy.offset = r.offset;
    records.push_back(std::move(copy));
  }
  std::vector<record> records;
};

/// Counts wake-ups and lets a test wait for one.
struct bell {
  void ring() {
    std::lock_guard lock(mutex);
    ++rings;
    changed.notify_all();
  }
  /// False after ten seconds without it.
  bool wait(int at_least) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), [&] { return rings >= at_least; });
  }
  int count() {
    std::lock_guard lock(mutex);
    return rings;
  }
  std::mutex mutex;
  std::condition_variable changed;
  int rings = 0;
};

inline std::unique_ptr<weir::connection> connect(const std::string& path, std::map<std::string, std::string> more = {}) {
  weir::connection_settings s{"test", "log", std::move(more), {}};
  s.options["path"] = path;
  return std::move(weir::make_log_connection(s)).value();
}

inline weir::output_record record(std::string_view topic, std::int32_t partition, std::optional<std::string_view> key,
                                  std::optional<std::string_view> value, std::int64_t time_ms = 0) {
  weir::output_record r;
  r.topic = topic;
  r.partition = partition;
  r.key = key;
  r.value = value;
  r.time_ms = time_ms;
  return r;
}

/// Appends one record durably.
inline weir::result<> append(weir::embedded_log& log, const weir::log_topic& topic, std::int32_t partition,
                             std::string_view value, std::optional<std::string_view> key = {}, std::int64_t time_ms = 0) {
  weir::log_batch batch;
  WEIR_TRY(batch.add(topic, record(topic.name, partition, key, value, time_ms)));
  return log.commit(batch, {});
}

inline std::vector<std::string> values(const collected& c) {
  std::vector<std::string> out;
  for (const auto& r : c.records)
    out.push_back(r.value.value_or("(null)"));
  return out;
}

} // namespace log_test
