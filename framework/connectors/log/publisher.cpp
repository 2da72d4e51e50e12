#include <weir/connectors/log/detail/connections.hpp>
#include <weir/connectors/log/detail/format.hpp>
#include <weir/core/fail_point.hpp>

#include <chrono>

namespace weir::log_detail {

namespace {

/// An error of the log as an outcome of a publish that has not happened (unknown_outcome aside).
publish_report report_of(const error& e) {
  switch (e.code) {
    case errc::fenced:
      return {publish_outcome::fenced, 0, e};
    case errc::unknown_outcome:
      return {publish_outcome::unknown, 0, e};
    case errc::not_found:
    case errc::not_authorized:
      return {publish_outcome::gone, 0, e};
    default:
      return {publish_outcome::retriable, 0, e};
  }
}

class log_publisher : public transactional_publisher {
 public:
  log_publisher(std::shared_ptr<embedded_log> log, std::string id, std::string marker_topic)
      : log_(std::move(log)), id_(std::move(id)), marker_topic_(std::move(marker_topic)), topics_(log_) {}

  result<> fence() override {
    abort();
    seen_.reset();
    epoch_ = 0;
    if (!marker_topic_.empty()) {
      log_topic_options options;
      options.compacted = true;
      auto made = log_->create_topic(marker_topic_, options);
      if (!made && made.err().code != errc::already_exists)
        return made.err();
    }
    WEIR_ASSIGN(epoch_, log_->fence(id_));
    return hit(fail_point::log_fence_after);
  }

  result<std::optional<marker>> read_marker() override {
    if (epoch_ == 0)
      return {errc::internal, "publisher '" + id_ + "': its marker is read before it has fenced others"};
    auto m = log_->read_marker(id_, epoch_);
    if (m && *m)
      seen_ = (*m)->lineage;
    return m;
  }

  publish_report add(std::span<const output_record> records) override {
    const auto before = batch_.records();
    for (std::size_t i = 0; i < records.size(); ++i) {
      auto topic = topics_.find(records[i].topic);
      if (!topic) {
        abort();
        return report_of(topic.err());
      }
      if (auto added = batch_.add(**topic, records[i]); !added) {
        abort();
        return {publish_outcome::unwritable, before + i, added.err()};
      }
    }
    return {};
  }

  void set_group_offsets(const std::string& group,
                         const std::map<std::pair<std::string, std::int32_t>, std::int64_t>& next) override {
    for (const auto& [where, offset] : next)
      extras_.group_offsets[{group, where.first}][where.second] = offset;
  }

  publish_report commit(const marker& m) override {
    if (epoch_ == 0)
      return {publish_outcome::retriable, 0, {errc::internal, "publisher '" + id_ + "' has not fenced others yet"}};
    extras_.publisher_id = id_;
    extras_.publisher_epoch = epoch_;
    extras_.new_marker = m;
    extras_.replaces = seen_;
    auto done = write(m);
    if (done)
      seen_ = m.lineage;
    abort();
    return done ? publish_report{} : report_of(done.err());
  }

  void abort() override {
    batch_.clear();
    extras_ = {};
  }

 private:
  result<> write(const marker& m) {
    // The marker's own record does not count as output: what may replace a foreign marker is decided by the rest.
    extras_.alone = batch_.records() == 0;
    if (!marker_topic_.empty()) {
      WEIR_ASSIGN(const auto* topic, topics_.find(marker_topic_));
      auto text = marker_json(m);
      auto now = std::chrono::system_clock::now().time_since_epoch();
      output_record r;
      r.key = id_;
      r.value = text;
      r.time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
      WEIR_TRY(batch_.add(*topic, r));
    }
    auto before = [] { return hit(fail_point::log_publish_before_commit); };
    auto after = []() -> result<> {
      if (auto h = hit(fail_point::log_publish_after_commit); !h)
        return {errc::unknown_outcome, h.err().message};
      return success();
    };
    return log_->commit(batch_, extras_, before, after);
  }

  std::shared_ptr<embedded_log> log_;
  std::string id_;
  std::string marker_topic_;
  topic_cache topics_;
  log_batch batch_;
  log_commit_extras extras_;
  std::uint64_t epoch_ = 0;
  std::optional<lineage_id> seen_; ///< Lineage of the marker as our owner knows it.
};

} // namespace

std::unique_ptr<transactional_publisher> make_publisher(std::shared_ptr<embedded_log> log, std::string id,
                                                        std::string marker_topic) {
  return std::make_unique<log_publisher>(std::move(log), std::move(id), std::move(marker_topic));
}

} // namespace weir::log_detail
