#pragma once
#include <sys/socket.h>
#include <string>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>
#include "actors/nodes/secure_socket.hpp"

namespace weir {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] bool loopback() const;
};

/// What a name stands for. Blocks for `at_most`; a resolver that takes longer goes on by itself and is not waited for. Errors:
/// unavailable.
result<std::vector<socket_address>> resolve(const std::string& host, std::uint16_t port, duration at_most);

/// A socket that listens at the address, non-blocking. Errors: unavailable.
result<unique_fd> listen_at(const socket_address& at);

/// A socket whose connecting was begun, non-blocking. Errors: unavailable.
result<unique_fd> begin_connect(const socket_address& to);

/// Waits for events of poll() on one descriptor. False: not in time.
bool wait_for(int fd, short events, duration at_most);

} // namespace weir
