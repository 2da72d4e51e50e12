#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>
#include <weir/graph/plan.hpp>

namespace weir {

/// The sources of a job that share one consumer, all on one connection.
struct source_consumer {
  std::string connection;
  std::vector<std::string> sources; ///< Names of source vertices, in plan order; never empty.
};

/// Which sources of the plan share a consumer: those of a connection, as long as they read different topics. A consumer has
/// one position in a partition, so every further source of a topic is with the next consumer of its connection. Pure; the
/// same plan gives the same consumers.
[[nodiscard]] std::vector<source_consumer> source_consumers(const job_plan& plan);

/// What a consumer group shows of a topic that several sources of the job read: per partition the lowest of their next
/// offsets, so that no record counts as read that one of them has still to read. `next` is by source vertex and partition.
[[nodiscard]] std::map<std::int32_t, std::int64_t> lowest_offsets(
    const std::map<std::string, std::map<std::int32_t, std::int64_t>>& next, const std::vector<std::string>& sources);

} // namespace weir
