#include "actors/nodes/gate.hpp"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <weir/core/clock.hpp>
#include "actors/nodes/addresses.hpp"

namespace weir {
namespace {

duration now() { return system_clock().monotonic(); }

/// OpenSSL writes without MSG_NOSIGNAL; a peer that went away must not end the process.
void ignore_sigpipe() {
  struct sigaction current {};
  if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL)
    ::signal(SIGPIPE, SIG_IGN);
}

result<> check_credentials(const gate::options& o) {
  const auto& c = o.credentials;
  WEIR_TRY(check_node_name(c.us.self.cluster, "cluster"));
  WEIR_TRY(check_node_name(c.us.self.node, "node"));
  if (c.tls.has_value() == c.token.has_value())
    return error{errc::invalid_config,
                 "node \"" + c.us.self.node + "\": either certificates or a token file, not both and not neither"};
  if (!c.tls)
    return success();
  auto certified = identity_of(c.tls->uris());
  if (!certified)
    return error{errc::invalid_config, "node \"" + c.us.self.node + "\": " + certified.err().message};
  if (*certified != c.us.self)
    return error{errc::invalid_config, "node \"" + c.us.self.node + "\" of cluster \"" + c.us.self.cluster +
                                           "\" has the certificate of " + to_uri(*certified)};
  return success();
}

} // namespace

result<std::unique_ptr<gate>> gate::open(options o) {
  WEIR_TRY(check_credentials(o));
  ignore_sigpipe();
  std::unique_ptr<gate> g(new gate(std::move(o)));
  WEIR_TRY(g->listen());
  g->admission_.emplace(g->options_.limits);
  g->thread_ = std::thread([raw = g.get()] { raw->run(); });
  return g;
}

gate::~gate() {
  stop_ = true;
  if (wake_) {
    std::uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(wake_.value(), &one, sizeof one);
  }
  if (thread_.joinable())
    thread_.join();
  for (auto& d : diallings_)
    d.thread.join();
}

result<> gate::listen() {
  const auto& at = options_.listen;
  auto where = at.host + ":" + std::to_string(at.port);
  WEIR_ASSIGN(auto found, resolve(at.host, at.port, std::chrono::seconds(10)));
  if (!options_.credentials.tls && !found.front().loopback())
    return error{errc::invalid_config,
                 where + ": without certificates a node listens on loopback only; `weir node certs` makes some"};
  auto fd = listen_at(found.front());
  if (!fd)
    return error{errc::unavailable, "cannot listen at " + where + ": " + fd.err().message};
  listener_ = std::move(*fd);
  wake_ = unique_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  port_ = local_port(listener_.value());
  return wake_ ? success() : result<>{errc::unavailable, std::string("eventfd: ") + std::strerror(errno)};
}

int gate::wait_ms(duration at) const {
  auto until = admission_->next();
  if (pause_until_ > at)
    until = until ? std::min(*until, pause_until_) : pause_until_;
  if (!until)
    return -1;
  return static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(*until - at).count()));
}

void gate::run() {
  std::vector<pollfd> polled;
  std::vector<std::uint64_t> ids;
  while (!stop_) {
    auto at = now();
    polled.assign({{wake_.value(), POLLIN, 0}, {pause_until_ > at ? -1 : listener_.value(), POLLIN, 0}});
    ids.clear();
    for (const auto& [id, p] : pending_) {
      polled.push_back({p.shake->fd(), p.events, 0});
      ids.push_back(id);
    }
    ::poll(polled.data(), polled.size(), wait_ms(at));
    at = now();
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (polled[i + 2].revents != 0)
        advance(ids[i]);
    for (auto id : admission_->overdue(at)) {
      ++figures_.overdue;
      options_.refused(pending_.at(id).address, "the handshake took too long");
      end(id);
    }
    if (polled[1].revents != 0)
      accept_all(at);
    tell_of_flood(at);
  }
  pending_.clear();
}

void gate::accept_all(duration at) {
  // A bounded number between two looks at the handshakes, so that a flood does not starve them.
  for (int i = 0; i < 256; ++i) {
    unique_fd fd(::accept4(listener_.value(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        pause_until_ = at + std::chrono::milliseconds(100);
      return;
    }
    auto address = peer_address(fd.value(), false);
    auto id = next_id_++;
    if (admission_->admit(id, address, at) != admission::answer::admitted) {
      ++figures_.turned_away;
      continue;
    }
    int on = 1;
    ::setsockopt(fd.value(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto shake = std::make_unique<handshake>(std::move(fd), options_.credentials,
                                             [r = roster_](const node_hello& theirs) { return r->reserve(theirs); });
    pending_.emplace(id, pending{std::move(shake), std::move(address), POLLIN});
    figures_.pending = pending_.size();
    advance(id);
  }
}

void gate::tell_of_flood(duration at) {
  auto turned_away = figures_.turned_away.load();
  if (turned_away == told_ || at < tell_at_)
    return;
  options_.refused("many", std::to_string(turned_away - told_) + " connections were closed unread: too many handshakes at once");
  told_ = turned_away;
  tell_at_ = at + std::chrono::seconds(1);
}

void gate::end(std::uint64_t id) {
  admission_->done(id);
  pending_.erase(id);
  figures_.pending = pending_.size();
}

void gate::advance(std::uint64_t id) {
  auto& p = pending_.at(id);
  switch (p.shake->advance()) {
    case handshake::step::wait_read:
      p.events = POLLIN;
      return;
    case handshake::step::wait_write:
      p.events = POLLOUT;
      return;
    case handshake::step::failed:
      ++figures_.refused;
      options_.refused(p.address, p.shake->failure().message);
      break;
    case handshake::step::done:
      ++figures_.accepted;
      options_.accepted(let_through(*p.shake, peer_address(p.shake->fd(), true)));
      break;
  }
  end(id);
}

opened_connection gate::let_through(handshake& shake, const std::string& address) {
  const auto& theirs = shake.theirs();
  auto who = std::make_shared<node_connection>(theirs.node, theirs.process, theirs.purpose, shake.session(), address);
  who->holds(shake.take_place());
  return {shake.take_socket(), std::move(who)};
}

void gate::dial(const node_address& to, link_purpose purpose,
                std::function<void(result<std::shared_ptr<opened_connection>>)> answer) {
  std::lock_guard lock(mutex_);
  for (auto i = diallings_.begin(); i != diallings_.end();) {
    if (!*i->over) {
      ++i;
      continue;
    }
    i->thread.join();
    i = diallings_.erase(i);
  }
  auto over = std::make_shared<std::atomic<bool>>(false);
  diallings_.push_back({std::thread([this, to, purpose, answer = std::move(answer), over] {
                          answer(dial_now(to, purpose));
                          *over = true;
                        }),
                        over});
}

result<> gate::drive(handshake& shake, duration until) {
  for (;;) {
    auto step = shake.advance();
    if (step == handshake::step::done)
      return success();
    if (step == handshake::step::failed)
      return shake.failure();
    // In slices, so that the end of the gate is seen.
    auto slice = std::min(until - now(), duration(std::chrono::milliseconds(100)));
    if (slice.count() <= 0 || stop_)
      return error{errc::unavailable, "the handshake took too long"};
    wait_for(shake.fd(), step == handshake::step::wait_read ? POLLIN : POLLOUT, slice);
  }
}

result<std::shared_ptr<opened_connection>> gate::dial_now(const node_address& to, link_purpose purpose) {
  auto until = now() + options_.dial_time;
  auto where = "node \"" + to.name + "\" at " + to.host + ":" + std::to_string(to.port);
  auto found = resolve(to.host, to.port, options_.dial_time);
  if (!found)
    return found.err().in(where);
  error last{errc::unavailable, where + ": no answer in time"};
  for (const auto& address : *found) {
    if (!options_.credentials.tls && !address.loopback())
      return error{errc::invalid_config, where + ": without certificates nodes connect over loopback only"};
    auto fd = begin_connect(address);
    if (!fd) {
      last = fd.err().in(where);
      continue;
    }
    if (!wait_for(fd->value(), POLLOUT, until - now()))
      return error{errc::unavailable, where + ": no answer in time"};
    int failed = 0;
    socklen_t size = sizeof failed;
    ::getsockopt(fd->value(), SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed != 0) {
      last = error{errc::unavailable, where + ": " + std::strerror(failed)};
      continue;
    }
    handshake shake(
        std::move(*fd), options_.credentials, [r = roster_](const node_hello& theirs) { return r->reserve(theirs); }, to.name,
        purpose);
    if (auto r = drive(shake, until); !r)
      return r.err().in(where);
    return std::make_shared<opened_connection>(let_through(shake, peer_address(shake.fd(), true)));
  }
  return last;
}

} // namespace weir
