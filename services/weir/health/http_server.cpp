#include "services/weir/health/http_server.hpp"
#include <pthread.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include "services/weir/health/server_certificate.hpp"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using plain_stream = beast::tcp_stream;
using tls_stream = beast::ssl_stream<beast::tcp_stream>;

/// Between two tries to accept when the process is out of descriptors: without it the loop would spin.
constexpr auto accept_pause = std::chrono::milliseconds(100);

class session;

/// What sessions need of the server. Only its thread, but for the counts.
struct server_core {
  http_server_options options;
  asio::io_context io{1};
  asio::thread_pool orders{1};
  std::size_t waiting_orders = 0;
  std::optional<asio::ssl::context> tls;
  /// The one that is quiet for longest first.
  std::list<std::shared_ptr<session>> sessions;
  mutable std::mutex lock;
  http_counts counts;

  void answered(unsigned code) {
    std::lock_guard guard(lock);
    ++counts.answers[code];
  }
  void dropped() {
    std::lock_guard guard(lock);
    ++counts.dropped;
  }
};

using request_parser = http::request_parser<http::empty_body>;
using response = http::response<http::string_body>;

response make_response(unsigned version, http_answer a, bool head, bool for_order) {
  response out{static_cast<http::status>(a.code), version};
  out.set(http::field::server, "weir");
  out.set(http::field::content_type, a.type);
  out.set(http::field::cache_control, "no-store");
  out.set("X-Content-Type-Options", "nosniff");
  if (a.code == 401)
    out.set(http::field::www_authenticate, "Bearer");
  if (a.code == 405)
    out.set(http::field::allow, for_order ? "POST" : "GET, HEAD");
  auto size = a.body.size();
  if (!head)
    out.body() = std::move(a.body);
  out.content_length(size);
  return out;
}

std::string_view view(beast::string_view s) { return {s.data(), s.size()}; }

/// Everything that is wrong with a request before its route is asked; 0: nothing. A body is never read.
unsigned refusal(const request_parser& parser, const http_server_options& o) {
  const auto& r = parser.get();
  if (static_cast<std::size_t>(std::distance(r.begin(), r.end())) > http_limits::header_fields)
    return 431;
  if (r.count(http::field::host) != 1)
    return 400;
  if (!host_allowed(view(r[http::field::host]), o.name))
    return 421;
  if (!o.token.empty() &&
      (r.count(http::field::authorization) != 1 || !token_matches(view(r[http::field::authorization]), o.token)))
    return 401;
  auto route = route_of(view(r.target()));
  auto for_order = route && is_order(*route) && o.order;
  if (for_order ? r.method() != http::verb::post : r.method() != http::verb::get && r.method() != http::verb::head)
    return 405;
  if (parser.chunked() || parser.content_length().value_or(0) > 0)
    return 413;
  return 0;
}

http_answer sentence(unsigned code, std::string text) { return {code, "text/plain; charset=utf-8", std::move(text) + "\n"}; }

template <class F>
http_answer guarded(const F& f) {
  try {
    return f();
  } catch (const std::exception&) {
    return sentence(500, "Internal Server Error");
  }
}

/// An order that may be carried out.
struct good_order {
  health_route route;
  parked_place place;
};

std::variant<http_answer, good_order> decide(const request_parser& parser, const http_server_options& o) {
  if (auto code = refusal(parser, o); code != 0)
    return sentence(code, std::string(http::obsolete_reason(static_cast<http::status>(code))));
  const auto& r = parser.get();
  auto route = route_of(view(r.target()));
  if (!route || (is_order(*route) && !o.order))
    return sentence(404, "Not Found; there are /health/live, /health/ready, /metrics and /api/v1/status");
  if (!is_order(*route))
    return guarded([&] { return o.answer(*route); });
  beast::string_view header(order_header.data(), order_header.size());
  if (r.count(header) != 1 || view(r[header]) != "1")
    return sentence(403, "Forbidden: what changes something needs the header " + std::string(order_header) + ": 1");
  auto place = parked_place_of(view(r.target()));
  if (!place)
    return sentence(400, "Bad Request: the query must be service=NAME&key=ID, the id as /api/v1/status tells it");
  return good_order{*route, std::move(*place)};
}

/// One connection, whichever way it is encrypted. Deadlines are those of the stream: a step that takes too long ends it.
class session : public std::enable_shared_from_this<session> {
 public:
  explicit session(server_core& core) : core_(core) {}
  virtual ~session() = default;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  virtual void start() = 0;
  void enter() { at_ = core_.sessions.insert(core_.sessions.end(), shared_from_this()); }
  /// Closes without a word.
  void close() {
    if (at_) {
      core_.sessions.erase(*at_);
      at_.reset();
    }
    error_code ignored;
    socket().close(ignored);
  }
  void drop() {
    if (at_)
      core_.dropped();
    close();
  }

 protected:
  virtual beast::tcp_stream& lowest() = 0;
  virtual void read_header() = 0;
  virtual void write() = 0;
  virtual void finish() = 0;

  tcp::socket& socket() { return lowest().socket(); }
  /// It did something: others are quiet for longer.
  void touch() {
    if (at_)
      core_.sessions.splice(core_.sessions.end(), core_.sessions, *at_);
  }

  void next_request(bool first) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(http_limits::header_bytes));
    lowest().expires_after(first ? std::chrono::seconds(http_limits::header_time) : std::chrono::seconds(http_limits::idle_time));
    first_ = first;
    read_header();
  }

  void on_header(error_code e) {
    if (e == http::error::end_of_stream)
      return finish();
    if (e == http::error::header_limit || e == http::error::buffer_overflow)
      return reply({431, "text/plain; charset=utf-8", "Request Header Fields Too Large\n"}, 11, false, false);
    if (e == http::error::body_limit)
      return reply({413, "text/plain; charset=utf-8", "Payload Too Large\n"}, 11, false, false);
    if (e.category() == http::make_error_code(http::error::bad_version).category() && e != http::error::partial_message)
      return reply({400, "text/plain; charset=utf-8", "Bad Request\n"}, 11, false, false);
    if (e) // A time-out between two requests is how every connection ends at last.
      return first_ || e != beast::error::timeout ? drop() : close();
    const auto& r = parser_->get();
    auto decided = decide(*parser_, core_.options);
    if (auto* wanted = std::get_if<good_order>(&decided))
      return carry_out(std::move(*wanted));
    auto& a = std::get<http_answer>(decided);
    // What follows a refused request, a body above all, is not read.
    auto keep = r.keep_alive() && a.code != 400 && a.code != 405 && a.code != 413 && a.code != 431;
    reply(std::move(a), r.version(), r.method() == http::verb::head, keep);
  }

  /// On the thread of orders; the answer is sent on ours. Nothing is read of the connection until then.
  void carry_out(good_order what) {
    const auto version = parser_->get().version();
    const auto keep = parser_->get().keep_alive();
    if (core_.waiting_orders >= http_limits::waiting_orders)
      return reply(sentence(503, "Service Unavailable: other orders are still being carried out"), version, false, keep);
    ++core_.waiting_orders;
    touch();
    asio::post(core_.orders, [self = shared_from_this(), &core = core_, what = std::move(what), version, keep]() mutable {
      auto a = guarded([&] { return core.options.order(what.route, what.place); });
      asio::post(core.io, [self = std::move(self), a = std::move(a), version, keep]() mutable {
        --self->core_.waiting_orders;
        self->reply(std::move(a), version, false, keep);
      });
    });
  }

  void reply(http_answer a, unsigned version, bool head, bool keep) {
    core_.answered(a.code);
    auto route = parser_ ? route_of(view(parser_->get().target())) : std::nullopt;
    response_ = make_response(version, std::move(a), head, route && is_order(*route) && core_.options.order);
    response_->keep_alive(keep);
    serializer_.emplace(*response_);
    serializer_->split(false);
    touch();
    lowest().expires_after(http_limits::write_time);
    write();
  }

  void on_written(error_code e) {
    auto keep = response_->keep_alive();
    serializer_.reset();
    response_.reset();
    if (e)
      return close();
    touch();
    if (keep)
      return next_request(false);
    finish();
  }

  server_core& core_;
  beast::flat_buffer buffer_{http_limits::header_bytes};
  std::optional<request_parser> parser_;
  std::optional<response> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;

 private:
  std::optional<std::list<std::shared_ptr<session>>::iterator> at_;
  bool first_ = true;
};

template <class Stream>
class session_on : public session {
 public:
  template <class... Args>
  session_on(server_core& core, Args&&... args) : session(core), stream_(std::forward<Args>(args)...) {}

  void start() override {
    enter();
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      lowest().expires_after(http_limits::header_time);
      stream_.async_handshake(asio::ssl::stream_base::server, [self = self()](error_code e) {
        if (e)
          return self->drop();
        self->touch();
        self->next_request(true);
      });
    } else {
      next_request(true);
    }
  }

 protected:
  beast::tcp_stream& lowest() override { return beast::get_lowest_layer(stream_); }
  void read_header() override {
    http::async_read_header(stream_, buffer_, *parser_, [self = self()](error_code e, std::size_t) { self->on_header(e); });
  }
  void write() override {
    http::async_write(stream_, *serializer_, [self = self()](error_code e, std::size_t) { self->on_written(e); });
  }
  /// Says that nothing follows, so that the client sees the whole answer; what it still sends is not read.
  void finish() override {
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      lowest().expires_after(http_limits::header_time);
      stream_.async_shutdown([self = self()](error_code) { self->close(); });
    } else {
      error_code ignored;
      socket().shutdown(tcp::socket::shutdown_send, ignored);
      linger();
    }
  }

 private:
  std::shared_ptr<session_on> self() { return std::static_pointer_cast<session_on>(shared_from_this()); }
  /// Closing a socket with unread bytes resets it and may take the answer from the client: reads on for a moment, into
  /// nothing, up to a bound.
  void linger() {
    lowest().expires_after(std::chrono::seconds(1));
    stream_.async_read_some(asio::buffer(waste_), [self = self()](error_code e, std::size_t n) {
      self->wasted_ += n;
      if (e || self->wasted_ > (std::size_t{256} << 10))
        return self->close();
      self->linger();
    });
  }

  Stream stream_;
  std::array<char, 4096> waste_;
  std::size_t wasted_ = 0;
};

class beast_server final : public http_server {
 public:
  explicit beast_server(http_server_options o) { core_.options = std::move(o); }

  ~beast_server() override {
    core_.io.stop();
    if (thread_.joinable())
      thread_.join();
    // One that runs is waited for; those behind it are not begun.
    core_.orders.stop();
    core_.orders.join();
    // Handlers hold sessions, which refer to the core: they go before it, without being called.
    core_.sessions.clear();
  }

  result<> open() {
    const auto& o = core_.options;
    if (!o.tls_cert.empty()) {
      core_.tls.emplace(asio::ssl::context::tls_server);
      WEIR_TRY(load_certificate(*core_.tls, o.tls_cert, o.tls_key));
    }
    error_code e;
    tcp::endpoint at(asio::ip::make_address(o.host, e), o.port);
    if (!e)
      acceptor_.open(at.protocol(), e);
    if (!e)
      acceptor_.set_option(asio::socket_base::reuse_address(true), e);
    if (!e)
      acceptor_.bind(at, e);
    if (!e)
      acceptor_.listen(asio::socket_base::max_listen_connections, e);
    if (e)
      return error{e == boost::system::errc::permission_denied ? errc::not_authorized : errc::unavailable,
                   "cannot listen on " + text_of(at) + ": " + e.message()};
    address_ = text_of(acceptor_.local_endpoint());
    accept();
    thread_ = std::thread([this] { core_.io.run(); });
    ::pthread_setname_np(thread_.native_handle(), "weir.health"); // What health costs is seen by `top -H`.
    return success();
  }

  [[nodiscard]] const std::string& address() const override { return address_; }
  [[nodiscard]] http_counts counts() const override {
    std::lock_guard guard(core_.lock);
    return core_.counts;
  }

 private:
  static std::string text_of(const tcp::endpoint& at) {
    auto host = at.address().to_string();
    return (at.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(at.port());
  }

  void accept() {
    acceptor_.async_accept([this](error_code e, tcp::socket socket) {
      if (e) {
        pause_.expires_after(accept_pause);
        return pause_.async_wait([this](error_code) { accept(); });
      }
      while (core_.sessions.size() >= http_limits::connections) {
        auto oldest = core_.sessions.front();
        oldest->drop();
      }
      if (core_.tls)
        std::make_shared<session_on<tls_stream>>(core_, beast::tcp_stream(std::move(socket)), *core_.tls)->start();
      else
        std::make_shared<session_on<plain_stream>>(core_, std::move(socket))->start();
      accept();
    });
  }

  server_core core_;
  tcp::acceptor acceptor_{core_.io};
  asio::steady_timer pause_{core_.io};
  std::string address_;
  std::thread thread_;
};

} // namespace

result<std::unique_ptr<http_server>> http_server::start(http_server_options options) {
  auto server = std::make_unique<beast_server>(std::move(options));
  WEIR_TRY(server->open());
  return std::unique_ptr<http_server>(std::move(server));
}

} // namespace weir
