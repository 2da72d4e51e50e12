#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// What decides the partition of a key in Kafka's Java client: murmur2 of the key's bytes, without the sign. Any thread.
[[nodiscard]] std::uint32_t murmur2_of_key(std::string_view key);
/// The Java client's default partitioning: murmur2_of_key modulo `partitions`.
[[nodiscard]] std::int32_t murmur2_partition(std::string_view key, std::int32_t partitions);

/// One of the shards of a service, each a job of its own that may run on another node: it reads every `of`-th partition of each
/// topic, from `index` on. Where `of` divides the number of partitions, murmur2 modulo `of` is the shard of a key, whatever the
/// topic and however its partitions grow: so no row needs to go from one shard to another. Those of Akka's cluster sharding and
/// the tasks of Kafka Streams are the same idea.
struct service_shard {
  std::uint32_t index = 0;
  std::uint32_t of = 1;
  std::string service{}; ///< Its name in the configuration; empty: the job is the whole service.

  [[nodiscard]] bool whole() const { return of == 1; }
  /// The n-th of the partitions that it reads.
  [[nodiscard]] std::int32_t partition(std::size_t n) const { return static_cast<std::int32_t>(n * of + index); }
  /// Which of those a partition is. Precondition: it reads that one.
  [[nodiscard]] std::size_t place_of(std::int32_t partition) const { return static_cast<std::size_t>(partition) / of; }
  /// How many it reads of a topic with so many. Precondition: `of` divides that.
  [[nodiscard]] std::size_t count(std::int32_t partitions) const { return static_cast<std::size_t>(partitions) / of; }
  friend bool operator==(const service_shard&, const service_shard&) = default;
};

/// The name of one shard of a service, and of its job.
[[nodiscard]] std::string shard_name(const std::string& service, std::uint32_t index);
/// The shard of a key, by its bytes in topics.
[[nodiscard]] inline std::uint32_t shard_of_key(std::string_view key, std::uint32_t of) { return murmur2_of_key(key) % of; }

} // namespace weir
