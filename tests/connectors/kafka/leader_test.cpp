#include <weir/connectors/connector.hpp>

#include "tests/catch.hpp"
#include "tests/connectors/kafka/mock_broker.hpp"

TEST_CASE("offsets of a partition whose leader moves, or is not told yet, are asked for again") {
  mock_broker broker{"in"};
  auto connection = std::move(*weir::make_kafka_connection(broker.settings()));
  auto source = connection->open_source("ns.job", 1 << 20, {});
  REQUIRE(source.ok());
  auto trouble = [&] {
    broker.answer(mock_broker::list_offsets,
                  {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                   RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  };
  trouble();
  auto end = (*source)->end_offset("in", 0);
  INFO((end ? "" : end.err().message));
  REQUIRE(end.ok());
  CHECK(*end == 0);
  trouble();
  auto at = (*source)->resolve("in", 0, weir::start_timestamp{weir::timestamp{1'000'000}});
  INFO((at ? "" : at.err().message));
  REQUIRE(at.ok());
  CHECK(*at == 0);
}
