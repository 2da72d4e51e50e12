#include <atomic>
#include <charconv>
#include <mutex>
#include <weir/connectors/log/detail/connections.hpp>

namespace weir {

namespace log_detail {

result<const log_topic*> topic_cache::find(std::string_view name) {
  if (auto it = known_.find(name); it != known_.end())
    return &it->second;
  WEIR_ASSIGN(auto t, log_->topic(std::string(name)));
  return &known_.emplace(std::string(name), std::move(t)).first->second;
}

topic_description describe_topic(const log_topic& t) {
  return {t.name, t.options.partitions, t.options.max_record_bytes, t.options.compacted};
}

namespace {

class log_sink : public sink_connection {
 public:
  log_sink(std::shared_ptr<embedded_log> log, std::size_t queue_bytes, log_topic_options new_topics)
      : log_(std::move(log)), queue_bytes_(queue_bytes), new_topics_(new_topics) {}

  result<topic_description> ensure_topic(const std::string& topic, std::int32_t partitions, bool compacted) override {
    auto there = log_->topic(topic);
    if (!there && there.err().code != errc::not_found)
      return there.err();
    if (!there) {
      auto options = new_topics_;
      if (partitions > 0)
        options.partitions = partitions;
      options.compacted = compacted;
      there = log_->create_topic(topic, options);
      // Another process was quicker.
      if (!there && there.err().code == errc::already_exists)
        there = log_->topic(topic);
      if (!there)
        return there.err();
    }
    return describe_topic(*there);
  }

  [[nodiscard]] std::int32_t partition_for(std::optional<std::string_view> key, std::int32_t partitions) override {
    if (key)
      return murmur2_partition(*key, partitions);
    if (partitions <= 1)
      return 0;
    return static_cast<std::int32_t>(keyless_.fetch_add(1, std::memory_order_relaxed) % static_cast<std::uint32_t>(partitions));
  }

  result<std::unique_ptr<transactional_publisher>> open_publisher(const std::string& id,
                                                                  const std::string& marker_topic) override {
    if (id.empty() || (!marker_topic.empty() && !valid_topic_name(marker_topic)))
      return {errc::invalid_argument, "publisher '" + id + "' with marker topic '" + marker_topic + "': not a valid name"};
    return make_publisher(log_, id, marker_topic);
  }

  result<std::unique_ptr<direct_producer>> open_direct(std::function<void()> wake) override {
    return make_direct(log_, queue_bytes_, std::move(wake));
  }

 private:
  std::shared_ptr<embedded_log> log_;
  std::size_t queue_bytes_;
  log_topic_options new_topics_;
  std::atomic<std::uint32_t> keyless_{0};
};

class log_connection : public connection {
 public:
  log_connection(std::string name, std::string path, log_topic_options new_topics, log_open_options open)
      : name_(std::move(name)), path_(std::move(path)), new_topics_(new_topics), open_(open) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& type() const override { return type_; }

  result<std::string> cluster_id() override {
    WEIR_ASSIGN(auto log, open());
    return "log-" + log->id();
  }

  result<std::unique_ptr<source_connection>> open_source(const std::string& group, std::size_t, const logger&) override {
    WEIR_ASSIGN(auto log, open());
    return make_source(std::move(log), group);
  }

  result<std::unique_ptr<sink_connection>> open_sink(std::size_t queue_bytes, const logger&) override {
    WEIR_ASSIGN(auto log, open());
    return make_sink(std::move(log), queue_bytes, new_topics_);
  }

 private:
  /// Kept once opened: attempts come and go, and the log's identity must not change between them.
  result<std::shared_ptr<embedded_log>> open() {
    std::lock_guard lock(mutex_);
    if (!log_) {
      auto opened = embedded_log::open(path_, open_);
      if (!opened)
        return opened.err().in("connection '" + name_ + "'");
      log_ = std::move(*opened);
    }
    return log_;
  }

  const std::string name_;
  const std::string type_ = "log";
  const std::string path_;
  const log_topic_options new_topics_;
  const log_open_options open_;
  std::mutex mutex_;
  std::shared_ptr<embedded_log> log_;
};

template <class T>
result<T> number(const std::string& where, const std::string& text, T least, T most) {
  T v{};
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (ec != std::errc{} || end != text.data() + text.size() || v < least || v > most)
    return {errc::invalid_config,
            where + ": '" + text + "' is not a whole number from " + std::to_string(least) + " to " + std::to_string(most)};
  return v;
}

} // namespace

std::unique_ptr<sink_connection> make_sink(std::shared_ptr<embedded_log> log, std::size_t queue_bytes,
                                           log_topic_options new_topics) {
  return std::make_unique<log_sink>(std::move(log), queue_bytes, new_topics);
}

} // namespace log_detail

result<std::unique_ptr<connection>> make_log_connection(const connection_settings& s) {
  using log_detail::number;
  auto where = [&](const std::string& option) { return "connection '" + s.name + "', option '" + option + "'"; };
  log_topic_options topics;
  log_open_options open;
  std::string path;
  for (const auto& [option, text] : s.options) {
    if (option == "path") {
      path = text;
    } else if (option == "partitions") {
      WEIR_ASSIGN(topics.partitions, number<std::int32_t>(where(option), text, 1, 10'000));
    } else if (option == "max.record.bytes") {
      WEIR_ASSIGN(topics.max_record_bytes, number<std::size_t>(where(option), text, 1, 256u << 20));
    } else if (option == "retention.bytes") {
      WEIR_ASSIGN(topics.retention_bytes, number<std::uint64_t>(where(option), text, 0, std::uint64_t{1} << 62));
    } else if (option == "retention.ms") {
      WEIR_ASSIGN(topics.retention_ms, number<std::int64_t>(where(option), text, 0, std::int64_t{1} << 53));
    } else if (option == "map.initial.bytes") {
      WEIR_ASSIGN(open.initial_map_bytes, number<std::size_t>(where(option), text, 1u << 20, std::size_t{1} << 44));
    } else {
      return {errc::invalid_config, where(option) +
                                        ": a log has no such option; it has path, partitions, max.record.bytes, "
                                        "retention.bytes, retention.ms, map.initial.bytes"};
    }
  }
  if (path.empty())
    return {errc::invalid_config, where("path") + " is missing: the directory of the log"};
  if (!s.properties.empty())
    return {errc::invalid_config, "connection '" + s.name + "': properties are Kafka's; a log has none"};
  return std::unique_ptr<connection>(std::make_unique<log_detail::log_connection>(s.name, std::move(path), topics, open));
}

} // namespace weir
