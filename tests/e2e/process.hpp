#pragma once
#include <sys/types.h>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::e2e {

/// How a process ended.
struct process_end {
  int exit_code = -1; ///< -1 if a signal ended it.
  int signal = 0;

  [[nodiscard]] std::string text() const;
};

/// A child process: killed when this object goes, or when this process dies. One thread at a time.
class process {
 public:
  struct setup {
    std::vector<std::string> command;               ///< The program's path and its arguments.
    std::map<std::string, std::string> environment; ///< Added to ours.
    std::filesystem::path directory;                ///< To run in; empty: ours.
    std::filesystem::path input;                    ///< Standard input; empty: nothing to read.
    std::filesystem::path output;                   ///< Standard output, appended to; empty: thrown away.
    std::filesystem::path errors;                   ///< Standard error, appended to; empty: thrown away.
    std::vector<int> namespaces = {};               ///< To run in, as open files (setns).
  };

  /// Throws std::system_error if it cannot be started.
  explicit process(const setup& s);
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  /// The end, once it came; waits up to `limit` for it.
  [[nodiscard]] std::optional<process_end> wait(std::chrono::milliseconds limit);
  /// No effect on an ended process.
  void signal(int number) const;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  std::optional<process_end> end_;
};

/// Runs to the end; throws std::runtime_error with the last lines of its errors if it fails or takes longer than `limit`.
void run_to_end(const process::setup& s, std::chrono::milliseconds limit);

/// The last `lines` lines of a file, or what there is.
[[nodiscard]] std::string tail(const std::filesystem::path& file, std::size_t lines);

} // namespace weir::e2e
