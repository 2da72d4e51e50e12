#pragma once
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

enum class log_level { trace, debug, info, warning, error, off };

/// A key and its value as they appear behind a message: `key=value`.
struct log_field {
  log_field(std::string_view k, std::string_view v) : key(k), value(v) {}
  log_field(std::string_view k, const std::string& v) : key(k), value(v) {}
  log_field(std::string_view k, const char* v) : key(k), value(v) {}
  log_field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  template <class T>
  requires std::is_arithmetic_v<T> log_field(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
  std::string key;
  std::string value;
};

/// Writes lines `time level service operator subtask message key=value` (or JSON) to standard error. Cheap to copy.
/// Any thread may call; a call may block for the write. Secrets never come here: they are redacted where config is read.
class logger {
 public:
  logger() = default;
  /// A logger whose lines carry these names ("-" for none).
  logger(std::string service, std::string op, int subtask);

  void log(log_level level, std::string_view message, std::initializer_list<log_field> fields = {}) const;
  void debug(std::string_view m, std::initializer_list<log_field> f = {}) const { log(log_level::debug, m, f); }
  void info(std::string_view m, std::initializer_list<log_field> f = {}) const { log(log_level::info, m, f); }
  void warning(std::string_view m, std::initializer_list<log_field> f = {}) const { log(log_level::warning, m, f); }
  void error(std::string_view m, std::initializer_list<log_field> f = {}) const { log(log_level::error, m, f); }

  [[nodiscard]] logger for_operator(std::string op, int subtask) const;

 private:
  std::string service_ = "-";
  std::string operator_ = "-";
  int subtask_ = -1;
};

enum class log_format { text, json };
/// Sets the process-wide level and format; before threads are started.
void configure_logging(log_level level, log_format format);
/// While set, called with each finished line instead of writing it (tests; the live line of `weir run`).
void redirect_log(void (*sink)(std::string_view line));

} // namespace weir
