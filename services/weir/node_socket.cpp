#include "services/weir/node_socket.hpp"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

namespace weir {
namespace {

constexpr std::uint32_t longest_word = std::uint32_t{8} << 20;
constexpr int node_patience_s = 5;   // For a command that does not finish its order.
constexpr int asker_patience_s = 20; // For a node that passes it on.

class descriptor {
 public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor(const descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

error system_error(const std::string& what) { return {errc::unavailable, what + ": " + std::strerror(errno)}; }

result<sockaddr_un> address_of(const std::string& store) {
  auto path = store + "/node.sock";
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  if (path.size() >= sizeof a.sun_path)
    return error{errc::invalid_config, "the store's path is too long for a socket in it: '" + path + "' has more than " +
                                           std::to_string(sizeof a.sun_path - 1) + " bytes"};
  std::memcpy(a.sun_path, path.c_str(), path.size());
  return a;
}

void set_patience(int fd, int seconds) {
  timeval t{seconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

bool read_all(int fd, char* to, std::size_t n) {
  while (n > 0) {
    auto got = ::recv(fd, to, n, 0);
    if (got <= 0)
      return false;
    to += got;
    n -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_word(int fd, const node_word& w) {
  auto body = encode_word(w);
  auto size = static_cast<std::uint32_t>(body.size());
  std::string all(reinterpret_cast<const char*>(&size), sizeof size);
  all += body;
  for (std::size_t at = 0; at < all.size();) {
    auto sent = ::send(fd, all.data() + at, all.size() - at, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    at += static_cast<std::size_t>(sent);
  }
  return true;
}

std::optional<node_word> read_word(int fd) {
  std::uint32_t size = 0;
  if (!read_all(fd, reinterpret_cast<char*>(&size), sizeof size) || size > longest_word)
    return std::nullopt;
  std::string body(size, '\0');
  if (!read_all(fd, body.data(), body.size()))
    return std::nullopt;
  auto w = decode_word(body);
  return w ? std::optional(std::move(*w)) : std::nullopt;
}

class listening final : public node_socket {
 public:
  listening(descriptor fd, std::string path, std::function<result<std::string>(node_command)> answer)
      : fd_(std::move(fd)), path_(std::move(path)), answer_(std::move(answer)) {}
  result<> start() {
    if (::pipe2(wake_.data(), O_CLOEXEC) != 0)
      return system_error("a pipe");
    thread_ = std::thread([this] { run(); });
    return success();
  }
  ~listening() override {
    if (thread_.joinable()) {
      ::close(wake_[1]);
      thread_.join();
      ::close(wake_[0]);
    }
    ::unlink(path_.c_str());
  }

 private:
  void run() {
    for (;;) {
      std::array<pollfd, 2> both{{{fd_.get(), POLLIN, 0}, {wake_[0], POLLIN, 0}}};
      if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR)
        return;
      if (both[1].revents != 0)
        return;
      if (both[0].revents == 0)
        continue;
      descriptor asker(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (asker.get() < 0)
        continue;
      set_patience(asker.get(), node_patience_s);
      auto word = read_word(asker.get());
      if (auto* command = word ? std::get_if<node_command>(&*word) : nullptr; command != nullptr)
        (void)write_word(asker.get(), answer_of(answer_(std::move(*command))));
    }
  }

  descriptor fd_;
  std::string path_;
  std::function<result<std::string>(node_command)> answer_;
  std::array<int, 2> wake_{-1, -1};
  std::thread thread_;
};

} // namespace

result<std::unique_ptr<node_socket>> node_socket::open(const std::string& store,
                                                       std::function<result<std::string>(node_command)> answer) {
  WEIR_ASSIGN(auto a, address_of(store));
  ::unlink(a.sun_path);
  descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The store is its owner's alone, and so is the socket from its first moment.
  if (fd.get() < 0 || ::fchmod(fd.get(), 0600) != 0 || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0 ||
      ::chmod(a.sun_path, 0600) != 0 || ::listen(fd.get(), 16) != 0)
    return system_error("the socket '" + std::string(a.sun_path) + "'");
  auto s = std::make_unique<listening>(std::move(fd), a.sun_path, std::move(answer));
  WEIR_TRY(s->start());
  return std::unique_ptr<node_socket>(std::move(s));
}

result<std::string> ask_node(const std::string& store, const node_command& c) {
  WEIR_ASSIGN(auto a, address_of(store));
  descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  set_patience(fd.get(), asker_patience_s);
  if (fd.get() < 0 || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0)
    return system_error("no node answers at '" + std::string(a.sun_path) + "' (is it running?)");
  if (!write_word(fd.get(), c))
    return error{errc::unavailable, "the node did not take the order"};
  auto word = read_word(fd.get());
  auto* answer = word ? std::get_if<node_answer>(&*word) : nullptr;
  if (answer == nullptr)
    return error{errc::unavailable, "the node did not answer: look at `weir cluster status` whether it was done"};
  return result_of(*answer);
}

} // namespace weir
