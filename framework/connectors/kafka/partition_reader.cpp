#include <xxhash.h>
#include <algorithm>
#include <weir/connectors/kafka/errors.hpp>
#include <weir/connectors/kafka/partition_reader.hpp>

namespace weir::kafka {

std::uint64_t fingerprint_of(const record_view& r) {
  auto seed = static_cast<std::uint64_t>(r.time.us) * 2 + (r.value ? 1 : 0);
  auto h = r.key ? XXH3_64bits_withSeed(r.key->data(), r.key->size(), seed) : seed;
  return r.value ? XXH3_64bits_withSeed(r.value->data(), r.value->size(), h) : h;
}

kafka_partition_reader::kafka_partition_reader(std::shared_ptr<feed> f) : feed_(std::move(f)), next_(feed_->offset) {}

kafka_partition_reader::~kafka_partition_reader() {
  feed_->close();
  for (; begin_ != end_; ++begin_)
    rd_kafka_message_destroy(batch_[begin_]);
}

std::string kafka_partition_reader::where() const {
  return "partition " + std::to_string(feed_->partition) + " of topic '" + feed_->topic + "'";
}

std::int64_t kafka_partition_reader::high_watermark() const {
  std::int64_t low = RD_KAFKA_OFFSET_INVALID;
  std::int64_t high = RD_KAFKA_OFFSET_INVALID;
  if (feed_->consumer)
    rd_kafka_get_watermark_offsets(feed_->consumer->get(), feed_->topic.c_str(), feed_->partition, &low, &high);
  return high;
}

std::int64_t kafka_partition_reader::lag() const {
  auto high = high_watermark();
  return high < 0 ? -1 : std::max<std::int64_t>(0, high - next_);
}

bool kafka_partition_reader::refill(std::size_t wanted) {
  if (queue_error_.err) {
    take_error(queue_error_.err, queue_error_.text);
    queue_error_ = {};
    return false;
  }
  begin_ = end_ = 0;
  client::queue_error_trap trap(queue_error_);
  auto n = rd_kafka_consume_batch_queue(feed_->queue.get(), 0, batch_.data(), std::min(wanted, batch_capacity));
  end_ = n > 0 ? static_cast<std::size_t>(n) : 0;
  return end_ > 0;
}

result<poll_result> kafka_partition_reader::poll(std::size_t max_records, std::size_t max_bytes, record_consumer& out) {
  if (failed_)
    return *failed_;
  poll_result r;
  r.next_offset = next_;
  if (!feed_->queue)
    return r;
  max_records_ = std::max<std::size_t>(1, max_records);
  max_bytes_ = max_bytes;
  while (!failed_ && r.records < max_records_ && (r.records == 0 || r.bytes < max_bytes_)) {
    if (begin_ == end_ && !refill(max_records_ - r.records))
      break;
    // Only the last of a batch can be the last handed out before a second delivery.
    bool remember = end_ - begin_ <= recent_records::capacity;
    message_ptr m(batch_[begin_++]);
    take(*m, remember, r, out);
  }
  auto left = rd_kafka_queue_length(feed_->queue.get());
  watch_queue(left);
  r.next_offset = next_;
  r.more = begin_ != end_ || left > 0 || queue_error_.err || failed_;
  if (r.records > 0) {
    feed_->consumer->clear_trouble();
    in_trouble_ = false;
    reported_.reset();
    return r;
  }
  if (failed_)
    return *failed_;
  if (reported_) {
    auto e = std::move(*reported_);
    reported_.reset();
    return e;
  }
  auto t = feed_->consumer->trouble();
  if (t && !in_trouble_) {
    in_trouble_ = true;
    return feed_->consumer->unavailable(where() + " gets no records");
  }
  in_trouble_ = t.has_value();
  r.at_end = !r.more && eof_at_ == next_ && !t && high_watermark() == next_;
  return r;
}

std::int64_t kafka_partition_reader::following(std::int64_t offset) const {
  if (begin_ == end_ || batch_[begin_]->err != RD_KAFKA_RESP_ERR_NO_ERROR || batch_[begin_]->offset <= offset)
    return -1;
  return batch_[begin_]->offset;
}

bool kafka_partition_reader::take(const rd_kafka_message_t& m, bool remember, poll_result& r, record_consumer& out) {
  if (m.err == RD_KAFKA_RESP_ERR_NO_ERROR)
    return take_record(m, remember, r, out);
  if (m.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    if (m.offset > next_) {
      skipped_ += static_cast<std::uint64_t>(m.offset - next_);
      next_ = m.offset;
    }
    eof_at_ = m.offset;
    feed_->consumer->clear_trouble();
    return true;
  }
  take_error(m.err, rd_kafka_message_errstr(&m));
  return !failed_;
}

bool kafka_partition_reader::take_record(const rd_kafka_message_t& m, bool remember, poll_result& r, record_consumer& out) {
  auto v = view_of(m, headers_);
  if (m.offset < next_) {
    if (recent_.holds(m.offset, fingerprint_of(v))) {
      ++duplicates_;
      return true;
    }
    failed_ = error{errc::out_of_range, where() + ": a record came at offset " + std::to_string(m.offset) + " after " +
                                            std::to_string(next_ - 1) +
                                            " was read, and it is not the one read before: the topic was truncated or made anew"};
    return false;
  }
  skipped_ += static_cast<std::uint64_t>(m.offset - next_);
  next_ = m.offset + 1;
  if (remember)
    recent_.add(m.offset, fingerprint_of(v));
  auto bytes = m.len + m.key_len;
  ++r.records;
  r.bytes += bytes;
  mean_bytes_ = (mean_bytes_ * 15 + bytes) / 16;
  if (r.records < max_records_ && r.bytes < max_bytes_)
    v.following = following(m.offset);
  out.consume(v);
  return true;
}

void kafka_partition_reader::take_error(rd_kafka_resp_err_t err, const std::string& text) {
  auto e = make_error(err, where(), text);
  switch (e.code) {
    case errc::unavailable:
      reported_ = std::move(e);
      break;
    case errc::out_of_range:
      failed_ = error{e.code, where() + ": offset " + std::to_string(next_) +
                                  " is not in the topic any more (retention, or the topic was made anew) or not yet"};
      break;
    case errc::not_found:
    case errc::not_authorized:
    case errc::decode_failed:
    case errc::too_large:
    default:
      // A damaged batch is passed over by librdkafka: going on would lose its records.
      failed_ = std::move(e);
      break;
  }
}

void kafka_partition_reader::watch_queue(std::size_t left) {
  if (!feed_->nudge)
    return;
  auto bytes = left * std::max<std::size_t>(1, mean_bytes_);
  bool full = left >= feed_->queue_records || bytes + bytes / 8 >= feed_->queue_bytes;
  if (full) {
    was_full_ = true;
  } else if (was_full_ && left < feed_->queue_records / 2 && bytes < feed_->queue_bytes / 2) {
    was_full_ = false;
    feed_->nudge->request(feed_->topic, feed_->partition);
  }
}

} // namespace weir::kafka
