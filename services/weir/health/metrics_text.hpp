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

/// Events that wait behind parked keys, the failed ones among them.
[[nodiscard]] std::uint64_t parked_events(const job_status& s);
/// Operators with a task that is in one handler for over a second.
[[nodiscard]] std::size_t stuck_handlers(const job_status& s);

} // namespace weir
