#pragma once
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// The answer of /api/v1/status for people: services, graph with rates and back pressure, watermarks, lag, checkpoints.
/// Pure. Errors: decode_failed when the text is no such answer.
result<std::string> status_text(std::string_view json);
/// Whether such an answer says that every service runs, or ended as it should. Errors: decode_failed.
result<bool> says_ready(std::string_view json);

} // namespace weir
