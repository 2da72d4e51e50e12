#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>

namespace weir::kafka {

/// Questions and orders to the cluster over any client. All block up to the time-out given; any thread.
/// Common errors: unavailable (with the reason librdkafka reported), not_authorized, not_found.
struct admin {
  const client& over;
  std::chrono::milliseconds timeout;

  [[nodiscard]] result<std::string> cluster_id() const;
  /// Partitions, size limit and cleanup policy. Without the right to read the topic's configuration the limit is 0
  /// and the topic counts as not compacted.
  [[nodiscard]] result<topic_description> describe(const std::string& topic) const;
  /// Creates the topic and waits until every partition has a leader; one that exists already is described.
  [[nodiscard]] result<topic_description> ensure(const std::string& topic, int partitions, int replication,
                                                 const std::map<std::string, std::string>& config) const;
  struct range {
    std::int64_t low = 0;
    std::int64_t high = 0;
  };
  /// First offset, and the end under the client's isolation level: last stable offset (read_committed) or high watermark.
  [[nodiscard]] result<range> offsets(const std::string& topic, std::int32_t partition) const;
  /// First offset whose time stamp is at or after `ms`, or -1.
  [[nodiscard]] result<std::int64_t> offset_at(const std::string& topic, std::int32_t partition, std::int64_t ms) const;
  /// The offset committed by the client's group (its group.id), or -1. Waits for the group's coordinator, and for the end of a
  /// transaction with its offsets.
  [[nodiscard]] result<std::int64_t> committed(const std::string& topic, std::int32_t partition) const;

 private:
  [[nodiscard]] result<> create(const std::string& topic, int partitions, int replication,
                                const std::map<std::string, std::string>& config) const;
  [[nodiscard]] result<std::int32_t> partitions_of(const std::string& topic, bool with_leaders) const;
  [[nodiscard]] result<> read_limits(topic_description& d) const;
  [[nodiscard]] error failed(rd_kafka_resp_err_t err, const std::string& what) const;
};

} // namespace weir::kafka
