#include "actors/nodes/secure_socket.hpp"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

namespace weir {

std::string openssl_failure() {
  auto code = ::ERR_peek_last_error();
  ::ERR_clear_error();
  if (code == 0)
    return "the connection broke";
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return "the peer closed the connection";
  std::array<char, 256> text{};
  ::ERR_error_string_n(code, text.data(), text.size());
  const auto* reason = ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : text.data();
}

secure_socket::secure_socket(unique_fd fd) : fd_(std::move(fd)), raw_(fd_.value()), shaken_(true) {}

secure_socket::secure_socket(unique_fd fd, SSL_CTX* tls, bool server)
    : fd_(std::move(fd)), raw_(fd_.value()), ssl_(::SSL_new(tls)) {
  if (!ssl_ || ::SSL_set_fd(ssl_.get(), raw_) != 1) {
    failure_ = openssl_failure();
    return;
  }
  ::SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (server)
    ::SSL_set_accept_state(ssl_.get());
  else
    ::SSL_set_connect_state(ssl_.get());
}

int secure_socket::release() { return fd_.release(); }

secure_socket::outcome secure_socket::judge(int ssl_result) {
  auto system_error = errno;
  switch (::SSL_get_error(ssl_.get(), ssl_result)) {
    case SSL_ERROR_WANT_READ:
      return {status::wait_read};
    case SSL_ERROR_WANT_WRITE:
      return {status::wait_write};
    case SSL_ERROR_ZERO_RETURN:
      return {status::closed};
    case SSL_ERROR_SYSCALL:
      ::ERR_clear_error();
      failure_ = system_error != 0 ? std::strerror(system_error) : "the peer closed the connection";
      return {status::failed};
    default:
      failure_ = openssl_failure();
      return {status::failed};
  }
}

secure_socket::outcome secure_socket::handshake() {
  if (shaken_)
    return {status::done};
  if (!failure_.empty())
    return {status::failed};
  errno = 0;
  ::ERR_clear_error();
  auto r = ::SSL_do_handshake(ssl_.get());
  if (r != 1)
    return judge(r);
  shaken_ = true;
  return {status::done};
}

secure_socket::outcome secure_socket::read(char* to, std::size_t size) {
  errno = 0;
  if (ssl_) {
    ::ERR_clear_error();
    auto r = ::SSL_read(ssl_.get(), to, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    return r > 0 ? outcome{status::done, static_cast<std::size_t>(r)} : judge(r);
  }
  for (;;) {
    auto r = ::recv(raw_, to, size, 0);
    if (r > 0)
      return {status::done, static_cast<std::size_t>(r)};
    if (r == 0)
      return {status::closed};
    if (errno == EINTR)
      continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return {status::wait_read};
    failure_ = std::strerror(errno);
    return {status::failed};
  }
}

secure_socket::outcome secure_socket::write(const char* from, std::size_t size) {
  std::size_t sent = 0;
  while (sent < size) {
    errno = 0;
    if (ssl_) {
      ::ERR_clear_error();
      auto r = ::SSL_write(ssl_.get(), from + sent, static_cast<int>(std::min<std::size_t>(size - sent, INT_MAX)));
      if (r > 0) {
        sent += static_cast<std::size_t>(r);
        continue;
      }
      auto why = judge(r);
      if (sent > 0 && why.what != status::failed)
        break;
      return why;
    }
    auto r = ::send(raw_, from + sent, size - sent, MSG_NOSIGNAL);
    if (r >= 0) {
      sent += static_cast<std::size_t>(r);
      continue;
    }
    if (errno == EINTR)
      continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (sent > 0)
        break;
      return {status::wait_write};
    }
    failure_ = std::strerror(errno);
    return {status::failed};
  }
  return {status::done, sent};
}

std::size_t secure_socket::buffered() const { return ssl_ ? static_cast<std::size_t>(::SSL_pending(ssl_.get())) : 0; }

namespace {

std::string text_of(const sockaddr_storage& address, bool with_port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return text.data() + (with_port ? ":" + std::to_string(ntohs(v4->sin_port)) : "");
  }
  if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return with_port ? "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6->sin6_port)) : text.data();
  }
  return {};
}

} // namespace

std::string peer_address(int fd, bool with_port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return {};
  return text_of(address, with_port);
}

std::uint16_t local_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

} // namespace weir
