#pragma once
#include <weir/graph/stream.hpp>

namespace weir {

/// Repartitions by key through a topic instead of channels between tasks (as KIP-221 does for Kafka Streams): a sink `<name>.out`
/// writes each row under its key, a source `<name>` reads them back. Partition p of n stands for the p-th range of the key
/// groups, so that behind another key_by with the same key and n tasks each task takes from one partition only. In a service of
/// several shards the partition is the key's by murmur2, as in every topic: that is how rows come to the shard of their key.
///
/// The stream returned is one of a source: it has the order per key, event time as the topic's time stamp (milliseconds), and no
/// watermark. Say event_time() again, with a bound that covers how far the writers are apart, and key_by() again. Rows appear
/// when their checkpoint is complete. The topic is the job's own: no other may write to it, and it must keep its rows for longer
/// than the job may stand still. A job with it has no end: bounded sources and `--until-end` are refused.
template <class K, class T, class Key>
stream<T> keyed_stream<K, T, Key>::through(std::string name, topic<T> by, through_options options) const {
  static_assert(!std::is_same_v<T, raw_record>, "through() writes rows under the key of key_by: decode raw records before");
  if (options.partitions < 1)
    graph_->problem("operator '" + name + "': through() needs at least one partition");
  graph_node out;
  out.name = name + ".out";
  out.label = "through";
  out.kind = node_kind::sink;
  out.inputs = from_;
  out.sink = {by.at, options.guarantee, options.partitions};
  out.errors = std::move(options.errors);
  out.needs_raw = out.errors.action == error_action::dead_letter;
  out.make = [key = key_](const graph_node& self, bool) -> std::unique_ptr<chain_operator> {
    sink_operator_options<T> o;
    o.on_error = self.errors.policy();
    o.key = [key](const T& row, std::string& bytes) -> result<bool> {
      WEIR_TRY(encode_topic_key(std::invoke(key, row), detail::record_key_format<K>(), bytes));
      return true;
    };
    o.by_key_group = true;
    return std::make_unique<sink_operator<T>>(self.name, std::move(o));
  };
  const auto written_by = out.name;
  graph_->add(std::move(out));

  graph_node in;
  in.name = std::move(name);
  in.label = "source";
  in.kind = node_kind::source;
  in.outputs.push_back(detail::output_of<T>());
  in.source = {std::move(by.at), start_earliest{}, false, options.gone, {}, written_by};
  in.make = [](const graph_node& self, bool keep_raw) -> std::unique_ptr<chain_operator> {
    return std::make_unique<source_operator<T>>(self.name,
                                                source_operator_options{self.errors.action, tombstones::refuse, keep_raw, {}});
  };
  return stream<T>(graph_, {{graph_->add(std::move(in)), 0}});
}

} // namespace weir
