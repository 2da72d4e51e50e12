#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <weir/net/hello.hpp>

namespace weir {

/// An authenticated connection while it lives, whoever drives its socket. Shared; any thread; nothing blocks.
class node_connection {
 public:
  /// Called once, by the thread that closed the socket, with the reason.
  using closed_function = std::function<void(const node_connection&, const std::string& why)>;

  node_connection(std::string peer, std::string process, link_purpose purpose, std::uint64_t session, std::string address)
      : peer_(std::move(peer)),
        process_(std::move(process)),
        purpose_(purpose),
        session_(session),
        address_(std::move(address)) {}
  ~node_connection() { gone(); }
  node_connection(const node_connection&) = delete;

  [[nodiscard]] const std::string& peer() const { return peer_; }       ///< Name of the node at the other end.
  [[nodiscard]] const std::string& process() const { return process_; } ///< CAF's node id of the process there, as text.
  [[nodiscard]] link_purpose purpose() const { return purpose_; }
  [[nodiscard]] std::uint64_t session() const { return session_; } ///< Random, agreed by both ends, of this connection only.
  [[nodiscard]] const std::string& address() const { return address_; }

  /// Ends the connection: whoever drives the socket sees it fail. `why` is kept unless there is a reason already.
  void close(const std::string& why);
  /// The socket that close() ends; -1 is nothing. From whoever drives it, before it is closed and reused.
  void drives(int fd);
  void on_closed(closed_function f);
  /// Kept until the socket is closed.
  void holds(std::shared_ptr<void> place);
  /// The socket is closed; calls `on_closed`. Repeated calls do nothing.
  void gone();
  [[nodiscard]] std::string reason() const;

 private:
  const std::string peer_, process_;
  const link_purpose purpose_;
  const std::uint64_t session_;
  const std::string address_;
  mutable std::mutex mutex_;
  int fd_ = -1;
  bool gone_ = false;
  std::string reason_;
  closed_function closed_;
  std::shared_ptr<void> place_;
};

} // namespace weir
