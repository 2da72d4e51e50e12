#include <atomic>

#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/call_thread.hpp>
#include <weir/connectors/kafka/errors.hpp>
#include <weir/connectors/kafka/message.hpp>
#include <weir/connectors/kafka/partition_reader.hpp>
#include <weir/connectors/kafka/topic_limits.hpp>
#include "tests/catch.hpp"

using namespace weir::kafka;

TEST_CASE("murmur2 partitions are those of the Java client") {
  // From Apache Kafka's UtilsTest.testMurmur2: the hash of each text.
  const std::pair<std::string, std::int32_t> known[] = {{"21", -973932308},
                                                        {"foobar", -790332482},
                                                        {"a-little-bit-long-string", -985981536},
                                                        {"a-little-bit-longer-string", -1486304829},
                                                        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                                                        {"abc", 479470107}};
  for (const auto& [key, hash] : known) {
    CAPTURE(key);
    for (std::int32_t partitions : {1, 7, 12, 1000})
      CHECK(weir::murmur2_partition(key, partitions) == (hash & 0x7fffffff) % partitions);
  }
}

TEST_CASE("packed headers become librdkafka's, and damaged ones an error") {
  weir::header_list headers{{"a", "1"}, {"a", std::nullopt}, {"", ""}};
  auto packed = weir::pack_headers(headers);
  auto list = to_headers(packed);
  REQUIRE(list.ok());
  REQUIRE(rd_kafka_header_cnt(list->get()) == 3);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 9;
  REQUIRE(rd_kafka_header_get_all(list->get(), 1, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR);
  CHECK(std::string(name) == "a");
  CHECK(value == nullptr);
  CHECK(to_headers("").ok());
  for (std::size_t n = 1; n < packed.size(); ++n)
    CHECK_FALSE(to_headers(std::string_view(packed).substr(0, n)).ok());
  CHECK_FALSE(to_headers(packed + "x").ok());
}

TEST_CASE("a record of time zero is not stamped with the present") {
  CHECK(stamp_of(0) == 1);
  CHECK(stamp_of(-5) == 1);
  CHECK(stamp_of(1'700'000'000'000) == 1'700'000'000'000);
}

TEST_CASE("a second delivery is known by its content, not by its offset alone") {
  weir::record_view r;
  r.value = "value";
  r.time = weir::timestamp::from_ms(5);
  recent_records recent;
  recent.add(7, fingerprint_of(r));
  CHECK(recent.holds(7, fingerprint_of(r)));
  auto other = r;
  other.value = "another";
  CHECK_FALSE(recent.holds(7, fingerprint_of(other)));
  other = r;
  other.key = "";
  CHECK_FALSE(recent.holds(7, fingerprint_of(other)));
  other = r;
  other.value = std::nullopt;
  CHECK_FALSE(recent.holds(7, fingerprint_of(other)));
  CHECK_FALSE(recent.holds(6, fingerprint_of(r)));
  for (std::size_t i = 0; i < recent_records::capacity; ++i)
    recent.add(static_cast<std::int64_t>(8 + i), 1);
  CHECK_FALSE(recent.holds(7, fingerprint_of(r)));
}

TEST_CASE("an error of no class is fatal, and fencing is recognised by every name it has") {
  CHECK(outcome_of(nullptr).ok());
  auto o = outcome_of(rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "odd"));
  CHECK(o.fatal);
  CHECK_FALSE(o.retriable);
  for (auto err : {RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH}) {
    CHECK(is_fencing(err));
    CHECK(code_of(err) == weir::errc::fenced);
    CHECK(outcome_of_delivery(err) == weir::publish_outcome::fenced);
  }
  CHECK(outcome_of_delivery(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) == weir::publish_outcome::unwritable);
  CHECK(outcome_of_delivery(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) == weir::publish_outcome::gone);
  CHECK(outcome_of_delivery(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) == weir::publish_outcome::retriable);
}

TEST_CASE("a call that hangs is given up, and nothing is called after it") {
  // Static: the thread that hung may still be leaving its function when the test ends.
  static std::atomic<bool> release{false};
  static std::atomic<int> ran{0};
  {
    call_thread calls;
    CHECK(calls.run([] { ++ran; }, std::chrono::seconds(10)));
    CHECK_FALSE(calls.run(
        [] {
          release.wait(false);
          ++ran;
          ran.notify_all();
        },
        std::chrono::milliseconds(1)));
    CHECK_FALSE(calls.run([] { ran = 100; }, std::chrono::seconds(10)));
    CHECK(ran == 1);
  }
  release = true;
  release.notify_all();
  ran.wait(1);
  CHECK(ran == 2);
}

TEST_CASE("batches are no larger than the smallest topic allows") {
  topic_limits limits;
  CHECK(limits.batch_bytes(1000) == 1000);
  limits.set("unknown", 0);
  limits.set("large", 5000);
  CHECK(limits.batch_bytes(1000) == 1000);
  limits.set("small", 300);
  CHECK(limits.batch_bytes(1000) == 300);
  CHECK(limits.of("small") == 300);
  CHECK(limits.of("other") == 0);
  CHECK(wire_size(10, 20, 0) > 91);
}
