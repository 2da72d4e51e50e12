#include <algorithm>
#include <weir/connectors/log/detail/connections.hpp>
#include <weir/connectors/log/detail/format.hpp>
#include <weir/connectors/log/detail/watcher.hpp>

namespace weir::log_detail {

namespace {

class log_reader : public partition_reader {
 public:
  log_reader(std::shared_ptr<embedded_log> log, log_topic topic, std::int32_t partition, std::int64_t offset,
             std::function<void()> wake)
      : log_(std::move(log)),
        topic_(std::move(topic)),
        partition_(partition),
        position_(offset),
        registration_(log_->watch().add(topic_.id, partition, std::move(wake))) {
    registration_.wait_for(offset);
  }

  result<poll_result> poll(std::size_t max_records, std::size_t max_bytes, record_consumer& out) override {
    WEIR_ASSIGN(auto left, piece_left());
    if (left) {
      // The records are here, but the end is looked up all the same: `at_end` is about now. That the log may have trimmed
      // what was copied before does not take it from us.
      WEIR_ASSIGN(slice_.state, log_->partition(topic_, partition_));
    } else {
      auto got = log_->read(topic_.id, partition_, position_, std::max<std::size_t>(max_bytes, 1));
      if (!got)
        return got.err().in("topic '" + topic_.name + "'");
      slice_ = std::move(*got);
      piece_ = 0;
      WEIR_TRY(open_piece());
    }
    high_watermark_ = slice_.state.next;
    poll_result done;
    record_view r;
    while (done.records == 0 || (done.records < max_records && done.bytes < max_bytes)) {
      WEIR_ASSIGN(left, piece_left());
      if (!left)
        break;
      if (!cursor_.next(r))
        return damaged();
      if (r.offset < position_)
        continue;
      out.consume(r);
      position_ = r.offset + 1;
      ++done.records;
      done.bytes += (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0) + r.headers.packed().size();
    }
    done.next_offset = position_;
    done.at_end = position_ == high_watermark_;
    done.more = !done.at_end;
    if (done.at_end)
      registration_.wait_for(position_);
    return done;
  }

  [[nodiscard]] std::int64_t lag() const override { return high_watermark_ < 0 ? -1 : high_watermark_ - position_; }

 private:
  error damaged() const {
    return {errc::store_corrupt, "topic '" + topic_.name + "': the chunk of partition " + std::to_string(partition_) +
                                     " at offset " + std::to_string(cursor_.offset()) + " is damaged"};
  }

  /// Moves to the next piece that has records not yet looked at.
  result<bool> piece_left() {
    while (piece_ < slice_.pieces.size()) {
      if (cursor_.offset() < cursor_.end())
        return true;
      record_view none;
      cursor_.next(none);
      if (!cursor_.ok())
        return damaged();
      ++piece_;
      WEIR_TRY(open_piece());
    }
    return false;
  }

  result<> open_piece() {
    if (piece_ >= slice_.pieces.size())
      return success();
    const auto& p = slice_.pieces[piece_];
    auto chunk = std::string_view(slice_.bytes).substr(p.begin, p.size);
    WEIR_ASSIGN(auto info, check_chunk(chunk_key(topic_.id, partition_, p.base), chunk));
    cursor_ = chunk_cursor(chunk, info, partition_, p.base);
    return success();
  }

  std::shared_ptr<embedded_log> log_;
  log_topic topic_;
  std::int32_t partition_;
  std::int64_t position_;
  std::int64_t high_watermark_ = -1;
  log_slice slice_;
  std::size_t piece_ = 0;
  chunk_cursor cursor_;
  watcher::registration registration_;
};

class log_source : public source_connection {
 public:
  log_source(std::shared_ptr<embedded_log> log, std::string group) : log_(std::move(log)), group_(std::move(group)) {}

  result<topic_description> describe(const std::string& topic) override {
    WEIR_ASSIGN(auto t, log_->topic(topic));
    return describe_topic(t);
  }

  result<std::int64_t> resolve(const std::string& topic, std::int32_t partition, const start_position& from) override {
    WEIR_ASSIGN(auto t, log_->topic(topic));
    WEIR_ASSIGN(auto state, log_->partition(t, partition));
    if (std::holds_alternative<start_latest>(from))
      return state.next;
    if (const auto* at = std::get_if<start_timestamp>(&from)) {
      // A record carries milliseconds: the first one not before the time is the first at or after it rounded up.
      return log_->offset_at(t, partition, -timestamp{-at->at.us}.ms());
    }
    if (std::holds_alternative<start_group>(from)) {
      WEIR_ASSIGN(auto committed, log_->group_offset(group_, t, partition));
      return committed.value_or(state.first);
    }
    if (const auto* given = std::get_if<start_offsets>(&from))
      if (auto it = given->by_partition.find(partition); it != given->by_partition.end())
        return it->second;
    return state.first;
  }

  result<std::int64_t> end_offset(const std::string& topic, std::int32_t partition) override {
    WEIR_ASSIGN(auto t, log_->topic(topic));
    WEIR_ASSIGN(auto state, log_->partition(t, partition));
    return state.next;
  }

  result<std::unique_ptr<partition_reader>> open(const std::string& topic, std::int32_t partition, std::int64_t offset,
                                                 std::function<void()> wake) override {
    WEIR_ASSIGN(auto t, log_->topic(topic));
    WEIR_TRY(log_->partition(t, partition));
    return std::unique_ptr<partition_reader>(
        std::make_unique<log_reader>(log_, std::move(t), partition, offset, std::move(wake)));
  }

  result<> start() override { return success(); }

  result<> commit_offsets(const std::string& topic, const std::map<std::int32_t, std::int64_t>& next) override {
    log_batch none;
    log_commit_extras extras;
    extras.group_offsets[{group_, topic}] = next;
    return log_->commit(none, extras);
  }

 private:
  std::shared_ptr<embedded_log> log_;
  std::string group_;
};

} // namespace

std::unique_ptr<source_connection> make_source(std::shared_ptr<embedded_log> log, std::string group) {
  return std::make_unique<log_source>(std::move(log), std::move(group));
}

} // namespace weir::log_detail
