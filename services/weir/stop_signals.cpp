#include "services/weir/stop_signals.hpp"
#include <fcntl.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <system_error>

namespace weir {
namespace {

std::atomic<int> write_end{-1};

// Async-signal-safe: one write, errno kept. A full pipe holds more requests than anyone reads.
void on_signal(int) {
  int saved = errno;
  char stop = 's';
  if (int fd = write_end.load(); fd >= 0)
    (void)!::write(fd, &stop, 1);
  errno = saved;
}

} // namespace

stop_signals::~stop_signals() { stop_signals::unwatch(); }

void stop_signals::watch(std::function<void()> first, std::function<void()> second) {
  unwatch();
  if (::pipe2(pipe_, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe for signals");
  ::fcntl(pipe_[1], F_SETFL, O_NONBLOCK);
  write_end.store(pipe_[1]);
  thread_ = std::thread([fd = pipe_[0], first = std::move(first), second = std::move(second)] {
    int requests = 0;
    char byte = 0;
    for (;;) {
      auto n = ::read(fd, &byte, 1);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0 || byte == 'q')
        return;
      ++requests;
      if (requests == 1)
        first();
      else if (requests == 2)
        second();
    }
  });
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &before_int_);
  ::sigaction(SIGTERM, &action, &before_term_);
}

void stop_signals::unwatch() {
  if (!thread_.joinable())
    return;
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
  write_end.store(-1);
  char quit = 'q';
  while (::write(pipe_[1], &quit, 1) < 0 && (errno == EINTR || errno == EAGAIN)) {
  }
  thread_.join();
  ::close(pipe_[0]);
  ::close(pipe_[1]);
  pipe_[0] = pipe_[1] = -1;
}

} // namespace weir
