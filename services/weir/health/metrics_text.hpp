#pragma once
#include <span>
#include <string>
#include <string_view>
#include "actors/runtime.hpp"
#include "services/weir/health/http_server.hpp"

namespace weir {

/// What Linux knows of this process; zero where it does not say.
struct process_figures {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_files = 0;
  timestamp started;
};
/// Reads /proc; `started` is left alone.
[[nodiscard]] process_figures process_now();

/// The answer to /metrics. Pure.
[[nodiscard]] std::string metrics_text(std::span<const job_status> jobs, const process_figures& process, const http_counts& http,
                                       std::string_view version);

/// Running, or ended as it should: everything else needs somebody to look, or time.
[[nodiscard]] bool is_healthy(job_phase phase);

} // namespace weir
