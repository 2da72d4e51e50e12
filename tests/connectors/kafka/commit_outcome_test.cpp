#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h>

#include <memory>
#include <weir/connectors/kafka/publisher.hpp>
#include "tests/catch.hpp"

// librdkafka's mock broker answers with faults that a real one gives once in a year. It knows nothing of fencing or
// read_committed: what becomes of the records is for the tests against a real broker.

using namespace weir::kafka;
using weir::publish_outcome;

namespace {

constexpr std::int16_t end_txn = 26; // Number of the request in Kafka's protocol.

struct mock_broker {
  mock_broker() {
    char why[256];
    client.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why));
    REQUIRE(client);
    cluster.reset(rd_kafka_mock_cluster_new(client.get(), 1));
    REQUIRE(cluster);
    for (const auto* topic : {"out", "markers"})
      REQUIRE(rd_kafka_mock_topic_create(cluster.get(), topic, 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  kafka_publisher publisher() const {
    weir::connection_settings s;
    s.name = "main";
    s.type = "kafka";
    s.options["brokers"] = rd_kafka_mock_cluster_bootstraps(cluster.get());
    auto config = parse_kafka_config(s);
    REQUIRE(config.ok());
    return {std::move(*config), {"ns.job.main.0", "markers", 0, 8u << 20}, std::make_shared<topic_limits>(), {}};
  }

  std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> client{nullptr, &rd_kafka_destroy};
  std::unique_ptr<rd_kafka_mock_cluster_t, decltype(&rd_kafka_mock_cluster_destroy)> cluster{nullptr,
                                                                                             &rd_kafka_mock_cluster_destroy};
};

} // namespace

TEST_CASE("a commit whose end failed at the broker is of unknown outcome, whatever class the error has") {
  mock_broker broker;
  auto publisher = broker.publisher();
  REQUIRE(publisher.fence().ok());
  weir::marker m;
  m.checkpoint = 1;
  const weir::output_record record{"out", 0, "k", "v", {}, 1'700'000'000'000};
  const auto publish = [&] {
    const auto added = publisher.add({&record, 1});
    INFO(added.cause.message);
    REQUIRE(added.outcome == publish_outcome::done);
    return publisher.commit(m);
  };
  REQUIRE(publish().outcome == publish_outcome::done);
  // An error that librdkafka has no rule for: it lets the transaction be aborted, and knows nothing of what the broker did.
  rd_kafka_mock_push_request_errors(broker.cluster.get(), end_txn, 1, RD_KAFKA_RESP_ERR_UNKNOWN);
  const auto report = publish();
  INFO(report.cause.message);
  CHECK(report.outcome == publish_outcome::unknown);
  CHECK(publisher.commit(m).outcome == publish_outcome::unknown);
}
