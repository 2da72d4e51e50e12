#pragma once
#include <span>
#include <string>
#include <vector>
#include "actors/runtime.hpp"

namespace weir {

/// Two snapshots of all jobs and the time between them, for rates; without an earlier one the rates are null.
struct status_snapshot {
  std::vector<job_status> jobs;
  duration monotonic{0};
};

/// The answer to /api/v1/status (docs/operations.md has its form): one JSON object. Pure.
[[nodiscard]] std::string status_json(const status_snapshot& now, const status_snapshot* before, timestamp time, int pid,
                                      const std::string& version);

/// The answer to /health/ready: {"status": "ready" | "unhealthy", "services": [{name, phase, reason}]}. Pure.
[[nodiscard]] std::string ready_json(std::span<const job_status> jobs);
[[nodiscard]] bool is_ready(std::span<const job_status> jobs);

} // namespace weir
