#pragma once
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/operators/chain.hpp>
#include <weir/record/value_codec.hpp>

namespace weir::detail {

/// Whether a row is in the shard of its key, given by its bytes in topics. Errors: incompatible, naming the operator, whatever
/// its error policy is: the state of one key would be in two shards.
result<> check_shard(const chain_context& c, const std::string& op, std::string_view key, const row_meta& row);

/// The same for a key, whose bytes go to `bytes`. One without a form in topics is in no topic, and so in no shard.
template <class Key>
result<> check_key(const chain_context& c, const std::string& op, const Key& key, const row_meta& row, std::string& bytes) {
  bytes.clear();
  WEIR_TRY(encode_topic_key(key, record_key_format<Key>(), bytes));
  return check_shard(c, op, bytes, row);
}

} // namespace weir::detail
