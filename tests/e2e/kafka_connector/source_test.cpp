#include "tests/catch.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"

using namespace kafka_test;
using namespace std::chrono_literals;

namespace {

struct counter : weir::record_consumer {
  std::size_t n = 0;
  void consume(const weir::record_view&) override { ++n; }
};

} // namespace

TEST_CASE("records keep key, value, headers and time stamp; null is not empty") {
  auto main = connect();
  auto sink = must(main->open_sink(8u << 20, {}));
  auto topic = fresh("forms");
  must(sink->ensure_topic(topic, 1, false));
  weir::header_list headers{{"a", "1"}, {"a", "2"}, {"null", std::nullopt}, {"empty", ""}};
  auto packed = weir::pack_headers(headers);
  std::string with_zero("a\0b", 3);
  std::vector<weir::output_record> records{{topic, 0, "key", "value", packed, 1'700'000'000'123},
                                           {topic, 0, std::nullopt, "no key", {}, 1'700'000'000'001},
                                           {topic, 0, "tombstone", std::nullopt, {}, 1'700'000'000'002},
                                           {topic, 0, "", "", {}, 1'700'000'000'003},
                                           {topic, 0, with_zero, with_zero, {}, 0}};
  auto check = [&](const partition_scan& scan) {
    REQUIRE(scan.records.size() == records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      CAPTURE(i);
      const auto& got = scan.records[i].record;
      CHECK(got.key.has_value() == records[i].key.has_value());
      CHECK(got.key.value_or("") == records[i].key.value_or(""));
      CHECK(got.value.has_value() == records[i].value.has_value());
      CHECK(got.value.value_or("") == records[i].value.value_or(""));
      CHECK(got.time.ms() == std::max<std::int64_t>(1, records[i].time_ms));
    }
    CHECK(scan.records[0].record.headers == headers);
    CHECK(scan.records[1].record.headers.empty());
  };
  SECTION("through a transaction") {
    auto p = must(sink->open_publisher(fresh("id"), fresh("markers")));
    must(p->fence());
    REQUIRE(p->add(records).outcome == weir::publish_outcome::done);
    REQUIRE(p->commit({}).outcome == weir::publish_outcome::done);
    partition_scan scan(*main, topic, 0, 0);
    REQUIRE(scan.until_end());
    check(scan);
  }
  SECTION("through the direct producer") {
    bell rung;
    auto p = must(sink->open_direct(rung.ringer()));
    for (const auto& r : records)
      CHECK(must(p->send(r)));
    while (!must(p->flushed()))
      REQUIRE(rung.wait(20s));
    partition_scan scan(*main, topic, 0, 0);
    REQUIRE(scan.until_end());
    check(scan);
  }
}

TEST_CASE("every compression is written and read") {
  auto compression = GENERATE(as<std::string>{}, "none", "gzip", "snappy", "lz4", "zstd");
  CAPTURE(compression);
  auto main = connect({{"compression", compression}});
  auto sink = must(main->open_sink(8u << 20, {}));
  auto topic = fresh("compressed");
  must(sink->ensure_topic(topic, 1, false));
  bell rung;
  auto p = must(sink->open_direct(rung.ringer()));
  std::string value(1000, 'c');
  for (int i = 0; i < 200; ++i)
    CHECK(must(p->send({topic, 0, "k", value, {}, 1})));
  while (!must(p->flushed()))
    REQUIRE(rung.wait(20s));
  partition_scan scan(*main, topic, 0, 0);
  REQUIRE(scan.until_records(200));
  CHECK(scan.records.back().record.value == value);
}

TEST_CASE("a mark of the direct producer waits for what was sent before it and not for what came behind") {
  // What is sent stays in the producer for two seconds: nothing of the second part is written while the first is looked at.
  auto main = connect({{"linger", "2s"}});
  auto sink = must(main->open_sink(8u << 20, {}));
  auto topic = fresh("marks");
  must(sink->ensure_topic(topic, 3, false));
  bell rung;
  auto p = must(sink->open_direct(rung.ringer()));
  auto send = [&](const std::string& value) {
    for (std::int32_t partition = 0; partition < 3; ++partition)
      CHECK(must(p->send({topic, partition, "k", value, {}, 1})));
  };
  CHECK(must(p->flushed_through(p->sent_mark())));
  send("before");
  auto first = p->sent_mark();
  while (!must(p->flushed_through(first)))
    REQUIRE(rung.wait(20s));
  for (std::int32_t partition = 0; partition < 3; ++partition) {
    partition_scan scan(*main, topic, partition, 0);
    REQUIRE(scan.until_records(1));
  }
  send("behind");
  auto second = p->sent_mark();
  CHECK(second > first);
  CHECK(must(p->flushed_through(first)));
  CHECK_FALSE(must(p->flushed_through(second)));
  CHECK_FALSE(must(p->flushed()));
  while (!must(p->flushed_through(second)))
    REQUIRE(rung.wait(20s));
  CHECK(must(p->flushed()));
}

TEST_CASE("start positions lead to the right first record") {
  auto main = connect();
  auto topic = fresh("positions");
  create_topic(topic, 2);
  foreign_producer out;
  for (int i = 0; i < 10; ++i)
    out.send(topic, 0, "v" + std::to_string(i), 1'700'000'000'000 + i * 1000);
  auto group = fresh("group");
  auto source = must(main->open_source(group, 8u << 20, {}));
  CHECK(must(source->resolve(topic, 0, weir::start_earliest{})) == 0);
  CHECK(must(source->resolve(topic, 0, weir::start_latest{})) == 10);
  CHECK(must(source->resolve(topic, 0, weir::start_timestamp{weir::timestamp::from_ms(1'700'000'003'000)})) == 3);
  CHECK(must(source->resolve(topic, 0, weir::start_timestamp{{1'700'000'003'000'001}})) == 4);
  CHECK(must(source->resolve(topic, 0, weir::start_timestamp{weir::timestamp::from_ms(1'800'000'000'000)})) == 10);
  CHECK(must(source->resolve(topic, 0, weir::start_group{})) == 0);
  CHECK(must(source->resolve(topic, 0, weir::start_offsets{{{0, 5}}})) == 5);
  CHECK(must(source->resolve(topic, 1, weir::start_offsets{{{0, 5}}})) == 0);
  CHECK(must(source->end_offset(topic, 0)) == 10);
  CHECK(must(source->describe(topic)).partitions == 2);
  bell rung;
  auto reader = must(source->open(topic, 0, 4, rung.ringer()));
  must(source->start());
  counter got;
  weir::poll_result r;
  while (got.n == 0) {
    REQUIRE(rung.wait(20s));
    r = must(reader->poll(3, 1 << 20, got));
  }
  CHECK(got.n == 3);
  CHECK(r.next_offset == 7);
  CHECK(r.more);
  must(source->commit_offsets(topic, {{0, 7}}));
  auto later = must(main->open_source(group, 8u << 20, {}));
  CHECK(must(later->resolve(topic, 0, weir::start_group{})) == 7);
  CHECK(later->resolve(topic, 9, weir::start_earliest{}).err().code == weir::errc::not_found);
  CHECK(later->describe(fresh("missing")).err().code == weir::errc::not_found);
}

TEST_CASE("the end is reported only where no open transaction hides records") {
  auto main = connect();
  auto topic = fresh("hidden");
  create_topic(topic, 1);
  foreign_producer plain;
  plain.send(topic, 0, "visible");
  foreign_producer foreign(fresh("foreign"));
  foreign.begin();
  foreign.send(topic, 0, "hidden");
  plain.send(topic, 0, "behind it");
  auto source = must(main->open_source(fresh("group"), 8u << 20, {}));
  // The last stable offset is what read_committed sees, and what a bounded read may count on.
  CHECK(must(source->end_offset(topic, 0)) == 1);
  CHECK(must(source->resolve(topic, 0, weir::start_latest{})) == 1);
  partition_scan scan(*main, topic, 0, 0);
  REQUIRE(scan.until_records(1));
  CHECK_FALSE(scan.until_end(2s));
  CHECK(scan.records.size() == 1);
  CHECK(scan.reader->lag() == 2);
  SECTION("committed") { foreign.commit(); }
  SECTION("aborted") { foreign.abort(); }
  REQUIRE(scan.until_end());
  CHECK(scan.records.back().record.value == "behind it");
  // The end lies behind the control record that ended the transaction.
  CHECK(scan.last.next_offset == 4);
  CHECK(scan.reader->lag() == 0);
  plain.send(topic, 0, "more");
  REQUIRE(scan.until([&] { return scan.records.back().record.value == "more"; }));
}

TEST_CASE("an offset that is not there is out of range, at once and for good") {
  auto main = connect();
  auto topic = fresh("range");
  create_topic(topic, 1);
  foreign_producer out;
  out.send(topic, 0, "only");
  partition_scan scan(*main, topic, 0, 100);
  REQUIRE(scan.until_error());
  CHECK(scan.error->code == weir::errc::out_of_range);
  CHECK(scan.error->message.find(topic) != std::string::npos);
  counter none;
  CHECK(scan.reader->poll(1, 1, none).err().code == weir::errc::out_of_range);
}

TEST_CASE("a topic deleted under a reader is noticed") {
  auto main = connect();
  auto topic = fresh("doomed");
  create_topic(topic, 1);
  foreign_producer out;
  out.send(topic, 0, "last words");
  partition_scan scan(*main, topic, 0, 0);
  REQUIRE(scan.until_records(1));
  delete_topic(topic);
  REQUIRE(scan.until([&] { return scan.error && scan.error->code == weir::errc::not_found; }, 60s));
}

TEST_CASE("a broker that is down at the start is unavailable, with the reason, in time") {
  auto main = connect({{"brokers", "127.0.0.1:1"}, {"request.timeout", "1s"}});
  auto began = std::chrono::steady_clock::now();
  auto id = main->cluster_id();
  REQUIRE_FALSE(id.ok());
  CHECK(id.err().code == weir::errc::unavailable);
  auto source = must(main->open_source("g", 8u << 20, {}));
  auto d = source->describe("any");
  REQUIRE_FALSE(d.ok());
  CHECK(d.err().code == weir::errc::unavailable);
  INFO(d.err().message);
  CHECK(d.err().message.find("main") != std::string::npos);
  CHECK(d.err().message.find("127.0.0.1:1") != std::string::npos);
  bell rung;
  auto reader = must(source->open("any", 0, 0, rung.ringer()));
  must(source->start());
  counter none;
  auto r = reader->poll(1, 1, none);
  // A ring is a hint: the first may come before what it is about.
  while (r.ok()) {
    REQUIRE(rung.wait(20s));
    r = reader->poll(1, 1, none);
  }
  CHECK(r.err().code == weir::errc::unavailable);
  CHECK(std::chrono::steady_clock::now() - began < 20s);
}

TEST_CASE("a cluster keeps its id, and a connection its name and type") {
  auto main = connect();
  CHECK(must(main->cluster_id()) == must(connect()->cluster_id()));
  CHECK(main->name() == "main");
  CHECK(main->type() == "kafka");
}

TEST_CASE("a topic is created once, as asked, and described as it is") {
  auto main = connect();
  auto sink = must(main->open_sink(8u << 20, {}));
  auto topic = fresh("made");
  auto made = must(sink->ensure_topic(topic, 3, true));
  CHECK(made.partitions == 3);
  CHECK(made.compacted);
  CHECK(made.max_record_bytes > 0);
  auto again = must(sink->ensure_topic(topic, 7, false));
  CHECK(again.partitions == 3);
  CHECK(again.compacted);
  CHECK(must(sink->ensure_topic(fresh("default"), 0, false)).partitions >= 1);
  CHECK(sink->ensure_topic("not a name!", 1, false).err().code == weir::errc::invalid_argument);
}

TEST_CASE("a partition that was full and is drained goes on at once, not a second later") {
  auto main = connect();
  auto topic = fresh("full");
  create_topic(topic, 1);
  auto sink = must(main->open_sink(32u << 20, {}));
  bell rung;
  auto p = must(sink->open_direct(rung.ringer()));
  std::string value(1000, 'v');
  constexpr std::size_t total = 40'000;
  for (std::size_t i = 0; i < total;) {
    if (must(p->send({topic, 0, "k", value, {}, 1})))
      ++i;
    else
      REQUIRE(rung.wait(20s));
  }
  while (!must(p->flushed()))
    REQUIRE(rung.wait(20s));
  // 40 MB through a queue of one: some forty times full. A second each time would show.
  auto began = std::chrono::steady_clock::now();
  partition_scan scan(*main, topic, 0, 0, 1u << 20);
  REQUIRE(scan.until_records(total, 60s));
  CHECK(std::chrono::steady_clock::now() - began < 15s);
}
