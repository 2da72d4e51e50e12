#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <weir/net/hello.hpp>
#include "actors/nodes/secure_socket.hpp"
#include "actors/nodes/tls.hpp"
#include "actors/nodes/token.hpp"

namespace weir {

/// What both ends bring to a handshake. Shared by all of a node's.
struct node_credentials {
  membership us;
  std::optional<tls_context> tls;
  std::optional<node_token> token; ///< Exactly one of the two.
};

/// One end of the handshake of one connection: TLS, then the hellos. Never blocks and has no clock: whoever drives it waits for
/// the socket and gives up in time. One thread.
class handshake {
 public:
  /// Whether the node, whose hello is acceptable, may connect now. The answer's pointer is kept with the connection.
  using reserve_function = std::function<result<std::shared_ptr<void>>(const node_hello& theirs)>;

  /// The accepting end.
  handshake(unique_fd fd, const node_credentials& with, reserve_function reserve);
  /// The dialling end.
  handshake(unique_fd fd, const node_credentials& with, reserve_function reserve, std::string dialled, link_purpose purpose);

  enum class step : std::uint8_t { wait_read, wait_write, done, failed };
  step advance();

  [[nodiscard]] int fd() const { return socket_.fd(); }
  /// After failed: not_authorized (either end refused), unavailable (it broke), decode_failed, incompatible.
  [[nodiscard]] const error& failure() const { return failure_; }
  // After done.
  [[nodiscard]] const node_hello& theirs() const { return theirs_; }
  [[nodiscard]] std::uint64_t session() const { return session_of(ours_, theirs_); }
  [[nodiscard]] secure_socket take_socket() { return std::move(socket_); }
  [[nodiscard]] std::shared_ptr<void> take_place() { return std::move(place_); }

 private:
  /// Where the handshake is.
  enum class phase : std::uint8_t {
    tls,        ///< Until OpenSSL has it; then the dialler greets and the acceptor listens.
    greeting,   ///< Until the other end's hello is there and judged; the acceptor answers.
    confirming, ///< Of the acceptor: until the dialler confirms.
    last_words, ///< What is left to say is being sent; then done, or failed if it is a refusal.
    done,
    failed,
  };
  step fail(error e);
  step refuse(const error& e);
  step wait(const secure_socket::outcome& o);
  /// Sends what is left in `out_`; done when all is out.
  step send();
  /// Reads the rest of one greeting into `in_`.
  step receive(std::optional<greeting>& got);
  step on_tls();
  step on_greeting(const greeting& g);
  step on_confirm(const greeting& g);
  [[nodiscard]] bool proven(const greeting& g, bool by_dialler) const;
  [[nodiscard]] std::string proof(bool by_dialler) const;

  secure_socket socket_;
  const node_credentials& with_;
  reserve_function reserve_;
  std::optional<std::string> dialled_;
  node_hello ours_, theirs_;
  phase phase_ = phase::tls;
  bool refused_ = false;
  std::string out_, in_;
  std::size_t sent_ = 0;
  error failure_{errc::unavailable, "not finished"};
  std::shared_ptr<void> place_;
};

} // namespace weir
