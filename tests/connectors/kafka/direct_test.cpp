#include <weir/connectors/kafka/direct.hpp>
#include "tests/catch.hpp"

using namespace weir::kafka;

TEST_CASE("an at-least-once producer that gets no record makes no client") {
  auto config = parse_kafka_config({"main", "kafka", {{"brokers", "127.0.0.1:1"}}, {}});
  REQUIRE(config);
  auto before = rd_kafka_thread_cnt();
  auto producer = kafka_direct::open(
      *config, topic_limits{}, 1 << 20, [] {}, weir::logger{});
  REQUIRE(producer);
  CHECK((*producer)->flushed().value());
  CHECK((*producer)->flushed_through((*producer)->sent_mark()).value());
  CHECK(rd_kafka_thread_cnt() == before);

  CHECK((*producer)->send({"t", 0, "k", "v", {}, 1}).value());
  CHECK_FALSE((*producer)->flushed().value());
  CHECK(rd_kafka_thread_cnt() > before);
}
