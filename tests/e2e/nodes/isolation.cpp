#include "tests/e2e/nodes/isolation.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>

namespace weir::e2e {
namespace {

constexpr int everything = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID;

void must(bool good, const char* what) {
  if (!good)
    throw std::system_error(errno, std::generic_category(), what);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return 3;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void set_flags(const char* device, short flags) {
  const int s = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(s >= 0, "a socket");
  ifreq r{};
  std::strncpy(r.ifr_name, device, IFNAMSIZ - 1);
  const bool good = ::ioctl(s, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags |= flags, ::ioctl(s, SIOCSIFFLAGS, &r) == 0);
  ::close(s);
  must(good, device);
}

void set_address(const char* device, unsigned long what, const std::string& address) {
  const int s = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(s >= 0, "a socket");
  ifreq r{};
  std::strncpy(r.ifr_name, device, IFNAMSIZ - 1);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  ::inet_pton(AF_INET, address.c_str(), &a.sin_addr);
  std::memcpy(&r.ifr_addr, &a, sizeof a);
  const bool good = ::ioctl(s, what, &r) == 0;
  ::close(s);
  must(good, "the address of a tun device");
}

// In a thread of its own: namespaces are a thread's.
void in_thread(const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace

std::string cannot_isolate() {
  if (::access("/dev/net/tun", R_OK | W_OK) != 0)
    return "there is no /dev/net/tun that may be opened";
  const auto child = ::fork();
  if (child == 0) {
    if (::unshare(everything) != 0)
      ::_exit(1);
    try {
      ::close(open_tun("10.77.0.1"));
    } catch (const std::exception&) {
      ::_exit(2);
    }
    ::_exit(0);
  }
  switch (wait_for(child)) {
    case 0:
      return "";
    case 1:
      return "namespaces may not be made here (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN, is needed)";
    default:
      return "no tun device can be made here";
  }
}

int run_isolated(const std::function<int()>& body) {
  must(::unshare(everything) == 0, "namespaces of our own");
  const auto child = ::fork();
  must(child >= 0, "fork");
  if (child > 0)
    return wait_for(child);
  // The first process of its namespace: the kernel ends all others there with it, and default actions of signals do not hold.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int s : {SIGINT, SIGTERM, SIGHUP})
    ::signal(s, [](int number) { ::_exit(128 + number); });
  int code = 3;
  try {
    must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
    must(::mount("proc", "/proc", "proc", 0, nullptr) == 0, "a /proc of our own");
    set_flags("lo", IFF_UP);
    code = body();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  std::fflush(stdout);
  ::_exit(code);
}

int open_tun(const std::string& address) {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  must(fd >= 0, "/dev/net/tun");
  ifreq r{};
  std::strncpy(r.ifr_name, "weir0", IFNAMSIZ - 1);
  r.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(fd, TUNSETIFF, &r) != 0) {
    const auto cause = errno;
    ::close(fd);
    throw std::system_error(cause, std::generic_category(), "a tun device");
  }
  set_address("weir0", SIOCSIFADDR, address);
  set_address("weir0", SIOCSIFNETMASK, "255.255.255.0");
  set_flags("weir0", IFF_UP);
  return fd;
}

node_space::node_space(const std::string& address, std::filesystem::path directory) : directory_(std::move(directory)) {
  in_thread([&] {
    must(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "the namespaces of a node");
    set_flags("lo", IFF_UP);
    tun_ = open_tun(address);
    must(::mount(directory_.c_str(), directory_.c_str(), nullptr, MS_BIND, nullptr) == 0, "a mount of the shared directory");
    net_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    mounts_ = ::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
    must(net_ >= 0 && mounts_ >= 0, "the namespaces of a node");
  });
}

node_space::~node_space() {
  for (const int fd : {net_, mounts_, tun_})
    if (fd >= 0)
      ::close(fd);
}

void node_space::set(folder f) {
  if (f == now_)
    return;
  const auto* at = directory_.c_str();
  in_thread([&] {
    must(::unshare(CLONE_FS) == 0 && ::setns(mounts_, CLONE_NEWNS) == 0, "the mounts of a node");
    // Busy while a file is open for writing, which is never for long.
    const auto remount = [&](unsigned long flags) {
      for (int tries = 0; ::mount(nullptr, at, nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) != 0; ++tries) {
        must(errno == EBUSY && tries < 5'000, "remounting the shared directory");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    };
    if (now_ == folder::read_only)
      remount(0);
    if (now_ == folder::gone)
      must(::umount2(at, MNT_DETACH) == 0, "uncovering the shared directory");
    if (f == folder::read_only)
      remount(MS_RDONLY);
    if (f == folder::gone)
      must(::mount("none", at, "tmpfs", MS_RDONLY, "size=4k") == 0, "covering the shared directory");
  });
  now_ = f;
}

} // namespace weir::e2e
