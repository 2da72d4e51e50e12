#include <weir/connectors/connector.hpp>

#include "tests/catch.hpp"
#include "tests/connectors/kafka/mock_broker.hpp"

namespace {

/// The group of a source stands at 7 in its topic.
struct world {
  world() {
    auto source = open();
    auto reader = source->open("in", 0, 0, [] {});
    REQUIRE(reader.ok());
    REQUIRE(source->start().ok());
    auto committed = source->commit_offsets("in", {{0, 7}});
    INFO((committed ? "" : committed.err().message));
    REQUIRE(committed.ok());
  }
  [[nodiscard]] std::unique_ptr<weir::source_connection> open() const {
    auto source = connection->open_source("ns.job", 1 << 20, {});
    REQUIRE(source.ok());
    return std::move(*source);
  }

  mock_broker broker{"in"};
  std::unique_ptr<weir::connection> connection = std::move(*weir::make_kafka_connection(broker.settings()));
};

} // namespace

TEST_CASE("a group's offset is waited for while its coordinator moves, starts or loads") {
  world w;
  auto source = w.open();
  auto stands_at_7 = [&] {
    auto at = source->resolve("in", 0, weir::start_group{});
    INFO((at ? "" : at.err().message));
    REQUIRE(at.ok());
    CHECK(*at == 7);
  };
  SECTION("the broker asked is not, or not yet, the coordinator") {
    w.broker.answer(mock_broker::offset_fetch, {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                                                RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS});
    stands_at_7();
    w.broker.answer(mock_broker::offset_fetch, {RD_KAFKA_RESP_ERR_NOT_COORDINATOR});
    stands_at_7();
  }
  SECTION("there is none yet") {
    w.broker.answer(mock_broker::find_coordinator,
                    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE});
    stands_at_7();
  }
  SECTION("the source was started meanwhile") {
    auto reader = source->open("in", 0, 7, [] {});
    REQUIRE(reader.ok());
    REQUIRE(source->start().ok());
    w.broker.answer(mock_broker::offset_fetch, {RD_KAFKA_RESP_ERR_NOT_COORDINATOR});
    stands_at_7();
  }
}

TEST_CASE("a group that may not be asked for is refused, not waited for without a reason") {
  world w;
  auto settings = w.broker.settings();
  settings.options["request.timeout"] = "2s";
  auto connection = weir::make_kafka_connection(settings);
  REQUIRE(connection.ok());
  auto source = (*connection)->open_source("other", 1 << 20, {});
  REQUIRE(source.ok());
  SECTION("by the coordinator") { w.broker.answer(mock_broker::offset_fetch, {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED}); }
  SECTION("by who is asked for the coordinator") {
    for (int i = 0; i < 50; ++i)
      w.broker.answer(mock_broker::find_coordinator, {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED});
  }
  auto at = (*source)->resolve("in", 0, weir::start_group{});
  REQUIRE_FALSE(at.ok());
  INFO(at.err().message);
  CHECK(at.err().code == weir::errc::not_authorized);
}
