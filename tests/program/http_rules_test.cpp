#include "services/weir/health/http_rules.hpp"
#include "tests/catch.hpp"

using namespace weir;

TEST_CASE("a Host header may be an address, localhost or the configured name, with or without a port") {
  for (const char* host : {"127.0.0.1", "127.0.0.1:9347", "10.1.2.3:80", "localhost", "LocalHost:9347", "[::1]", "[::1]:9347"}) {
    INFO(host);
    CHECK(host_allowed(host, ""));
  }
  CHECK(host_allowed("weir.example.org", "weir.example.org"));
  CHECK(host_allowed("WEIR.example.org:443", "weir.example.org"));
}

TEST_CASE("a Host header with any other name is refused: a page that rebinds its own name carries that name") {
  for (const char* host :
       {"", "evil.example", "evil.example:9347", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:", "127.0.0.1:x",
        "127.0.0.1:9347:1", "[::1", "[::1]x", "[evil]", "localhost@evil", "1234567"}) {
    INFO(host);
    CHECK_FALSE(host_allowed(host, ""));
    CHECK_FALSE(host_allowed(host, "weir.example.org"));
  }
}

TEST_CASE("only the whole token behind the scheme Bearer is right") {
  const std::string token = "0123456789abcdef";
  CHECK(token_matches("Bearer " + token, token));
  CHECK(token_matches("bearer " + token, token));
  for (const std::string given : {"", "Bearer", "Bearer ", token.c_str(), "Basic 0123456789abcdef", "Bearer 0123456789abcdeg",
                                  "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Bearer  0123456789abcdef"}) {
    INFO(given);
    CHECK_FALSE(token_matches(given, token));
  }
}

TEST_CASE("four paths are known as they are written, and nothing else") {
  CHECK(route_of("/health/live") == health_route::live);
  CHECK(route_of("/health/ready?verbose=1") == health_route::ready);
  CHECK(route_of("/metrics") == health_route::metrics);
  CHECK(route_of("/api/v1/status") == health_route::status);
  for (const char* path : {"", "/", "/health", "/health/live/", "/health/../metrics", "/metrics/../../etc/passwd", "/%6detrics",
                           "//metrics", "/METRICS", "http://127.0.0.1/metrics", "/etc/passwd", "*"}) {
    INFO(path);
    CHECK_FALSE(route_of(path));
  }
}
