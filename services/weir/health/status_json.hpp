#pragma once
#include <span>
#include <string>
#include <vector>
#include "actors/runtime.hpp"
#include "services/weir/health/http_rules.hpp"

namespace weir {

/// Two snapshots of all jobs and the time between them, for rates; without an earlier one the rates are null.
struct status_snapshot {
  std::vector<job_status> jobs;
  duration monotonic{0};
};

/// The answer to /api/v1/status (docs/operations.md has its form): one JSON object. Pure.
[[nodiscard]] std::string status_json(const status_snapshot& now, const status_snapshot* before, timestamp time, int pid,
                                      const std::string& version);

/// Most parked keys of a service that an answer lists, those parked for longest; its counts are of all.
inline constexpr std::size_t most_parked_keys = 1000;

/// The answer to /health/ready: {"status": "ready" | "degraded" | "unhealthy", "services": [{name, phase, reason, parked_keys,
/// stuck_handlers}]}. Pure.
[[nodiscard]] std::string ready_json(std::span<const job_status> jobs);
/// All services run or ended as they should.
[[nodiscard]] bool is_ready(std::span<const job_status> jobs);
/// A key is parked or a handler stuck. Such a process is still ready: a restart would mend neither, and all other keys go on.
[[nodiscard]] bool is_degraded(std::span<const job_status> jobs);

/// The answer to an order that was carried out.
[[nodiscard]] std::string released_json(const parked_place& place, unpark how);

} // namespace weir
