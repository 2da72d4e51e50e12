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

TEST_CASE("an order names one service and one key, and anything else in its query is refused") {
  const parked_place place{"counter", std::string("a\0\xff", 3)};
  CHECK(query_of(place) == "?service=counter&key=6100ff");
  CHECK(parked_place_of("/x" + query_of(place)) == place);
  CHECK(parked_place_of("/x?key=6100FF&service=counter") == place);
  CHECK(parked_place_of("/x?service=counter&key=") == parked_place{"counter", ""});
  for (const char* target : {"/x", "/x?", "/x?service=counter", "/x?key=61", "/x?service=&key=61", "/x?service=counter&key=6",
                             "/x?service=counter&key=6g", "/x?service=counter&key=61&key=62", "/x?service=a&service=b&key=61",
                             "/x?service=counter&key=61&more=1", "/x?service=counter&key=61&", "/x?service=counter;key=61"}) {
    INFO(target);
    CHECK_FALSE(parked_place_of(target));
  }
}

TEST_CASE("six paths are known as they are written, and nothing else") {
  CHECK(route_of("/health/live") == health_route::live);
  CHECK(route_of("/health/ready?verbose=1") == health_route::ready);
  CHECK(route_of("/metrics") == health_route::metrics);
  CHECK(route_of("/api/v1/status") == health_route::status);
  CHECK(route_of("/api/v1/parked/retry?key=61") == health_route::parked_retry);
  CHECK(route_of("/api/v1/parked/skip") == health_route::parked_skip);
  for (const char* path :
       {"", "/", "/health", "/health/live/", "/health/../metrics", "/metrics/../../etc/passwd", "/%6detrics", "//metrics",
        "/api/v1/parked", "/api/v1/parked/drop", "/METRICS", "http://127.0.0.1/metrics", "/etc/passwd", "*"}) {
    INFO(path);
    CHECK_FALSE(route_of(path));
  }
}
