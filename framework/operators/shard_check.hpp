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

/// The same for the keys of a batch, by `key_of(value)`. A row on which that throws is left to who calls it next; a key without
/// a form in topics cannot be in the right shard.
template <class T, class Key>
result<> check_shard(const chain_context& c, const std::string& op, const batch<T>& rows, Key& key_of) {
  std::string bytes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bytes.clear();
    try {
      const auto& key = std::invoke(key_of, rows.values[i]);
      WEIR_TRY(encode_topic_key(key, record_key_format<std::remove_cvref_t<decltype(key)>>(), bytes));
    } catch (...) {
      continue;
    }
    WEIR_TRY(check_shard(c, op, bytes, rows.meta[i]));
  }
  return success();
}

} // namespace weir::detail
