#include <weir/operators/shard_check.hpp>

namespace weir::detail {

result<> check_shard(const chain_context& c, const std::string& op, std::string_view key, const row_meta& row) {
  const auto right = shard_of_key(key, c.shard.of);
  if (right == c.shard.index)
    return success();
  std::string where;
  if (row.offset >= 0 && c.source_topics != nullptr && row.source < c.source_topics->size())
    where = " of '" + (*c.source_topics)[row.source] + "' partition " + std::to_string(row.partition) + ", offset " +
            std::to_string(row.offset) + ",";
  return error{errc::incompatible, "operator '" + op + "': the key of the row" + where + " belongs to shard " +
                                       std::to_string(right) + " of " + std::to_string(c.shard.of) + ", but came to shard " +
                                       std::to_string(c.shard.index) +
                                       ": the topic is not partitioned by this key as Kafka's Java client does it (murmur2). Put "
                                       "key_by(…).through(…) in front, let its producers use that partitioner, or run '" +
                                       c.shard.service + "' without shards"};
}

} // namespace weir::detail
