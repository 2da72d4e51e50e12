#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <weir/core/result.hpp>
#include "services/weir/health/http_rules.hpp"

namespace weir {

struct http_answer {
  unsigned code = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

struct http_server_options {
  std::string host = "127.0.0.1"; ///< Address to listen on, without brackets.
  std::uint16_t port = 0;         ///< 0: a free one.
  std::string name;               ///< Host name that is accepted besides addresses and localhost.
  std::string token;              ///< Empty: none is asked for.
  std::string tls_cert, tls_key;  ///< Files; empty: plain HTTP.
  /// Called on the server's thread, one at a time; must not block for long. Exceptions become 500.
  std::function<http_answer(health_route)> answer;
  /// What changes something, called on another thread, one at a time; may block: others are answered meanwhile. Exceptions
  /// become 500. Empty: there are no orders (404).
  std::function<http_answer(health_route, const parked_place&)> order = {};
};

/// What one client may cost. Everything above is refused.
struct http_limits {
  static constexpr std::size_t connections = 64;    ///< The one that is quiet for longest makes room for a new one.
  static constexpr std::size_t header_bytes = 8192; ///< Request line and headers.
  static constexpr std::size_t header_fields = 64;
  static constexpr auto header_time = std::chrono::seconds(5); ///< For the handshake and for the headers of a request.
  static constexpr auto write_time = std::chrono::seconds(10); ///< For taking the answer.
  static constexpr std::size_t waiting_orders = 8;             ///< More at a time are refused with 503.
  static constexpr auto idle_time = std::chrono::seconds(75);  ///< Between two requests on a connection.
};

struct http_counts {
  std::map<unsigned, std::uint64_t> answers; ///< By status code.
  std::uint64_t dropped = 0;                 ///< Connections closed without an answer.
  std::size_t open = 0;
};

/// A small HTTP/1.1 server for GET and HEAD, and for orders by POST, on threads of its own, plain or TLS 1.2 and later. Reads
/// no bodies, opens no files but those of the certificate, which happens in `start`. No secret appears in an error or an answer.
class http_server {
 public:
  /// Listens and begins to answer. Errors: unavailable (the port is taken, the address is not of this machine),
  /// not_authorized (a port that needs rights), invalid_config (certificate or key).
  static result<std::unique_ptr<http_server>> start(http_server_options options);
  virtual ~http_server() =
      default; ///< Closes all connections and ends the threads; neither `answer` nor `order` is running behind it.
  http_server() = default;
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Where it listens, as host:port. Constant.
  [[nodiscard]] virtual const std::string& address() const = 0;
  /// Of the past; only inside `answer` or any other thread, it takes a lock.
  [[nodiscard]] virtual http_counts counts() const = 0;
};

} // namespace weir
