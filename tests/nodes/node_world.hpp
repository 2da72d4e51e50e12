#pragma once
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>
#include "actors/nodes/addresses.hpp"
#include "actors/nodes/certificates.hpp"
#include "actors/nodes/node_transport.hpp"
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

namespace nodes_test {

using namespace std::chrono_literals;
using namespace weir;

/// Waits for a condition; false if it does not come.
template <class F>
bool eventually(F condition, std::chrono::milliseconds at_most = 20s) {
  auto until = std::chrono::steady_clock::now() + at_most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

inline tls_files files_of(const std::string& directory, const std::string& node) {
  auto p = node_paths(directory, node);
  return {authority_paths(directory).certificate, p.certificate, p.key};
}

/// Certificates of cluster "shop", made once for all cases of the program.
inline const std::string& certificates() {
  static temporary_directory directory;
  static const bool made = make_certificates(directory.path + "/shop", "shop", {"a", "b", "c", "stranger"}).ok() &&
                           make_certificates(directory.path + "/other", "shop", {"a", "b"}).ok() &&
                           make_certificates(directory.path + "/foreign", "market", {"a"}).ok();
  static const std::string path = made ? directory.path + "/shop" : "";
  return path;
}
inline std::string other_authority() { return certificates() + "/../other"; }

struct node_config : caf::actor_system_config {
  node_config() {
    set("scheduler.max-threads", std::size_t{2});
    set("logger.verbosity", caf::atom("quiet"));
    load_middleman(*this);
  }
};

/// A node in this process, with a speaker that answers every message with itself, "!" behind it.
class test_node {
 public:
  explicit test_node(std::string name) : name_(std::move(name)), system_(config_) {
    speaker_ = system_.spawn(
        [](caf::event_based_actor*, const std::string& behind) -> caf::behavior {
          return {[behind](const node_message& m) { return node_message{m.version, m.what, m.bytes + behind}; }};
        },
        std::string("!"));
  }
  ~test_node() {
    stop();
    caf::anon_send_exit(speaker_, caf::exit_reason::kill);
    speaker_ = nullptr;
  }

  /// `members` by name and port; this node among them says where it listens (0: anywhere).
  result<> start(std::vector<std::pair<std::string, std::uint16_t>> members, bool tls = true, const std::string& token = "") {
    node_transport_options o;
    o.cluster = "shop";
    for (const auto& [name, port] : members) {
      o.members.push_back({name, "127.0.0.1", port});
      if (name == name_)
        o.self = o.members.back();
    }
    if (o.self.name.empty())
      o.self = {name_, "127.0.0.1", 0};
    if (tls)
      o.tls = files_of(certificates(), name_);
    o.token_file = token;
    o.speaker = speaker_;
    o.up = [this](const peer_link& p) {
      std::lock_guard lock(mutex_);
      up_[p.node] = p;
      ++ups_;
    };
    o.down = [this](const std::string& node, const std::string& why) {
      std::lock_guard lock(mutex_);
      up_.erase(node);
      lost_.push_back(node + ": " + why);
    };
    o.frames.figures = figures_;
    if (tune)
      tune(o);
    auto t = node_transport::start(system_, std::move(o));
    if (!t)
      return t.err();
    transport_ = std::move(*t);
    return success();
  }
  void stop() {
    transport_.reset();
    std::lock_guard lock(mutex_);
    up_.clear();
  }

  std::optional<peer_link> peer(const std::string& node) {
    std::lock_guard lock(mutex_);
    auto i = up_.find(node);
    return i == up_.end() ? std::nullopt : std::optional(i->second);
  }
  bool sees(const std::string& node) { return peer(node).has_value(); }
  std::vector<std::string> lost() {
    std::lock_guard lock(mutex_);
    return lost_;
  }
  int ups() {
    std::lock_guard lock(mutex_);
    return ups_;
  }
  /// What the other node answers; "error: …" if it does not.
  std::string ask(const std::string& node, const std::string& question) {
    auto p = peer(node);
    if (!p)
      return "error: not connected";
    caf::scoped_actor self(system_);
    std::string answer;
    auto m = make_node_message(question);
    if (!m)
      return "error: " + m.err().message;
    self->request(p->peer, 10s, std::move(*m))
        .receive([&](const node_message& got) { answer = got.bytes; },
                 [&](const caf::error& e) { answer = "error: " + system_.render(e); });
    return answer;
  }

  caf::actor_system& system() { return system_; }
  node_transport& transport() { return *transport_; }
  std::uint16_t port() const { return transport_->port(); }
  const std::shared_ptr<frame_link_figures>& figures() const { return figures_; }
  std::function<void(node_transport_options&)> tune; ///< Last changes before the start.

 private:
  std::string name_;
  node_config config_;
  caf::actor_system system_;
  caf::actor speaker_;
  std::shared_ptr<frame_link_figures> figures_ = std::make_shared<frame_link_figures>();
  std::unique_ptr<node_transport> transport_;
  std::mutex mutex_;
  std::map<std::string, peer_link> up_;
  std::vector<std::string> lost_;
  int ups_ = 0;
};

/// A socket to 127.0.0.1:port, from this local address.
inline unique_fd connect_from(const std::string& source, std::uint16_t port) {
  auto from = resolve(source, 0, 1s);
  auto to = resolve("127.0.0.1", port, 1s);
  unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(fd.value(), reinterpret_cast<const sockaddr*>(&from->front().storage), from->front().size) != 0 ||
      ::connect(fd.value(), reinterpret_cast<const sockaddr*>(&to->front().storage), to->front().size) != 0)
    return {};
  ::fcntl(fd.value(), F_SETFL, O_NONBLOCK);
  return fd;
}

/// Credentials as some node, or attacker, may bring them.
inline node_credentials credentials(const std::string& claims, const std::string& directory, const std::string& certificate,
                                    const std::string& process = "0123#77") {
  node_credentials c;
  c.us = {{"shop", claims}, process, {"a", "b", "c"}};
  auto tls = tls_context::load(files_of(directory, certificate));
  REQUIRE(tls);
  c.tls = std::move(*tls);
  return c;
}

/// The dialling end of a handshake, to its end.
struct dialled {
  std::optional<secure_socket> socket; ///< Empty: it failed.
  std::string failure;
  std::uint64_t session = 0;
};
inline dialled dial(const node_credentials& with, const std::string& to, std::uint16_t port, link_purpose purpose,
                    const std::string& source = "127.0.0.1") {
  handshake shake(
      connect_from(source, port), with, [](const node_hello&) { return result<std::shared_ptr<void>>(std::shared_ptr<void>()); },
      to, purpose);
  for (;;) {
    switch (shake.advance()) {
      case handshake::step::done:
        return {shake.take_socket(), "", shake.session()};
      case handshake::step::failed:
        return {std::nullopt, shake.failure().message};
      case handshake::step::wait_read:
        if (!wait_for(shake.fd(), POLLIN, 10s))
          return {std::nullopt, "nothing came"};
        break;
      case handshake::step::wait_write:
        wait_for(shake.fd(), POLLOUT, 10s);
        break;
    }
  }
}

inline void write_all(secure_socket& s, std::string_view bytes) {
  while (!bytes.empty()) {
    auto o = s.write(bytes.data(), bytes.size());
    if (o.what == secure_socket::status::done)
      bytes.remove_prefix(o.bytes);
    else if (o.what == secure_socket::status::wait_write || o.what == secure_socket::status::wait_read)
      wait_for(s.fd(), POLLOUT, 1s);
    else
      return; // The other end has had enough.
  }
}

/// Reads until so many bytes are there, or the other end closes.
inline std::string read_some(secure_socket& s, std::size_t size) {
  std::string got;
  char buffer[65536];
  while (got.size() < size) {
    auto o = s.read(buffer, std::min(sizeof buffer, size - got.size()));
    if (o.what == secure_socket::status::done)
      got.append(buffer, o.bytes);
    else if (o.what == secure_socket::status::wait_read) {
      if (!wait_for(s.fd(), POLLIN, 10s))
        break;
    } else {
      break;
    }
  }
  return got;
}

/// True when the other end closes the connection; what it says before is passed over.
inline bool closes(secure_socket& s) {
  char buffer[65536];
  for (;;) {
    auto o = s.read(buffer, sizeof buffer);
    if (o.what == secure_socket::status::closed || o.what == secure_socket::status::failed)
      return true;
    if (o.what == secure_socket::status::wait_read && !wait_for(s.fd(), POLLIN, 10s))
      return false;
  }
}

/// Anonymous memory of this process.
inline std::size_t resident_anonymous() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:"))
      return static_cast<std::size_t>(std::stoul(line.substr(8))) << 10;
  return 0;
}
/// Whether RssAnon is at most `mb` MiB above `before`. Under the thread sanitizer it always is: its shadow of all memory counts
/// there.
inline bool grew_less_than(std::size_t before, std::size_t mb) {
#ifdef __SANITIZE_THREAD__
  (void)before, (void)mb;
  return true;
#else
  return resident_anonymous() < before + (mb << 20);
#endif
}

} // namespace nodes_test
