#include "actors/nodes/addresses.hpp"
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <thread>

namespace weir {
namespace {

using answer = result<std::vector<socket_address>>;

answer look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (auto r = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); r != 0)
    return error{errc::unavailable, host + ": " + ::gai_strerror(r)};
  std::vector<socket_address> all;
  for (auto* a = found; a != nullptr; a = a->ai_next) {
    socket_address s;
    std::memcpy(&s.storage, a->ai_addr, a->ai_addrlen);
    s.size = a->ai_addrlen;
    all.push_back(s);
  }
  ::freeaddrinfo(found);
  return all;
}

error system_error() { return {errc::unavailable, std::strerror(errno)}; }

void set(int fd, int level, int option) {
  int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

} // namespace

bool socket_address::loopback() const {
  if (storage.ss_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr) >> 24) == 127;
  return storage.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr);
}

result<std::vector<socket_address>> resolve(const std::string& host, std::uint16_t port, duration at_most) {
  if (auto number = look_up(host, port, AI_NUMERICHOST))
    return number;
  // getaddrinfo cannot be interrupted: it gets a thread that nobody waits for longer.
  auto promised = std::make_shared<std::promise<answer>>();
  auto future = promised->get_future();
  std::thread([promised, host, port] { promised->set_value(look_up(host, port, 0)); }).detach();
  if (future.wait_for(at_most) != std::future_status::ready)
    return error{errc::unavailable, host + ": the name was not resolved in time"};
  return future.get();
}

result<unique_fd> listen_at(const socket_address& at) {
  unique_fd fd(::socket(at.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd)
    return system_error();
  set(fd.value(), SOL_SOCKET, SO_REUSEADDR);
  if (::bind(fd.value(), reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0 || ::listen(fd.value(), SOMAXCONN) != 0)
    return system_error();
  return fd;
}

result<unique_fd> begin_connect(const socket_address& to) {
  unique_fd fd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd)
    return system_error();
  set(fd.value(), IPPROTO_TCP, TCP_NODELAY);
  if (::connect(fd.value(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0 && errno != EINPROGRESS)
    return system_error();
  return fd;
}

bool wait_for(int fd, short events, duration at_most) {
  pollfd p{fd, events, 0};
  auto ms = std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(at_most).count());
  return ::poll(&p, 1, static_cast<int>(ms)) > 0;
}

} // namespace weir
