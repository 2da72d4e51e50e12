#pragma once
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

// A client without manners: what goes over the wire is what the test says.

namespace weir::test {

class raw_connection {
 public:
  explicit raw_connection(const std::string& address) {
    auto colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot connect to " + address);
  }
  ~raw_connection() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  raw_connection(raw_connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  raw_connection& operator=(raw_connection&&) = delete;

  /// False when the other side has closed.
  bool send(const std::string& bytes) const {
    for (std::size_t at = 0; at < bytes.size();) {
      auto n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0)
        return false;
      at += static_cast<std::size_t>(n);
    }
    return true;
  }
  /// Everything until the other side closes, or nothing comes for so long.
  std::string read_all(int patience_ms = 20'000) const {
    std::string out;
    char buffer[4096];
    for (;;) {
      pollfd one{fd_, POLLIN, 0};
      if (::poll(&one, 1, patience_ms) <= 0)
        return out + "(no end)";
      auto n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0)
        return out;
      out.append(buffer, static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_ = -1;
};

/// One request on a connection of its own; the whole answer.
inline std::string ask(const std::string& address, const std::string& path, const std::string& headers = "Host: localhost\r\n") {
  raw_connection c(address);
  c.send("GET " + path + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n");
  return c.read_all();
}

/// The status code of an answer; 0: none.
inline int code_of(const std::string& answer) { return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0; }

inline std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:"))
      return std::stoul(line.substr(8));
  return 0;
}

} // namespace weir::test
