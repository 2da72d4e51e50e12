#include <algorithm>
#include <set>

#include "tests/catch.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"

using namespace kafka_test;
using namespace std::chrono_literals;

namespace {

struct world {
  explicit world(int partitions, std::size_t queue_bytes = 8u << 20, const std::map<std::string, std::string>& options = {})
      : main(connect(options)), sink(must(main->open_sink(queue_bytes, {}))) {
    must(sink->ensure_topic(topic, partitions, false));
    producer = must(sink->open_direct(acknowledged.ringer()));
  }
  weir::output_record record(std::string_view value, std::int32_t partition, std::string_view headers = {}) const {
    return {topic, partition, "k", value, headers, 1'700'000'000'000};
  }
  /// Sends, waiting for room; says how often there was none.
  int send(std::string_view value, std::int32_t partition, std::string_view headers = {}) {
    int full = 0;
    while (!must(producer->send(record(value, partition, headers)))) {
      ++full;
      if (!acknowledged.wait(20s))
        throw std::runtime_error("no wake-up though the producer was full");
    }
    return full;
  }
  void flush(std::uint64_t mark) {
    while (!must(producer->flushed_through(mark)))
      if (!acknowledged.wait(20s))
        throw std::runtime_error("no wake-up though the mark was not reached");
  }
  bell acknowledged;
  std::unique_ptr<weir::connection> main;
  std::unique_ptr<weir::sink_connection> sink;
  std::string topic = fresh("direct");
  std::unique_ptr<weir::direct_producer> producer;
};

std::vector<std::string> read(world& w, std::int32_t partition, std::size_t n) {
  partition_scan scan(*w.main, w.topic, partition, 0);
  REQUIRE(scan.until_records(n));
  std::vector<std::string> values;
  for (const auto& r : scan.records)
    values.push_back(r.record.value.value_or("<null>"));
  return values;
}

} // namespace

TEST_CASE("what is sent while a batch is in flight keeps each partition's order, and nothing is lost or doubled") {
  world w(3);
  constexpr int records = 30'000;
  for (int i = 0; i < records; ++i)
    w.send(std::to_string(i), i % 3);
  w.flush(w.producer->sent_mark());
  for (int p = 0; p < 3; ++p) {
    auto values = read(w, p, records / 3);
    std::vector<std::string> expected;
    for (int i = p; i < records; i += 3)
      expected.push_back(std::to_string(i));
    CHECK(values == expected);
  }
}

TEST_CASE("a full producer says so, wakes its caller, and goes on in order") {
  world w(1, 1u << 20);
  const std::string padding(2'000, 'x');
  int full = 0;
  for (int i = 0; i < 3'000; ++i)
    full += w.send(std::to_string(i) + padding, 0);
  CHECK(full > 0);
  w.flush(w.producer->sent_mark());
  auto values = read(w, 0, 3'000);
  REQUIRE(values.size() == 3'000);
  for (int i = 0; i < 3'000; ++i)
    REQUIRE(values[static_cast<std::size_t>(i)] == std::to_string(i) + padding);
}

TEST_CASE("keys, empty and missing values and time stamps survive the wait behind a batch") {
  // Without linger all but the first wait behind it.
  world w(1, 8u << 20, {{"linger", "0ms"}});
  for (int i = 0; i < 200; ++i) {
    weir::output_record r{w.topic, 0, std::nullopt, std::nullopt, {}, 1'700'000'000'000 + i};
    auto text = std::to_string(i);
    if (i % 3 == 1)
      r.key = text;
    if (i % 3 == 2)
      r.value = "";
    REQUIRE(must(w.producer->send(r)));
  }
  w.flush(w.producer->sent_mark());
  partition_scan scan(*w.main, w.topic, 0, 0);
  REQUIRE(scan.until_records(200));
  for (int i = 0; i < 200; ++i) {
    const auto& r = scan.records[static_cast<std::size_t>(i)].record;
    INFO("record " << i);
    CHECK(r.key == (i % 3 == 1 ? std::optional(std::to_string(i)) : std::nullopt));
    CHECK(r.value == (i % 3 == 2 ? std::optional(std::string()) : std::nullopt));
    CHECK(r.time.ms() == 1'700'000'000'000 + i);
  }
}

TEST_CASE("a mark is reached when what was sent before it is acknowledged, whatever is sent behind it") {
  world w(2);
  w.send("before", 0);
  auto mark = w.producer->sent_mark();
  w.flush(mark);
  auto later = w.producer->sent_mark();
  w.send("behind", 1);
  CHECK(must(w.producer->flushed_through(mark)));
  CHECK(must(w.producer->flushed_through(later)));
  w.flush(w.producer->sent_mark());
  CHECK(must(w.producer->flushed()));
  CHECK(read(w, 0, 1) == std::vector<std::string>{"before"});
  CHECK(read(w, 1, 1) == std::vector<std::string>{"behind"});
}

TEST_CASE("a record that the topic refuses fails every later call, and wakes who waits") {
  world w(1);
  configure_topic(w.topic, {{"max.message.bytes", "1000"}});
  const std::string large(5'000, 'y');
  REQUIRE(must(w.producer->send(w.record(large, 0))));
  auto mark = w.producer->sent_mark();
  std::optional<weir::error> seen;
  while (!seen) {
    auto r = w.producer->flushed_through(mark);
    if (!r)
      seen = r.err();
    else if (*r)
      FAIL("the broker took a record above the topic's limit");
    else
      REQUIRE(w.acknowledged.wait(20s));
  }
  CHECK(seen->code == weir::errc::too_large);
  CHECK(seen->message.find(w.topic) != std::string::npos);
  auto again = w.producer->send(w.record("small", 0));
  REQUIRE_FALSE(again.ok());
  CHECK(again.err().code == weir::errc::too_large);
}
