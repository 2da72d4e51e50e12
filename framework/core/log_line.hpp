#pragma once
#include <span>
#include <string>
#include <string_view>
#include <weir/core/logger.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// What one line of the log says; views are valid during the call it is passed to.
struct log_line {
  timestamp at;
  log_level level = log_level::info;
  std::string_view service;
  std::string_view op;
  int subtask = -1; ///< Below 0: none.
  std::string_view message;
  std::span<const log_field> fields;
};

[[nodiscard]] std::string_view to_string(log_level level);

/// `time level service operator subtask message key=value…`, one line without its end. Names and values that hold a
/// blank, a quote, '=' or a control character are quoted as in JSON; control characters in the message are escaped,
/// so that no record can forge a line.
[[nodiscard]] std::string to_text(const log_line& line);

/// `{"time":…,"level":…,"service":…,"operator":…,"subtask":N|null,"message":…,"fields":{…}}`; bytes that are not
/// UTF-8 become U+FFFD.
[[nodiscard]] std::string to_json(const log_line& line);

/// RFC 3339 in UTC with milliseconds: 2026-01-01T00:00:00.250Z.
[[nodiscard]] std::string log_time(timestamp at);

/// Appends `text` between quotes, escaped as JSON; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

} // namespace weir
