#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <string>

namespace log_test {

/// A child process that runs a function and exits with what it returns. Forked while no log is open here: an LMDB
/// environment must not be carried over.
class child {
 public:
  explicit child(const std::function<int()>& body) {
    // Else the child writes again, to its own output, what the test program has not written yet.
    std::cout.flush();
    pid_ = ::fork();
    if (pid_ == 0)
      ::_exit(body());
  }
  ~child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  void signal(int number) const { ::kill(pid_, number); }
  /// Exit code, or minus the signal that ended it.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_ = -1;
};

struct outcome {
  int code = 0;
  std::string out;
  std::string err;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void redirect(int fd, const std::string& path, int flags) {
  auto file = ::open(path.c_str(), flags, 0600);
  if (file < 0 || ::dup2(file, fd) < 0)
    ::_exit(99);
}

/// Runs a command of the program in a child, as a shell would: `in` as standard input, both outputs caught.
inline outcome run(const std::string& scratch, const std::string& in, const std::function<int()>& command) {
  std::ofstream(scratch + "/in", std::ios::binary) << in;
  child c([&] {
    redirect(0, scratch + "/in", O_RDONLY);
    redirect(1, scratch + "/out", O_WRONLY | O_CREAT | O_TRUNC);
    redirect(2, scratch + "/err", O_WRONLY | O_CREAT | O_TRUNC);
    return command();
  });
  auto code = c.wait();
  return {code, slurp(scratch + "/out"), slurp(scratch + "/err")};
}

/// A pipe whose ends close with the object.
struct pipe_ends {
  pipe_ends() {
    int both[2];
    if (::pipe2(both, O_CLOEXEC) != 0)
      std::abort();
    read = both[0];
    write = both[1];
  }
  ~pipe_ends() {
    close_read();
    close_write();
  }
  void close_read() {
    if (read >= 0)
      ::close(read);
    read = -1;
  }
  void close_write() {
    if (write >= 0)
      ::close(write);
    write = -1;
  }
  int read = -1;
  int write = -1;
};

} // namespace log_test
