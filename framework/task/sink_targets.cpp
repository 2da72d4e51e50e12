#include <weir/storage/job_store.hpp>
#include <weir/task/sink_targets.hpp>

namespace weir {

result<> check_writable(const destination& to, const encoded_record& r) {
  auto size = (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0) + r.packed_headers.size();
  // A record batch of one record adds at most this much to key, value and headers (KIP-98 message format).
  constexpr std::size_t framing = 100;
  if (to.topic.max_record_bytes > 0 && size + framing > to.topic.max_record_bytes)
    return error{errc::too_large,
                 "a record of " + std::to_string(size) + " bytes is above the limit of topic '" + to.topic.topic + "' (" +
                     std::to_string(to.topic.max_record_bytes) +
                     " bytes); raise max.message.bytes of the topic or choose another error policy for the sink"};
  if (to.topic.compacted && !r.key)
    return error{errc::invalid_argument,
                 "topic '" + to.topic.topic + "' is compacted: a record without a key cannot be written to it"};
  return success();
}

namespace {
std::int32_t partition_for(const destination& to, const encoded_record& r) {
  const auto partitions = to.topic.partitions;
  if (r.key_group)
    return static_cast<std::int32_t>(task_of(r.key_group->group, r.key_group->groups, static_cast<std::uint32_t>(partitions)));
  return to.partitioner->partition_for(r.key, partitions);
}
} // namespace

result<> outbox_sink::write(const encoded_record& r) {
  WEIR_TRY(check_writable(to_, r));
  outbox_record o;
  o.connection = to_.connection;
  o.topic = to_.topic.topic;
  o.partition = partition_for(to_, r);
  o.key = r.key;
  o.value = r.value;
  o.packed_headers = r.packed_headers;
  o.time_ms = r.time.ms();
  encode_outbox(o, chunk_);
  ++records_;
  if (chunk_.size() >= chunk_bytes_) {
    stage_(std::move(chunk_));
    chunk_.clear();
  }
  return success();
}

result<bool> outbox_sink::seal() {
  if (!chunk_.empty()) {
    stage_(std::move(chunk_));
    chunk_.clear();
  }
  return true;
}

result<> direct_sink::write(const encoded_record& r) {
  WEIR_TRY(check_writable(to_, r));
  auto partition = partition_for(to_, r);
  ++records_;
  if (waiting_.empty()) {
    auto sent = producer_->send({to_.topic.topic, partition, r.key, r.value, r.packed_headers, r.time.ms()});
    if (!sent)
      return sent.err();
    if (*sent)
      return success();
  }
  kept k{partition, std::nullopt, std::nullopt, std::string(r.packed_headers), r.time.ms()};
  if (r.key)
    k.key.emplace(*r.key);
  if (r.value)
    k.value.emplace(*r.value);
  waiting_.push_back(std::move(k));
  return success();
}

result<> direct_sink::retry() {
  while (!waiting_.empty()) {
    auto& k = waiting_.front();
    auto sent = producer_->send({to_.topic.topic, k.partition, k.key, k.value, k.headers, k.time_ms});
    if (!sent)
      return sent.err();
    if (!*sent)
      return success();
    waiting_.pop_front();
    if (before_barrier_ > 0 && --before_barrier_ == 0)
      mark_ = producer_->sent_mark();
  }
  return success();
}

void direct_sink::at_barrier() {
  before_barrier_ = waiting_.size();
  mark_.reset();
  if (before_barrier_ == 0)
    mark_ = producer_->sent_mark();
}

result<bool> direct_sink::seal() {
  WEIR_TRY(retry());
  if (!mark_)
    return false;
  if (!wait_)
    return true;
  return producer_->flushed_through(*mark_);
}

} // namespace weir
