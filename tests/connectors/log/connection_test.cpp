#include "tests/catch.hpp"

#include <chrono>

#include "tests/connectors/log/support.hpp"

using namespace weir;
using namespace log_test;

TEST_CASE("records come back with key, value, headers, time and offset in their order") {
  scratch dir;
  auto c = connect(dir.log());
  auto sink = c->open_sink(1 << 20, {}).value();
  CHECK(sink->ensure_topic("in", 2, false).value().partitions == 2);
  bell sent;
  auto producer = sink->open_direct([&] { sent.ring(); }).value();
  auto headers = pack_headers({{"a", "1"}, {"a", std::nullopt}});
  for (int i = 0; i < 10; ++i) {
    auto value = "v" + std::to_string(i);
    auto r = record("in", i % 2, i % 3 ? std::optional<std::string_view>("k") : std::nullopt, value, 1'000 - i);
    r.packed_headers = headers;
    REQUIRE(producer->send(r).value());
  }
  for (int n = 1; !producer->flushed().value(); ++n)
    REQUIRE(sent.wait(n));

  auto source = c->open_source("g", 1 << 20, {}).value();
  CHECK(source->describe("in").value().partitions == 2);
  bell woken;
  auto from = source->resolve("in", 1, start_earliest{}).value();
  CHECK(from == 0);
  auto reader = source->open("in", 1, from, [&] { woken.ring(); }).value();
  REQUIRE(source->start());
  collected got;
  auto p = reader->poll(3, 1 << 20, got).value();
  CHECK(p.records == 3);
  CHECK(p.next_offset == 3);
  CHECK_FALSE(p.at_end);
  CHECK(p.more);
  CHECK(reader->lag() == 2);
  p = reader->poll(100, 1 << 20, got).value();
  CHECK(p.records == 2);
  CHECK(p.at_end);
  CHECK_FALSE(p.more);
  CHECK(reader->lag() == 0);
  CHECK(values(got) == std::vector<std::string>{"v1", "v3", "v5", "v7", "v9"});
  CHECK(got.records[1].key == std::nullopt);
  CHECK(got.records[0].key == "k");
  CHECK(got.records[0].headers == header_list{{"a", "1"}, {"a", std::nullopt}});
  CHECK(got.records[4].time_ms == 991);
  CHECK(got.records[4].offset == 4);
  CHECK(got.records[4].partition == 1);
}

TEST_CASE("a waiting reader is woken by a commit and never after it is gone") {
  scratch dir;
  auto c = connect(dir.log());
  auto log = embedded_log::open(dir.log()).value();
  auto topic = log->create_topic("t", {}).value();
  auto source = c->open_source("g", 1 << 20, {}).value();
  bell woken;
  auto reader = source->open("t", 0, 0, [&] { woken.ring(); }).value();
  REQUIRE(source->start());
  collected got;
  CHECK(reader->poll(10, 1000, got).value().at_end);
  for (int i = 1; i <= 20; ++i) {
    REQUIRE(append(*log, topic, 0, std::to_string(i)));
    REQUIRE(woken.wait(i));
    CHECK(reader->poll(10, 1000, got).value().records == 1);
  }
  CHECK(woken.count() == 20);
  reader.reset();
  REQUIRE(append(*log, topic, 0, "nobody listens"));
  CHECK(woken.count() == 20);
}

TEST_CASE("a reader opened before records that exist is woken at once") {
  scratch dir;
  auto c = connect(dir.log());
  auto log = embedded_log::open(dir.log()).value();
  auto topic = log->create_topic("t", {}).value();
  REQUIRE(append(*log, topic, 0, "1"));
  auto source = c->open_source("g", 1 << 20, {}).value();
  bell woken;
  auto reader = source->open("t", 0, 0, [&] { woken.ring(); }).value();
  CHECK(woken.wait(1));
}

TEST_CASE("start positions: earliest, latest, time, group, offsets") {
  scratch dir;
  auto c = connect(dir.log());
  auto log = embedded_log::open(dir.log()).value();
  auto topic = log->create_topic("t", {2}).value();
  for (auto t : {100, 300, 200, 400})
    REQUIRE(append(*log, topic, 0, "x", {}, t));
  auto source = c->open_source("g", 1 << 20, {}).value();
  CHECK(source->resolve("t", 0, start_earliest{}).value() == 0);
  CHECK(source->resolve("t", 0, start_latest{}).value() == 4);
  CHECK(source->end_offset("t", 0).value() == 4);
  CHECK(source->resolve("t", 0, start_timestamp{timestamp::from_ms(100)}).value() == 0);
  CHECK(source->resolve("t", 0, start_timestamp{timestamp{100'001}}).value() == 1);
  CHECK(source->resolve("t", 0, start_timestamp{timestamp::from_ms(301)}).value() == 3);
  CHECK(source->resolve("t", 0, start_timestamp{timestamp::from_ms(401)}).value() == 4);
  CHECK(source->resolve("t", 1, start_timestamp{timestamp::from_ms(0)}).value() == 0);
  CHECK(source->resolve("t", 0, start_group{}).value() == 0);
  REQUIRE(source->commit_offsets("t", {{0, 3}}));
  CHECK(source->resolve("t", 0, start_group{}).value() == 3);
  CHECK(c->open_source("other", 1, {}).value()->resolve("t", 0, start_group{}).value() == 0);
  CHECK(source->resolve("t", 0, start_offsets{{{0, 2}}}).value() == 2);
  CHECK(source->resolve("t", 1, start_offsets{{{0, 2}}}).value() == 0);
}

TEST_CASE("missing topics and partitions are not found; offsets outside are out of range") {
  scratch dir;
  auto c = connect(dir.log());
  auto log = embedded_log::open(dir.log()).value();
  auto topic = log->create_topic("t", {}).value();
  auto source = c->open_source("g", 1 << 20, {}).value();
  CHECK(source->describe("none").err().code == errc::not_found);
  CHECK(source->describe("").err().code == errc::not_found);
  CHECK(source->resolve("none", 0, start_earliest{}).err().code == errc::not_found);
  CHECK(source->end_offset("t", 1).err().code == errc::not_found);
  CHECK(source->open("t", 1, 0, [] {}).err().code == errc::not_found);
  CHECK(source->commit_offsets("none", {{0, 1}}).err().code == errc::not_found);
  auto reader = source->open("t", 0, 5, [] {}).value();
  collected got;
  CHECK(reader->poll(1, 1, got).err().code == errc::out_of_range);
  CHECK(reader->lag() == -1);
}

TEST_CASE("settings that a log does not have are refused by name") {
  auto refused = [](std::map<std::string, std::string> options, std::map<std::string, std::string> properties = {}) {
    auto r = make_log_connection({"orders-log", "log", std::move(options), std::move(properties)});
    REQUIRE_FALSE(r);
    CHECK(r.err().code == errc::invalid_config);
    return r.err().message;
  };
  CHECK(refused({}).find("'path'") != std::string::npos);
  CHECK(refused({{"path", "x"}, {"brokers", "y"}}).find("'brokers'") != std::string::npos);
  CHECK(refused({{"path", "x"}, {"partitions", "0"}}).find("'partitions'") != std::string::npos);
  CHECK(refused({{"path", "x"}, {"retention.ms", "7d"}}).find("'7d'") != std::string::npos);
  CHECK(refused({{"path", "x"}}, {{"linger.ms", "5"}}).find("Kafka") != std::string::npos);
}

TEST_CASE("connections to one directory share the log and its identity") {
  scratch dir;
  auto a = connect(dir.log());
  auto b = connect(dir.log() + "/../log/.");
  CHECK(a->cluster_id().value() == b->cluster_id().value());
  CHECK(embedded_log::open(dir.log()).value().get() == embedded_log::open(dir.log() + "/.").value().get());
  CHECK(connect(dir.path() + "/other")->cluster_id().value() != a->cluster_id().value());
  CHECK(a->type() == "log");
  CHECK(a->name() == "test");
}

TEST_CASE("the Java client's partitions of keys") {
  // Values of org.apache.kafka.common.utils.UtilsTest#testMurmur2, reduced as DefaultPartitioner does.
  auto part = [](std::string_view key) { return murmur2_partition(key, 1 << 30); };
  auto expect = [](std::int32_t hash) {
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(hash) & 0x7fffffff) % (1 << 30));
  };
  CHECK(part("21") == expect(-973932308));
  CHECK(part("foobar") == expect(-790332482));
  CHECK(part("a-little-bit-long-string") == expect(-985981536));
  CHECK(part("a-little-bit-longer-string") == expect(-1486304829));
  CHECK(part("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8") == expect(-58897971));
  CHECK(part(std::string_view("abc")) == expect(479470107));
  CHECK(murmur2_partition("any", 1) == 0);

  scratch dir;
  auto sink = connect(dir.log())->open_sink(1, {}).value();
  CHECK(sink->partition_for("21", 7) == murmur2_partition("21", 7));
  std::map<std::int32_t, int> spread;
  for (int i = 0; i < 30; ++i)
    ++spread[sink->partition_for(std::nullopt, 3)];
  CHECK(spread == std::map<std::int32_t, int>{{0, 10}, {1, 10}, {2, 10}});
}

TEST_CASE("a first record is there well under a tenth of a second after a cold open") {
  scratch dir;
  {
    auto log = embedded_log::open(dir.log()).value();
    auto topic = log->create_topic("t", {}).value();
    REQUIRE(append(*log, topic, 0, "first"));
  }
  auto begin = std::chrono::steady_clock::now();
  auto source = connect(dir.log())->open_source("g", 1 << 20, {}).value();
  REQUIRE(source->describe("t"));
  bell woken;
  auto reader = source->open("t", 0, source->resolve("t", 0, start_earliest{}).value(), [&] { woken.ring(); }).value();
  REQUIRE(source->start());
  REQUIRE(woken.wait(1));
  collected got;
  CHECK(reader->poll(1, 1, got).value().records == 1);
  auto took = std::chrono::steady_clock::now() - begin;
  INFO(std::chrono::duration_cast<std::chrono::microseconds>(took).count() << " us");
  CHECK(took < std::chrono::milliseconds(100));
}
