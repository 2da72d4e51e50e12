#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <weir/storage/directories.hpp>
#include <weir/storage/job_store.hpp>

namespace weir {
namespace {

class flock_store_lock final : public store_lock {
 public:
  explicit flock_store_lock(int fd) : fd_(fd) {}
  ~flock_store_lock() override { ::close(fd_); }

 private:
  int fd_;
};

/// "is running", "is stopped", or that it is gone: from the state letter in /proc/PID/status.
std::string process_state(long pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("State:", 0) != 0)
      continue;
    auto letter = line.find_first_not_of(" \t", 6);
    if (letter == std::string::npos)
      break;
    switch (line[letter]) {
      case 'T':
      case 't':
        return "which is stopped (kill -CONT " + std::to_string(pid) + " lets it go on, and it still owns the store)";
      case 'Z':
        return "which has ended but was not reaped yet";
      default:
        return "which is running";
    }
  }
  return "which is not visible from here (another container or namespace)";
}

} // namespace

namespace storage_detail {

result<> make_directories(const std::string& path) {
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    auto part = path.substr(0, at);
    if (part.empty() || ::mkdir(part.c_str(), 0700) == 0 || errno == EEXIST)
      continue;
    auto code = errno == ENOSPC ? errc::store_full : errc::unavailable;
    return error{code, "cannot make the directory '" + part + "': " + std::strerror(errno)};
  }
  return success();
}

} // namespace storage_detail

result<std::unique_ptr<store_lock>> lock_store(const std::string& directory) {
  WEIR_TRY(storage_detail::make_directories(directory));
  auto path = directory + "/weir.lock";
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return error{errc::unavailable, "cannot open '" + path + "': " + std::strerror(errno)};
  auto lock = std::make_unique<flock_store_lock>(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return error{errc::unavailable, "cannot lock '" + path + "': " + std::strerror(errno)};
    char text[32] = {};
    auto n = ::pread(fd, text, sizeof text - 1, 0);
    auto pid = n > 0 ? std::strtol(text, nullptr, 10) : 0;
    auto who = pid > 0 ? "process " + std::to_string(pid) + ", " + process_state(pid)
                       : std::string("a process that has not written its id yet");
    return error{errc::store_locked, "the store '" + directory + "' is held by " + who};
  }
  auto text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return error{errc::unavailable, "cannot write '" + path + "': " + std::strerror(errno)};
  return std::unique_ptr<store_lock>(std::move(lock));
}

} // namespace weir
