#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/feed.hpp>
#include <weir/connectors/kafka/message.hpp>

namespace weir::kafka {

/// The last records handed out, to tell a record delivered twice from another one at the same offset.
class recent_records {
 public:
  static constexpr std::size_t capacity = 32;
  void add(std::int64_t offset, std::uint64_t fingerprint) {
    entries_[static_cast<std::size_t>(next_++ % capacity)] = {offset, fingerprint};
  }
  [[nodiscard]] bool holds(std::int64_t offset, std::uint64_t fingerprint) const {
    for (const auto& e : entries_)
      if (e.offset == offset)
        return e.fingerprint == fingerprint;
    return false;
  }

 private:
  struct entry {
    std::int64_t offset = -1;
    std::uint64_t fingerprint = 0;
  };
  std::array<entry, capacity> entries_{};
  std::uint64_t next_ = 0;
};
/// Of key, value and time stamp. XXH3.
[[nodiscard]] std::uint64_t fingerprint_of(const record_view& r);

/// Drains one partition's queue without blocking. `at_end` is judged anew at every poll, from the newest high watermark:
/// a caller that waits for idleness polls again when its time is up.
class kafka_partition_reader final : public partition_reader {
 public:
  explicit kafka_partition_reader(std::shared_ptr<feed> f);
  ~kafka_partition_reader() override;

  result<poll_result> poll(std::size_t max_records, std::size_t max_bytes, record_consumer& out) override;
  [[nodiscard]] std::int64_t lag() const override;
  /// Offsets passed over: control records, aborted transactions, compaction.
  [[nodiscard]] std::uint64_t skipped_offsets() const { return skipped_; }
  /// Records delivered a second time and dropped.
  [[nodiscard]] std::uint64_t dropped_duplicates() const { return duplicates_; }

 private:
  static constexpr std::size_t batch_capacity = 256;

  bool refill(std::size_t wanted);
  /// Takes one message; false = an error was kept for the next poll.
  bool take(const rd_kafka_message_t& m, bool remember, poll_result& r, record_consumer& out);
  bool take_record(const rd_kafka_message_t& m, bool remember, poll_result& r, record_consumer& out);
  /// Offset of the record that is sure to be handed out after the one at `offset`, limits permitting; -1 if none is known.
  [[nodiscard]] std::int64_t following(std::int64_t offset) const;
  void take_error(rd_kafka_resp_err_t err, const std::string& text);
  void watch_queue(std::size_t left);
  [[nodiscard]] std::int64_t high_watermark() const;
  [[nodiscard]] std::string where() const;

  std::shared_ptr<feed> feed_;
  std::array<rd_kafka_message_t*, batch_capacity> batch_{};
  std::size_t begin_ = 0; ///< batch_[begin_, end_) is popped but not handed out.
  std::size_t end_ = 0;
  std::size_t max_records_ = 1; ///< Limits of the present poll.
  std::size_t max_bytes_ = 0;
  std::int64_t next_;
  std::int64_t eof_at_ = -1; ///< Position of the newest end-of-partition report.
  message_headers headers_;
  recent_records recent_;
  client::queue_error queue_error_; ///< Came with the batch, counts behind it.
  std::optional<error> failed_;     ///< For good.
  std::optional<error> reported_;   ///< Passing trouble, reported by the next poll that has no record.
  bool in_trouble_ = false;
  bool was_full_ = false;
  std::size_t mean_bytes_ = 128;
  std::uint64_t skipped_ = 0;
  std::uint64_t duplicates_ = 0;
};

} // namespace weir::kafka
