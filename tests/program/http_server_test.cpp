#include "services/weir/health/http_server.hpp"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <boost/asio/ssl/context.hpp>
#include <cstdio>
#include <vector>
#include "services/weir/health/http_client.hpp"
#include "tests/catch.hpp"
#include "tests/program/http_probe.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

const char* word_of(health_route r) {
  switch (r) {
    case health_route::live:
      return "live";
    case health_route::ready:
      return "ready";
    case health_route::metrics:
      return "metrics";
    case health_route::status:
      return "status";
    case health_route::parked_retry:
    case health_route::parked_skip:
      break;
  }
  return "";
}

std::unique_ptr<http_server> serve(http_server_options o = {}) {
  if (!o.answer)
    o.answer = [](health_route r) { return http_answer{200, "text/plain", word_of(r)}; };
  auto made = http_server::start(std::move(o));
  if (!made)
    throw std::runtime_error(made.err().message);
  return std::move(*made);
}

const std::string secret = "correct-horse-battery";

/// A certificate for nobody in particular, signed by itself, and its key.
void make_certificate(const std::string& cert, const std::string& key) {
  std::shared_ptr<EVP_PKEY> pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
  std::shared_ptr<X509> x(X509_new(), X509_free);
  X509_set_version(x.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(x.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(x.get()), 3600);
  X509_set_pubkey(x.get(), pair.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("weir"),
                             -1, -1, 0);
  X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
  X509_sign(x.get(), pair.get(), EVP_sha256());
  auto* c = std::fopen(cert.c_str(), "w");
  PEM_write_X509(c, x.get());
  std::fclose(c);
  auto* k = std::fopen(key.c_str(), "w");
  PEM_write_PrivateKey(k, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(k);
}

} // namespace

TEST_CASE("the four routes answer, several on one connection, and HEAD answers without a body") {
  auto server = serve();
  CHECK(server->address().starts_with("127.0.0.1:"));
  for (const char* path : {"/health/live", "/health/ready", "/metrics", "/api/v1/status"}) {
    auto answer = ask(server->address(), path);
    CHECK(code_of(answer) == 200);
    CHECK(answer.ends_with(std::string(path).substr(std::string(path).rfind('/') + 1)));
  }
  raw_connection c(server->address());
  c.send(
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: "
      "close\r\n\r\n");
  auto both = c.read_all();
  CHECK(holds(both, "metricsHTTP/1.1 200 OK"));
  CHECK(holds(both, "Content-Length: 4"));
  CHECK(both.ends_with("\r\n\r\n"));
}

TEST_CASE("a wrong Host is refused with 421, none or two with 400, and nothing of the jobs is told") {
  auto server = serve();
  auto wrong = ask(server->address(), "/metrics", "Host: evil.example\r\n");
  CHECK(code_of(wrong) == 421);
  CHECK_FALSE(holds(wrong, "metrics"));
  CHECK(code_of(ask(server->address(), "/metrics", "")) == 400);
  CHECK(code_of(ask(server->address(), "/metrics", "Host: localhost\r\nHost: localhost\r\n")) == 400);
}

TEST_CASE("a wrong or missing token is 401 on every path, and the right one is let in") {
  http_server_options o;
  o.token = secret;
  auto server = serve(o);
  for (const char* path : {"/health/live", "/health/ready", "/metrics", "/api/v1/status", "/nothing"}) {
    CHECK(code_of(ask(server->address(), path)) == 401);
    auto wrong = ask(server->address(), path, "Host: localhost\r\nAuthorization: Bearer correct-horse-batterx\r\n");
    CHECK(code_of(wrong) == 401);
    CHECK_FALSE(holds(wrong, secret));
  }
  CHECK(code_of(ask(server->address(), "/metrics", "Host: localhost\r\nAuthorization: Bearer " + secret + "\r\n")) == 200);
  auto twice = "Host: localhost\r\nAuthorization: Bearer " + secret + "\r\nAuthorization: Bearer " + secret + "\r\n";
  CHECK(code_of(ask(server->address(), "/metrics", twice)) == 401);
}

TEST_CASE("paths that climb, are encoded or name files are 404") {
  auto server = serve();
  for (const char* path : {"/", "/../../../../etc/passwd", "/metrics/../../etc/passwd", "/%2e%2e/etc/passwd", "/etc/passwd"}) {
    auto answer = ask(server->address(), path);
    CHECK(code_of(answer) == 404);
    CHECK_FALSE(holds(answer, "root:"));
  }
}

TEST_CASE("methods that change something are 405, and what is not HTTP is 400") {
  auto server = serve();
  for (const char* method : {"POST", "PUT", "DELETE", "TRACE"}) {
    raw_connection c(server->address());
    c.send(std::string(method) + " /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(code_of(c.read_all()) == 405);
  }
  for (const char* bytes : {"\x16\x03\x01\x02\x01\r\n\r\n", "GET\r\n\r\n", "GET /metrics HTTP/9.9\r\n\r\n"}) {
    raw_connection c(server->address());
    c.send(bytes);
    CHECK(code_of(c.read_all()) == 400);
  }
}

TEST_CASE("a body of 1 GB is refused before it is read, announced or in chunks, and memory stays flat") {
  auto server = serve();
  auto before = resident_kib();
  for (const char* kind : {"Content-Length: 1073741824\r\n", "Transfer-Encoding: chunked\r\n"}) {
    raw_connection c(server->address());
    REQUIRE(c.send(std::string("GET /metrics HTTP/1.1\r\nHost: localhost\r\n") + kind + "\r\n"));
    // The server takes a little of it, so that its answer arrives, and then no more: sending must fail long before the end.
    const std::string megabyte(1 << 20, 'x');
    int sent = 0;
    while (sent < 1024 && c.send(megabyte))
      ++sent;
    CHECK(sent < 64);
    // Closed with bytes unread, the connection may be reset before we read; what arrives must be the refusal.
    if (auto answer = c.read_all(); !answer.empty())
      CHECK(code_of(answer) == 413);
  }
  raw_connection polite(server->address());
  polite.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n");
  CHECK(code_of(polite.read_all()) == 413);
  CHECK(code_of(ask(server->address(), "/health/live")) == 200);
  CHECK(resident_kib() < before + 4096);
}

TEST_CASE("10,000 headers, one endless header and more than 64 short ones are refused with 431, and memory stays flat") {
  auto server = serve();
  auto before = resident_kib();
  std::string many = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 10'000; ++i)
    many += "X-" + std::to_string(i) + ": y\r\n";
  auto endless = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(100'000, 'y');
  std::string some = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 70; ++i)
    some += "X-" + std::to_string(i) + ": y\r\n";
  for (const auto& request : {many, endless, some}) {
    raw_connection c(server->address());
    c.send(request + "\r\n");
    CHECK(code_of(c.read_all()) == 431);
  }
  CHECK(code_of(ask(server->address(), "/health/live")) == 200);
  CHECK(resident_kib() < before + 4096);
}

TEST_CASE("1,000 half-open connections neither grow memory nor keep health from answering") {
  auto server = serve();
  CHECK(code_of(ask(server->address(), "/health/live")) == 200);
  auto before = resident_kib();
  std::vector<raw_connection> open;
  for (int i = 0; i < 1000; ++i) {
    open.emplace_back(server->address());
    open.back().send("GET /metrics HTTP/1.1\r\nHost: loc");
    if (i % 250 == 249)
      CHECK(code_of(ask(server->address(), "/health/live")) == 200);
  }
  CHECK(code_of(ask(server->address(), "/health/live")) == 200);
  CHECK(resident_kib() < before + 8192);
  CHECK(server->counts().dropped >= 1000 - http_limits::connections);
}

TEST_CASE("a request that dribbles in is cut off after the time for headers") {
  auto server = serve();
  raw_connection slow(server->address());
  slow.send("GET /metrics HTTP/1.1\r\n");
  auto began = std::chrono::steady_clock::now();
  CHECK(slow.read_all().empty());
  CHECK(std::chrono::steady_clock::now() - began < 3 * http_limits::header_time);
}

TEST_CASE("an answer that throws is 500 without its reason, and the next one is answered") {
  http_server_options o;
  o.answer = [](health_route r) -> http_answer {
    if (r == health_route::status)
      throw std::runtime_error("the inner reason");
    return {200, "text/plain", "fine"};
  };
  auto server = serve(o);
  auto answer = ask(server->address(), "/api/v1/status");
  CHECK(code_of(answer) == 500);
  CHECK_FALSE(holds(answer, "inner reason"));
  CHECK(code_of(ask(server->address(), "/health/live")) == 200);
}

TEST_CASE("a port that is taken is unavailable and says which") {
  auto server = serve();
  http_server_options o;
  o.port = static_cast<std::uint16_t>(std::stoi(server->address().substr(10)));
  o.answer = [](health_route) { return http_answer{}; };
  auto second = http_server::start(o);
  REQUIRE_FALSE(second);
  CHECK(second.err().code == errc::unavailable);
  CHECK(holds(second.err().message, server->address()));
}

TEST_CASE("over TLS the very certificate is trusted, another is not, and plain HTTP gets nothing") {
  scratch dir;
  auto cert = dir.path() + "/cert.pem", key = dir.path() + "/key.pem", other = dir.path() + "/other.pem";
  make_certificate(cert, key);
  make_certificate(other, dir.path() + "/other-key.pem");
  http_server_options o;
  o.token = secret;
  o.tls_cert = cert;
  o.tls_key = key;
  auto server = serve(o);
  auto reply = http_get({server->address(), "/metrics", secret, cert, 10s});
  INFO((reply ? std::string() : reply.err().message));
  REQUIRE(reply);
  CHECK(reply->code == 200);
  CHECK(reply->body == "metrics");
  CHECK(http_get({server->address(), "/metrics", "another-token-of-16", cert, 10s})->code == 401);
  auto untrusted = http_get({server->address(), "/metrics", secret, other, 10s});
  REQUIRE_FALSE(untrusted);
  CHECK_FALSE(holds(untrusted.err().message, secret));
  CHECK(code_of(ask(server->address(), "/metrics")) == 0);

  o.tls_key = dir.path() + "/other-key.pem";
  auto mixed = http_server::start(o);
  REQUIRE_FALSE(mixed);
  CHECK(mixed.err().code == errc::invalid_config);
  o.tls_key = dir.path() + "/missing.pem";
  CHECK(http_server::start(o).err().code == errc::invalid_config);
}
