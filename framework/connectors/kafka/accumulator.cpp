#include <algorithm>
#include <weir/connectors/kafka/accumulator.hpp>
#include <weir/connectors/kafka/enqueue.hpp>

namespace weir::kafka {
namespace {

/// Of librdkafka's batch.num.messages.
constexpr std::size_t batch_records = 10'000;
constexpr unsigned lane_bits = 24;

void* opaque_of(std::size_t lane, std::uint64_t generation) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka carries a number as a pointer of the application.
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(generation << lane_bits | lane));
}

/// What a delivery report tells of a record's size again.
std::size_t payload_of(const output_record& r) { return (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0); }

} // namespace

std::size_t accumulator::lane_of(rd_kafka_topic_t* topic, const output_record& r) {
  auto [it, fresh] = lane_index_.try_emplace({topic, r.partition}, lanes_.size());
  if (fresh) {
    auto& l = lanes_.emplace_back();
    l.topic = topic;
    l.name = r.topic;
    l.partition = r.partition;
  }
  return it->second;
}

bool accumulator::may_join(const lane& l) const {
  if (!l.waiting.empty())
    return false;
  // Until the linger is over the batch has not left.
  return l.handed == 0 ||
         (l.handed < batch_records && l.handed_bytes < options_.batch_bytes && clock::now() - l.since < options_.linger);
}

call_outcome accumulator::hand_over(std::size_t index, const output_record& r, std::uint64_t generation) {
  auto& l = lanes_[index];
  auto o = enqueue(producer_, l.topic, r, opaque_of(index, generation));
  if (!o.ok())
    return o;
  if (l.handed++ == 0) {
    l.since = clock::now();
    l.handed_bytes = 0;
  }
  l.handed_bytes += payload_of(r) + r.packed_headers.size();
  return o;
}

void accumulator::keep(lane& l, const output_record& r, std::uint64_t generation) {
  auto size = [](const std::optional<std::string_view>& v) { return v ? static_cast<std::int32_t>(v->size()) : -1; };
  l.waiting.push_back({generation, r.time_ms, size(r.key), size(r.value), static_cast<std::uint32_t>(r.packed_headers.size())});
  if (r.key)
    l.bytes.append(*r.key);
  if (r.value)
    l.bytes.append(*r.value);
  l.bytes.append(r.packed_headers);
  open_bytes_ += r.packed_headers.size();
}

void accumulator::release(std::size_t index) {
  auto& l = lanes_[index];
  if (l.handed > 0 || failed_)
    return;
  while (l.next < l.waiting.size() && l.handed < batch_records && (l.handed == 0 || l.handed_bytes < options_.batch_bytes)) {
    const auto& k = l.waiting[l.next];
    std::string_view rest(l.bytes);
    rest.remove_prefix(l.next_byte);
    auto part = [&rest](std::int32_t n) -> std::optional<std::string_view> {
      if (n < 0)
        return std::nullopt;
      auto v = rest.substr(0, static_cast<std::size_t>(n));
      rest.remove_prefix(v.size());
      return v;
    };
    output_record r;
    r.topic = l.name;
    r.partition = l.partition;
    r.key = part(k.key);
    r.value = part(k.value);
    r.packed_headers = rest.substr(0, k.headers);
    r.time_ms = k.time_ms;
    auto o = hand_over(index, r, k.generation);
    if (o.err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      if (l.handed == 0)
        blocked_.push_back(index);
      break;
    }
    if (!o.ok())
      return fail(o.err, l.partition, l.name, o.text);
    ++l.next;
    l.next_byte += payload_of(r) + k.headers;
    open_bytes_ -= k.headers;
  }
  if (l.next == l.waiting.size()) {
    l.waiting.clear();
    l.bytes.clear();
    l.next = l.next_byte = 0;
  }
}

void accumulator::fail(rd_kafka_resp_err_t err, std::int32_t partition, const std::string& topic, const std::string& text) {
  if (failed_)
    return;
  failed_ = make_error(err, "connection '" + connection_ + "': a record for partition " + std::to_string(partition) +
                                " of topic '" + topic + "' was not written" + (text.empty() ? "" : ": " + text));
}

result<bool> accumulator::send(rd_kafka_topic_t* topic, const output_record& r, std::uint64_t generation) {
  std::lock_guard lock(mutex_);
  if (failed_)
    return *failed_;
  auto bytes = payload_of(r);
  if (open_ > 0 && (open_ >= options_.queue_records || open_bytes_ + bytes + r.packed_headers.size() > options_.queue_bytes)) {
    waits_for_room_ = true;
    return false;
  }
  auto index = lane_of(topic, r);
  if (may_join(lanes_[index])) {
    auto o = hand_over(index, r, generation);
    if (o.err == RD_KAFKA_RESP_ERR__QUEUE_FULL && open_ > 0) {
      keep(lanes_[index], r, generation);
      blocked_.push_back(index);
    } else if (!o.ok()) {
      return {code_of(o.err), "connection '" + connection_ + "', topic '" + std::string(r.topic) + "': " + o.text};
    }
  } else {
    keep(lanes_[index], r, generation);
  }
  ++open_;
  open_bytes_ += bytes;
  ++open_of_[generation];
  return true;
}

void accumulator::settle(std::uint64_t generation, std::size_t bytes) {
  --open_;
  open_bytes_ -= bytes;
  auto it = open_of_.find(generation);
  if (--it->second == 0)
    open_of_.erase(it);
}

void accumulator::take(rd_kafka_event_t* event) {
  auto wake = false;
  {
    std::lock_guard lock(mutex_);
    while (const auto* m = rd_kafka_event_message_next(event)) {
      auto opaque = reinterpret_cast<std::uintptr_t>(m->_private);
      auto index = static_cast<std::size_t>(opaque & ((std::uintptr_t{1} << lane_bits) - 1));
      settle(opaque >> lane_bits, m->len + m->key_len);
      if (m->err)
        fail(m->err, m->partition, rd_kafka_topic_name(m->rkt), {});
      if (--lanes_[index].handed == 0)
        release(index);
    }
    for (auto index : std::exchange(blocked_, {}))
      release(index);
    if (waits_for_room_ && (failed_ || (open_ <= options_.queue_records / 2 && open_bytes_ <= options_.queue_bytes / 2))) {
      waits_for_room_ = false;
      wake = true;
    }
    if (waits_for_ && (failed_ || none_open_through(*waits_for_))) {
      waits_for_.reset();
      wake = true;
    }
  }
  if (wake)
    wake_();
}

result<bool> accumulator::acknowledged(std::uint64_t generation) {
  std::lock_guard lock(mutex_);
  if (failed_)
    return *failed_;
  if (none_open_through(generation))
    return true;
  waits_for_ = generation;
  return false;
}

} // namespace weir::kafka
