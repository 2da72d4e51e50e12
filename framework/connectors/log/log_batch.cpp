#include <algorithm>
#include <weir/connectors/log/detail/format.hpp>
#include <weir/connectors/log/embedded_log.hpp>

namespace weir {

result<> log_batch::add(const log_topic& topic, const output_record& r) {
  if (r.partition < 0 || r.partition >= topic.options.partitions)
    return {errc::invalid_argument, "topic '" + topic.name + "' has no partition " + std::to_string(r.partition)};
  if (topic.options.compacted && !r.key)
    return {errc::invalid_argument, "topic '" + topic.name + "' is compacted: its records need a key"};
  auto size = (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0) + r.packed_headers.size();
  if (size > topic.options.max_record_bytes)
    return {errc::too_large, "record of " + std::to_string(size) + " bytes; topic '" + topic.name + "' takes " +
                                 std::to_string(topic.options.max_record_bytes)};
  auto where = static_cast<std::uint64_t>(topic.id) << 32 | static_cast<std::uint32_t>(r.partition);
  auto [it, made] = index_.try_emplace(where, parts_.size());
  if (made)
    parts_.push_back({topic, r.partition, {}});
  auto& chunks = parts_[it->second].chunks;
  if (chunks.empty() || topic.options.compacted || chunks.back().bytes.size() >= log_detail::chunk_target_bytes)
    chunks.push_back({{}, 0, r.time_ms, r.time_ms, {}});
  auto& c = chunks.back();
  auto before = c.bytes.size();
  log_detail::append_record(c.bytes, r, c.base_time_ms);
  c.max_time_ms = std::max(c.max_time_ms, r.time_ms);
  ++c.count;
  if (topic.options.compacted)
    c.key = *r.key;
  bytes_ += c.bytes.size() - before;
  ++records_;
  return success();
}

void log_batch::clear() {
  parts_.clear();
  index_.clear();
  records_ = 0;
  bytes_ = 0;
}

} // namespace weir
