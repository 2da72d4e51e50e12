#include "services/weir/health/http_client.hpp"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>
#include <weir/config/config.hpp>
#include "services/weir/health/http_rules.hpp"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using plain_stream = beast::tcp_stream;
using tls_stream = beast::ssl_stream<beast::tcp_stream>;

constexpr std::uint64_t largest_answer = std::uint64_t{64} << 20;

/// The steps of one request, each begun by the one before; the deadline is the stream's.
template <class Stream>
class exchange {
 public:
  template <class... Args>
  exchange(asio::io_context& io, Args&&... args) : stream_(io, std::forward<Args>(args)...) {}

  result<http_reply> run(asio::io_context& io, http::verb method, const http_request& r, const tcp::endpoint& to) {
    request_ = {method, r.path, 11};
    if (method == http::verb::post) {
      request_.set(beast::string_view(order_header.data(), order_header.size()), "1");
      request_.content_length(0);
    }
    request_.set(http::field::host, r.address);
    request_.set(http::field::connection, "close");
    if (!r.token.empty())
      request_.set(http::field::authorization, "Bearer " + r.token);
    parser_.body_limit(largest_answer);
    beast::get_lowest_layer(stream_).expires_after(r.timeout);
    beast::get_lowest_layer(stream_).async_connect(to, [this](error_code e) { e ? fail(e) : handshake(); });
    io.run();
    if (failed_)
      return error{errc::unavailable, r.address + ": " + failed_.message()};
    return http_reply{parser_.get().result_int(), std::move(parser_.get().body())};
  }

 private:
  void handshake() {
    if constexpr (std::is_same_v<Stream, tls_stream>)
      stream_.async_handshake(asio::ssl::stream_base::client, [this](error_code e) { e ? fail(e) : write(); });
    else
      write();
  }
  void write() {
    http::async_write(stream_, request_, [this](error_code e, std::size_t) {
      // A server that refuses early has answered before it read everything.
      (void)e;
      http::async_read(stream_, buffer_, parser_, [this](error_code r, std::size_t) {
        if (r)
          fail(r);
      });
    });
  }
  void fail(error_code e) { failed_ = e; }

  Stream stream_;
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_;
  error_code failed_;
};

/// Trusts the very certificate of the configuration and no other, whatever names it carries.
result<> trust(asio::ssl::context& tls, const std::string& file) {
  error_code e;
  tls.load_verify_file(file, e);
  if (e)
    return error{errc::invalid_config, "/health/tls.cert: " + file + ": " + e.message()};
  auto* own = ::BIO_new_file(file.c_str(), "r");
  std::shared_ptr<X509> leaf(own ? ::PEM_read_bio_X509(own, nullptr, nullptr, nullptr) : nullptr, ::X509_free);
  ::BIO_free(own);
  if (!leaf)
    return error{errc::invalid_config, "/health/tls.cert: " + file + ": holds no certificate"};
  ::X509_VERIFY_PARAM_set_flags(::SSL_CTX_get0_param(tls.native_handle()), X509_V_FLAG_PARTIAL_CHAIN);
  tls.set_verify_mode(asio::ssl::verify_peer);
  tls.set_verify_callback([leaf](bool fine, asio::ssl::verify_context& at) {
    if (!fine || ::X509_STORE_CTX_get_error_depth(at.native_handle()) > 0)
      return fine;
    return ::X509_cmp(::X509_STORE_CTX_get_current_cert(at.native_handle()), leaf.get()) == 0;
  });
  return success();
}

result<http_reply> send(http::verb method, const http_request& r) {
  WEIR_ASSIGN(auto at, parse_listen_address(r.address));
  error_code e;
  auto ip = asio::ip::make_address(at.host, e);
  // Who listens everywhere is reached on loopback.
  if (ip.is_unspecified())
    ip = ip.is_v6() ? asio::ip::address(asio::ip::address_v6::loopback()) : asio::ip::address_v4::loopback();
  tcp::endpoint to(ip, at.port);
  asio::io_context io{1};
  if (r.certificate.empty())
    return exchange<plain_stream>(io).run(io, method, r, to);
  asio::ssl::context tls(asio::ssl::context::tls_client);
  WEIR_TRY(trust(tls, r.certificate));
  return exchange<tls_stream>(io, tls).run(io, method, r, to);
}

} // namespace

result<http_reply> http_get(const http_request& r) { return send(http::verb::get, r); }

result<http_reply> http_post(const http_request& r) { return send(http::verb::post, r); }

} // namespace weir
