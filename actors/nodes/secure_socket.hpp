#pragma once
#include <openssl/ssl.h>
#include <cstdint>
#include <memory>
#include <string>
#include <weir/core/result.hpp>
#include <weir/core/unique_fd.hpp>

namespace weir {

/// A connected, non-blocking stream socket, with TLS or without. One thread at a time; nothing blocks. SIGPIPE must be
/// ignored or blocked by the process.
class secure_socket {
 public:
  enum class status : std::uint8_t {
    done,       ///< Some bytes went (or the handshake is complete).
    wait_read,  ///< Call again when the socket is readable.
    wait_write, ///< Call again when the socket is writable.
    closed,     ///< The peer closed in order.
    failed,     ///< The connection is of no more use; `failure` says why.
  };
  struct outcome {
    status what = status::failed;
    std::size_t bytes = 0;
  };

  /// Without TLS.
  explicit secure_socket(unique_fd fd);
  /// With TLS: as server (accepts) or client (connects). The handshake is still to be made. The context must outlive nothing:
  /// OpenSSL counts references.
  secure_socket(unique_fd fd, SSL_CTX* tls, bool server);

  /// Goes on with the TLS handshake; done at once without TLS.
  outcome handshake();
  outcome read(char* to, std::size_t size);
  /// Writes as much as goes; after wait_write the same bytes must come again, at whatever address.
  outcome write(const char* from, std::size_t size);
  /// Bytes that were decrypted and not read yet.
  [[nodiscard]] std::size_t buffered() const;

  [[nodiscard]] int fd() const { return fd_.value(); }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  /// Gives the descriptor away: the new owner closes it, after this object is gone or not used any more.
  [[nodiscard]] int release();

 private:
  outcome judge(int ssl_result);

  unique_fd fd_;
  int raw_ = -1; ///< Stays when the descriptor is given away.
  struct free_ssl {
    void operator()(SSL* s) const { ::SSL_free(s); }
  };
  std::unique_ptr<SSL, free_ssl> ssl_;
  bool shaken_ = false;
  std::string failure_;
};

/// `127.0.0.1:9000`, `[::1]:9000`; without the port for `with_port` false. Empty when the socket is not connected.
[[nodiscard]] std::string peer_address(int fd, bool with_port);
/// The port a socket is bound to; 0 when it is not.
[[nodiscard]] std::uint16_t local_port(int fd);
/// What OpenSSL says of the last failure of this thread; clears it.
[[nodiscard]] std::string openssl_failure();

} // namespace weir
