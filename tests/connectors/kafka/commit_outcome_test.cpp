#include <memory>
#include <weir/connectors/kafka/publisher.hpp>

#include "tests/catch.hpp"
#include "tests/connectors/kafka/mock_broker.hpp"

using namespace weir::kafka;
using weir::publish_outcome;

namespace {

kafka_publisher publisher_at(const mock_broker& broker) {
  auto config = parse_kafka_config(broker.settings());
  REQUIRE(config.ok());
  return {std::move(*config), {"ns.job.main.0", "markers", 0, 8u << 20}, std::make_shared<topic_limits>(), {}};
}

} // namespace

TEST_CASE("a commit whose end failed at the broker is of unknown outcome, whatever class the error has") {
  mock_broker broker{"out", "markers"};
  auto publisher = publisher_at(broker);
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
  broker.answer(mock_broker::end_txn, {RD_KAFKA_RESP_ERR_UNKNOWN});
  const auto report = publish();
  INFO(report.cause.message);
  CHECK(report.outcome == publish_outcome::unknown);
  CHECK(publisher.commit(m).outcome == publish_outcome::unknown);
}
