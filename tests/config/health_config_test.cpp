#include "tests/catch.hpp"
#include "tests/config/config_fixture.hpp"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {
const variables secrets{{{"TOKEN", "correct-horse-battery"}, {"SHORT", "0123456789abcde"}}};
}

TEST_CASE("health is on and on loopback when nothing is said") {
  auto c = read(with_top(R"("health": {})"));
  REQUIRE(c.ok());
  CHECK(c.value.health.enabled);
  CHECK(c.value.health.listen.empty());
  CHECK(parse_listen_address(default_health_address)->loopback);
}

TEST_CASE("an address to listen on is an address with a port, and what is loopback is known") {
  auto [text, host, port, loopback] =
      GENERATE(table<const char*, const char*, int, bool>({{"127.0.0.1:9347", "127.0.0.1", 9347, true},
                                                           {"127.8.8.8:0", "127.8.8.8", 0, true},
                                                           {"localhost:1", "127.0.0.1", 1, true},
                                                           {"[::1]:80", "::1", 80, true},
                                                           {"0.0.0.0:80", "0.0.0.0", 80, false},
                                                           {"[::]:65535", "::", 65535, false},
                                                           {"10.0.0.1:9", "10.0.0.1", 9, false}}));
  auto a = parse_listen_address(text);
  REQUIRE(a);
  CHECK(a->host == host);
  CHECK(a->port == port);
  CHECK(a->loopback == loopback);
}

TEST_CASE("what is no address with a port is refused") {
  auto text = GENERATE("9347", ":9347", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:9x", "::1:80",
                       "[::1]", "[nonsense]:80", "weir.example.org:80", "*:80", "127.1:80");
  INFO(text);
  CHECK_FALSE(parse_listen_address(text));
  CHECK(
      only_problem(read(with_top(std::string(R"("health": {"listen": ")") + text + "\"}")), "/health/listen", "it is host:port"));
}

TEST_CASE("an address other than loopback needs a token and TLS") {
  auto with = [](const std::string& more) {
    return read(with_top(R"("health": {"listen": "0.0.0.0:9347")" + more + "}"), secrets);
  };
  const std::string token = R"(, "token": "${env:TOKEN}")", tls = R"(, "tls.cert": "/c.pem", "tls.key": "/k.pem")";
  CHECK(only_problem(with(""), "/health/listen", "needs a token"));
  CHECK(only_problem(with(tls), "/health/listen", "needs a token"));
  CHECK(only_problem(with(token), "/health/listen", "needs tls.cert and tls.key"));
  CHECK(only_problem(with(token + R"(, "tls.cert": "/c.pem")"), "/health/tls.cert", "only go together"));
  CHECK(with(token + tls).ok());
  CHECK(with(R"(, "enabled": false)").ok());
}

TEST_CASE("a token is long, comes by substitution, and is in no message") {
  CHECK(only_problem(read(with_top(R"("health": {"token": "${env:SHORT}"})"), secrets), "/health/token", "shorter than 16"));
  auto plain = read(with_top(R"("health": {"token": "correct-horse-battery"})"));
  REQUIRE(plain.problems.size() == 1);
  CHECK(plain.problems[0].pointer == "/health/token");
  CHECK(all_text(plain).find("correct-horse") == std::string::npos);
}

TEST_CASE("a service restarts by the policy of the file where it says nothing itself") {
  auto c = read(R"({"version": 1, "connections": {"main": {"type": "log", "path": "/l"}},
    "restart": {"max_attempts": 7, "max_backoff": "5m"}, "services": [
    {"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}},
    {"name": "two", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}},
     "restart": {"max_attempts": 2, "initial_backoff": "2m"}}]})");
  INFO(all_text(c));
  REQUIRE(c.ok());
  CHECK(c.value.services[0].restart.max_attempts == 7);
  CHECK(c.value.services[0].restart.initial_backoff == 500ms);
  CHECK(c.value.services[1].restart.max_attempts == 2);
  CHECK(c.value.services[1].restart.initial_backoff == 2min);
  CHECK(c.value.services[1].restart.max_backoff == 5min);
}

TEST_CASE("the restart policy of a service is checked like that of the file, and against it") {
  auto with = [](const std::string& restart) {
    return read(R"({"version": 1, "connections": {"main": {"type": "log", "path": "/l"}}, "services": [
    {"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}, "restart": )" +
                restart + "}]}");
  };
  CHECK(only_problem(with(R"({"max_atempts": 1})"), "/services/0/restart/max_atempts", "did you mean 'max_attempts'?"));
  CHECK(
      only_problem(with(R"({"initial_backoff": "2m"})"), "/services/0/restart/initial_backoff", "longer than max_backoff (1m)"));
  CHECK(only_problem(with("3"), "/services/0/restart", "must be an object"));
}
