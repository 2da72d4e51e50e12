#pragma once
#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <weir/net/admission.hpp>
#include "actors/nodes/handshake.hpp"
#include "actors/nodes/node_connection.hpp"
#include "actors/nodes/roster.hpp"

namespace weir {

struct node_address {
  std::string name;
  std::string host; ///< Name or number.
  std::uint16_t port = 0;
};

/// A connection whose other end is a member of the cluster.
struct opened_connection {
  secure_socket socket;
  std::shared_ptr<node_connection> who;
};

/// The one way into and out of this process for other nodes: listens, dials, and lets a connection through only when both ends
/// know each other. CAF never sees a stranger. Its threads: one for all incoming handshakes, one for each dialling while it
/// lasts.
class gate {
 public:
  struct options {
    node_address listen; ///< Its name is ours; port 0 takes a free one.
    node_credentials credentials;
    admission::limits limits;
    duration dial_time = std::chrono::seconds(2);                                    ///< Name, connection and handshake together.
    std::function<void(opened_connection)> accepted;                                 ///< By the gate's thread; must not block.
    std::function<void(const std::string& address, const std::string& why)> refused; ///< Likewise; for the log.
  };
  struct figures {
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> refused{0};     ///< Handshakes that failed.
    std::atomic<std::uint64_t> overdue{0};     ///< Handshakes that took too long.
    std::atomic<std::uint64_t> turned_away{0}; ///< Closed unread: too many at once.
    std::atomic<std::size_t> pending{0};
  };

  /// Listens and starts. Errors: invalid_config (neither or both of certificate and token; without TLS on another address than
  /// loopback; a certificate of another name), unavailable (the address).
  static result<std::unique_ptr<gate>> open(options o);
  /// Ends all handshakes and waits for the threads; a dialling in its last step may still be answered meanwhile.
  ~gate();
  gate(const gate&) = delete;

  /// Connects to a member, and calls `answer` once, by a thread of the gate: within `dial_time`, errors not_authorized and the
  /// rest of handshake::failure. Returns at once. Any thread.
  void dial(const node_address& to, link_purpose purpose, std::function<void(result<std::shared_ptr<opened_connection>>)> answer);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const figures& counted() const { return figures_; }

 private:
  explicit gate(options o) : options_(std::move(o)) {}
  struct pending {
    std::unique_ptr<handshake> shake;
    std::string address;
    short events = 0;
  };
  struct dialling {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> over;
  };
  result<> listen();
  void run();
  void accept_all(duration now);
  void advance(std::uint64_t id);
  void end(std::uint64_t id);
  void tell_of_flood(duration now);
  [[nodiscard]] int wait_ms(duration now) const;
  result<std::shared_ptr<opened_connection>> dial_now(const node_address& to, link_purpose purpose);
  result<> drive(handshake& shake, duration until);
  opened_connection let_through(handshake& shake, const std::string& address);

  options options_;
  std::shared_ptr<roster> roster_ = std::make_shared<roster>();
  unique_fd listener_, wake_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
  // Of the gate's thread.
  std::optional<admission> admission_;
  std::map<std::uint64_t, pending> pending_;
  std::uint64_t next_id_ = 0;
  std::uint64_t told_ = 0; ///< Of those turned away, how many the log knows of.
  duration tell_at_{0};
  duration pause_until_{0}; ///< No accepting before: the process has no descriptors left.
  figures figures_;
  std::mutex mutex_;
  std::list<dialling> diallings_;
};

} // namespace weir
