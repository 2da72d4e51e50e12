#pragma once
#include <csignal>
#include <string>
#include <string_view>

namespace weir {

/// While it lives, SIGINT and SIGTERM do not end the process but make `fd` readable, and SIGPIPE is ignored so that a reader
/// that goes away shows as an error of the write. One at a time; made and destroyed by one thread.
class log_interruption {
 public:
  log_interruption();
  ~log_interruption();
  log_interruption(const log_interruption&) = delete;
  log_interruption& operator=(const log_interruption&) = delete;

  /// An eventfd: readable after a signal or `wake`.
  [[nodiscard]] int fd() const;
  [[nodiscard]] bool stopped() const;
  /// Makes `fd` readable. Any thread.
  void wake();
  /// Takes back what `wake` did.
  void drain();

 private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
  struct sigaction before_pipe_ {};
};

/// Buffered standard output that notices when nobody reads any more.
class log_output {
 public:
  explicit log_output(log_interruption& signals) : signals_(signals) {}
  [[nodiscard]] std::string& buffer() { return buffer_; }
  /// Writes the buffer, waiting for a slow reader. False: the reader is gone or a signal came; stop.
  bool flush();
  /// Whether the reader has closed its end, without writing.
  [[nodiscard]] static bool reader_gone();

 private:
  log_interruption& signals_;
  std::string buffer_;
};

} // namespace weir
