
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>
#include "tests/catch.hpp"

using weir::connection_settings;
using weir::kafka::parse_kafka_config;

namespace {

connection_settings with(std::map<std::string, std::string> options, std::map<std::string, std::string> properties = {}) {
  options.try_emplace("brokers", "localhost:9092");
  return {"main", "kafka", std::move(options), std::move(properties)};
}

std::string error_of(const connection_settings& s) {
  auto r = parse_kafka_config(s);
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == weir::errc::invalid_config);
  CHECK(r.err().message.find("'main'") != std::string::npos);
  return r.err().message;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string value_of(const weir::kafka::kafka_config& c, const std::string& name) {
  for (const auto& [n, v] : c.common)
    if (n == name)
      return v;
  return {};
}

} // namespace

TEST_CASE("brokers alone are enough, and host names are checked unless said otherwise") {
  auto c = parse_kafka_config(with({}));
  REQUIRE(c.ok());
  CHECK(value_of(*c, "security.protocol") == "plaintext");
  CHECK(value_of(*c, "ssl.endpoint.identification.algorithm") == "https");
  CHECK(holds(error_of({"main", "kafka", {}, {}}), "brokers"));
}

TEST_CASE("security.protocol follows from the tls and sasl options") {
  auto tls = parse_kafka_config(with({{"tls", "true"}}));
  REQUIRE(tls.ok());
  CHECK(value_of(*tls, "security.protocol") == "ssl");
  auto both = parse_kafka_config(
      with({{"tls", "true"}, {"sasl.mechanism", "SCRAM-SHA-256"}, {"sasl.username", "u"}, {"sasl.password", "p"}}));
  REQUIRE(both.ok());
  CHECK(value_of(*both, "security.protocol") == "sasl_ssl");
  auto off = parse_kafka_config(with({{"tls.verify.host", "false"}}));
  REQUIRE(off.ok());
  CHECK_FALSE(off->host_name_verified);
  CHECK(value_of(*off, "ssl.endpoint.identification.algorithm") == "none");
}

TEST_CASE("a security setting that cannot work or would leak is refused with what to do") {
  CHECK(holds(error_of(with({{"tls.ca", "/nowhere/ca.pem"}})), "/nowhere/ca.pem"));
  CHECK(holds(error_of(with({{"tls.cert", "/dev/null"}})), "belong together"));
  CHECK(holds(error_of(with({{"sasl.mechanism", "SCRAM-SHA-265"}, {"sasl.username", "u"}, {"sasl.password", "p"}})),
              "SCRAM-SHA-256"));
  CHECK(holds(error_of(with({{"sasl.mechanism", "SCRAM-SHA-256"}})), "sasl.username"));
  CHECK(holds(error_of(with({{"sasl.mechanism", "PLAIN"}, {"sasl.username", "u"}, {"sasl.password", "p"}})), "readable"));
  CHECK(holds(error_of(with({{"sasl.password", "p"}})), "sasl.mechanism"));
  CHECK(holds(error_of(with({{"tls", "false"}, {"tls.verify.host", "true"}})), "'tls' is false"));
  CHECK(holds(error_of(with({{"tls", "yes"}})), "true or false"));
}

TEST_CASE("every property that would break a guarantee is refused with its reason") {
  for (const auto& r : weir::kafka::refused_properties()) {
    CAPTURE(r.name);
    auto text = error_of(with({}, {{std::string(r.name), "1"}}));
    CHECK(holds(text, std::string(r.reason)));
    CHECK(r.reason.size() > 10);
  }
}

TEST_CASE("every refused property exists in librdkafka, so that no guard is dead") {
  weir::kafka::conf_ptr conf(rd_kafka_conf_new());
  char text[512];
  for (const auto& r : weir::kafka::refused_properties()) {
    if (r.name == "group.protocol")
      continue; // Newer librdkafka only.
    CAPTURE(r.name);
    CHECK(rd_kafka_conf_set(conf.get(), std::string(r.name).c_str(), "\x01", text, sizeof text) != RD_KAFKA_CONF_UNKNOWN);
  }
}

TEST_CASE("an unknown name gets librdkafka's text and the nearest name") {
  CHECK(holds(error_of(with({}, {{"socket.timeout.mss", "1000"}})), "'socket.timeout.ms'"));
  CHECK(holds(error_of(with({{"broker", "x"}})), "'brokers'"));
  CHECK(holds(error_of(with({}, {{"socket.timeout.ms", "soon"}})), "socket.timeout.ms"));
  CHECK(parse_kafka_config(with({}, {{"socket.timeout.ms", "20000"}})).ok());
}

TEST_CASE("a secret value never appears in an error") {
  const std::string canary = "canary-7f3a";
  for (const auto& s : {with({}, {{"sasl.oauthbearer.client.secret", canary}, {"no.such.thing", canary}}),
                        with({}, {{"ssl.key.pem", canary}, {"socket.timeout.ms", "x"}}),
                        with({{"sasl.mechanism", "PLAIN"}, {"sasl.username", "u"}, {"sasl.password", canary}}),
                        with({{"sasl.password", canary}}), with({{"tls.key.password", canary}, {"tls", "no"}}),
                        with({}, {{"ssl.keystore.password", canary}, {"ssl.keystore.location", "/nowhere"}, {"acks", "1"}})})
    CHECK_FALSE(holds(error_of(s), canary));
  CHECK(weir::kafka::is_secret("sasl.password"));
  CHECK(weir::kafka::is_secret("ssl.key.pem"));
  CHECK_FALSE(weir::kafka::is_secret("sasl.username"));
}

TEST_CASE("times and numbers are checked, with their bounds") {
  CHECK(holds(error_of(with({{"request.timeout", "soon"}})), "request.timeout"));
  CHECK(holds(error_of(with({{"transaction.timeout", "20m"}})), "15m"));
  CHECK(holds(error_of(with({{"transaction.timeout", "10s"}, {"delivery.timeout", "11s"}})), "delivery.timeout"));
  CHECK(holds(error_of(with({{"markers.partitions", "0"}})), "markers.partitions"));
  CHECK(holds(error_of(with({{"compression", "brotli"}})), "zstd"));
  auto c = parse_kafka_config(with({{"transaction.timeout", "20s"}, {"linger", "5ms"}, {"compression", "lz4"}}));
  REQUIRE(c.ok());
  CHECK(c->delivery_timeout == std::chrono::seconds(10));
  CHECK(c->linger == std::chrono::milliseconds(5));
}
