#include "tests/e2e/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <deque>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace weir::e2e {
namespace {

void redirect(const std::filesystem::path& file, int flags, int to) {
  const int fd = ::open(file.empty() ? "/dev/null" : file.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0 || ::dup2(fd, to) < 0)
    ::_exit(127);
}

} // namespace

std::string process_end::text() const {
  if (signal == SIGKILL)
    return "killed";
  return signal != 0 ? "signal " + std::to_string(signal) : "exit code " + std::to_string(exit_code);
}

process::process(const setup& s) {
  std::vector<char*> arguments;
  for (const auto& a : s.command)
    arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> environment;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    if (!s.environment.contains(entry.substr(0, entry.find('='))))
      environment.push_back(entry);
  }
  for (const auto& [name, value] : s.environment)
    environment.push_back(name + "=" + value);
  std::vector<char*> environment_pointers;
  for (auto& e : environment)
    environment_pointers.push_back(e.data());
  environment_pointers.push_back(nullptr);

  const auto parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0)
    throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    // No process of a test outlives it, however it ends.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int n : s.namespaces)
      if (::setns(n, 0) != 0)
        ::_exit(127);
    if (::getppid() != parent || (!s.directory.empty() && ::chdir(s.directory.c_str()) != 0))
      ::_exit(127);
    redirect(s.input, O_RDONLY, 0);
    redirect(s.output, O_WRONLY | O_CREAT | O_APPEND, 1);
    redirect(s.errors, O_WRONLY | O_CREAT | O_APPEND, 2);
    ::execve(arguments[0], arguments.data(), environment_pointers.data());
    ::_exit(127);
  }
  pid_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (pid_fd_ < 0) {
    const auto cause = errno;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    throw std::system_error(cause, std::generic_category(), "pidfd_open");
  }
}

process::~process() {
  if (!end_) {
    signal(SIGKILL);
    static_cast<void>(wait(std::chrono::hours(1)));
  }
  ::close(pid_fd_);
}

std::optional<process_end> process::wait(std::chrono::milliseconds limit) {
  if (end_)
    return end_;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  pollfd ended{pid_fd_, POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    const int n = ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (n == 0)
      return std::nullopt;
    if (n < 0 && errno == EINTR)
      continue;
    int status = 0;
    if (n < 0 || ::waitpid(pid_, &status, 0) != pid_)
      throw std::system_error(errno, std::generic_category(), "waiting for a process");
    end_.emplace();
    if (WIFEXITED(status))
      end_->exit_code = WEXITSTATUS(status);
    else
      end_->signal = WTERMSIG(status);
    return end_;
  }
}

void process::signal(int number) const {
  if (!end_)
    ::kill(pid_, number);
}

void run_to_end(const process::setup& s, std::chrono::milliseconds limit) {
  process p(s);
  const auto end = p.wait(limit);
  if (!end || end->exit_code != 0) {
    std::string command;
    for (const auto& a : s.command)
      command += a + " ";
    throw std::runtime_error(command +
                             (end ? "ended with " + end->text() : "did not end in " + std::to_string(limit.count()) + " ms") +
                             ": " + tail(s.errors, 3));
  }
}

std::string tail(const std::filesystem::path& file, std::size_t lines) {
  std::deque<std::string> last;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    last.push_back(std::move(line));
    if (last.size() > lines)
      last.pop_front();
  }
  std::string out;
  for (const auto& line : last)
    out += (out.empty() ? "" : "\n") + line;
  return out;
}

} // namespace weir::e2e
