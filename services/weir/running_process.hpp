#pragma once
#include "services/weir/commands.hpp"
#include "services/weir/health/http_client.hpp"

namespace weir {

/// A process that runs services, and what it said when it was asked.
struct running_process {
  http_request request; ///< As /api/v1/status was asked for.
  std::string status;   ///< The answer.
};

/// Asks the process that runs the file, or the one at the address (with the file's token, or without a file that of
/// WEIR_HEALTH_TOKEN). When it fails it has said why, and the code is not `done`: 2 for the command line and the file, 3 when
/// nobody answers. Blocks.
exit_code ask_process(const program& p, const file_options& source, const std::string& address, const program_seams& seams,
                      running_process& out);

/// An answer that is not 200 as an error: its code and, of ours, its sentence.
[[nodiscard]] error refusal_of(const std::string& address, const http_reply& reply);

} // namespace weir
