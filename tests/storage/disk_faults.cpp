#include "tests/storage/disk_faults.hpp"
#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <mutex>

namespace disk_faults {
namespace {

struct armed_fault {
  call which = call::write;
  std::string file;
  unsigned nth = 0, seen = 0, failed = 0;
  int error = 0;
  bool lasting = false;
};
std::mutex mutex; ///< Guards `fault`.
armed_fault fault;
std::atomic<bool> armed{false};

/// The error of this call; 0: it goes through.
int error_of(call which, int fd) {
  if (!armed.load(std::memory_order_relaxed))
    return 0;
  char path[4096];
  auto n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  std::lock_guard lock(mutex);
  if (!armed || which != fault.which || n <= 0 || !std::string(path, static_cast<std::size_t>(n)).ends_with(fault.file))
    return 0;
  ++fault.seen;
  if (fault.seen != fault.nth && !(fault.lasting && fault.seen > fault.nth))
    return 0;
  ++fault.failed;
  return fault.error;
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

} // namespace

void arm(call which, const std::string& file, unsigned nth, int error, bool lasting) {
  std::lock_guard lock(mutex);
  fault = {which, file, nth, 0, 0, error, lasting};
  armed = true;
}

unsigned disarm() {
  std::lock_guard lock(mutex);
  armed = false;
  return fault.failed;
}

} // namespace disk_faults

// Each fails like the real one: -1, errno, nothing written.
#define WEIR_DISK_CALL(kind, result_type, name, parameters, arguments)                \
  extern "C" result_type name parameters {                                            \
    static auto* const real = disk_faults::next<result_type(*) parameters>(#name);    \
    if (int error = disk_faults::error_of(disk_faults::call::kind, fd); error != 0) { \
      errno = error;                                                                  \
      return -1;                                                                      \
    }                                                                                 \
    return real arguments;                                                            \
  }
WEIR_DISK_CALL(write, ssize_t, pwrite, (int fd, const void* from, size_t n, off_t at), (fd, from, n, at))
WEIR_DISK_CALL(write, ssize_t, write, (int fd, const void* from, size_t n), (fd, from, n))
WEIR_DISK_CALL(write, ssize_t, writev, (int fd, const struct iovec* from, int n), (fd, from, n))
WEIR_DISK_CALL(sync, int, fdatasync, (int fd), (fd))
WEIR_DISK_CALL(sync, int, fsync, (int fd), (fd))
