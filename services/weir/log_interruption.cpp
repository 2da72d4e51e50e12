#include "services/weir/log_interruption.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace weir {

namespace {

// What a signal handler may touch.
std::atomic<int> event{-1};
std::atomic<bool> stop{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  auto saved = errno;
  stop.store(true);
  std::uint64_t one = 1;
  // The counter cannot be full; and in a handler there is nobody to tell.
  [[maybe_unused]] auto n = ::write(event.load(), &one, sizeof one);
  errno = saved;
}

} // namespace

log_interruption::log_interruption() {
  event.store(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (event.load() < 0)
    std::abort();
  stop.store(false);
  struct sigaction a {};
  a.sa_handler = on_signal; // Without SA_RESTART: a blocked read or write returns.
  ::sigaction(SIGINT, &a, &before_int_);
  ::sigaction(SIGTERM, &a, &before_term_);
  a.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &a, &before_pipe_);
}

log_interruption::~log_interruption() {
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
  ::sigaction(SIGPIPE, &before_pipe_, nullptr);
  ::close(event.exchange(-1));
}

int log_interruption::fd() const { return event.load(); }

bool log_interruption::stopped() const { return stop.load(); }

void log_interruption::wake() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(event.load(), &one, sizeof one);
}

void log_interruption::drain() {
  std::uint64_t count = 0;
  [[maybe_unused]] auto n = ::read(event.load(), &count, sizeof count);
}

bool log_output::flush() {
  std::size_t at = 0;
  while (at < buffer_.size()) {
    auto n = ::write(STDOUT_FILENO, buffer_.data() + at, buffer_.size() - at);
    if (n > 0) {
      at += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EAGAIN) {
      pollfd p[] = {{STDOUT_FILENO, POLLOUT, 0}, {signals_.fd(), POLLIN, 0}};
      ::poll(p, 2, -1);
      if (!signals_.stopped())
        continue;
    }
    if (n < 0 && errno == EINTR && !signals_.stopped())
      continue;
    return false;
  }
  buffer_.clear();
  return !signals_.stopped();
}

bool log_output::reader_gone() {
  pollfd p{STDOUT_FILENO, 0, 0};
  return ::poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

} // namespace weir
