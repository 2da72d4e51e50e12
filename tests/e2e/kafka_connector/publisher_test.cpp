#include <optional>
#include <thread>

#include "tests/catch.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"

using namespace kafka_test;
using namespace std::chrono_literals;
using weir::publish_outcome;

namespace {

weir::marker make_marker(std::uint64_t checkpoint) {
  weir::marker m;
  m.lineage.bytes = {1, 2, 3, 250};
  m.incarnation = 3;
  m.checkpoint = checkpoint;
  m.ordinal = weir::all_records;
  return m;
}

/// A job's sink: a fresh id, marker topic and output topic.
struct world {
  explicit world(int partitions = 1, const std::map<std::string, std::string>& options = {}) : main(connect(options)) {
    sink = must(main->open_sink(8u << 20, {}));
    must(sink->ensure_topic(topic, partitions, false));
  }
  std::unique_ptr<weir::transactional_publisher> publisher() { return must(sink->open_publisher(id, markers)); }
  weir::output_record record(std::string_view value, std::string_view key = "k", std::int32_t partition = 0) const {
    return {topic, partition, key, value, {}, 1'700'000'000'000};
  }
  std::unique_ptr<weir::connection> main;
  std::unique_ptr<weir::sink_connection> sink;
  std::string topic = fresh("out");
  std::string id = fresh("ns.job.main");
  std::string markers = fresh("ns.weir-markers");
};

publish_outcome add(weir::transactional_publisher& p, std::vector<weir::output_record> records) {
  auto r = p.add(records);
  INFO(r.cause.message);
  return r.outcome;
}

publish_outcome commit(weir::transactional_publisher& p, std::uint64_t checkpoint) {
  auto r = p.commit(make_marker(checkpoint));
  INFO(r.cause.message);
  CHECK((r.outcome == publish_outcome::done || !r.cause.message.empty()));
  return r.outcome;
}

std::vector<std::string> values(const partition_scan& scan) {
  std::vector<std::string> v;
  for (const auto& r : scan.records)
    v.push_back(r.record.value.value_or("<null>"));
  return v;
}

} // namespace

TEST_CASE("a marker is read back by the next holder of the id, newest first") {
  world w;
  auto first = w.publisher();
  must(first->fence());
  CHECK_FALSE(must(first->read_marker()).has_value());
  REQUIRE(commit(*first, 0) == publish_outcome::done);
  for (std::uint64_t k = 1; k <= 5; ++k) {
    REQUIRE(add(*first, {w.record("a" + std::to_string(k))}) == publish_outcome::done);
    REQUIRE(commit(*first, k) == publish_outcome::done);
  }
  CHECK(must(first->read_marker()) == make_marker(5));
  auto second = w.publisher();
  must(second->fence());
  CHECK(must(second->read_marker()) == make_marker(5));
  partition_scan scan(*w.main, w.topic, 0, 0);
  REQUIRE(scan.until_end());
  CHECK(values(scan) == std::vector<std::string>{"a1", "a2", "a3", "a4", "a5"});
}

TEST_CASE("a zombie fenced in the middle of a transaction publishes nothing and knows it") {
  world w;
  auto zombie = w.publisher();
  must(zombie->fence());
  REQUIRE(commit(*zombie, 0) == publish_outcome::done);
  REQUIRE(add(*zombie, {w.record("zombie")}) == publish_outcome::done);
  auto heir = w.publisher();
  must(heir->fence());
  CHECK(must(heir->read_marker()) == make_marker(0));
  CHECK(commit(*zombie, 1) == publish_outcome::fenced);
  CHECK(add(*zombie, {w.record("zombie again")}) == publish_outcome::fenced);
  CHECK(zombie->fence().err().code == weir::errc::fenced);
  REQUIRE(add(*heir, {w.record("heir")}) == publish_outcome::done);
  REQUIRE(commit(*heir, 1) == publish_outcome::done);
  partition_scan scan(*w.main, w.topic, 0, 0);
  REQUIRE(scan.until_end());
  CHECK(values(scan) == std::vector<std::string>{"heir"});
}

TEST_CASE("a marker behind a foreign open transaction is waited for, not missed") {
  world w(1, {{"markers.partitions", "1"}});
  auto first = w.publisher();
  must(first->fence());
  REQUIRE(commit(*first, 0) == publish_outcome::done);
  foreign_producer foreign(fresh("foreign"));
  foreign.begin();
  foreign.send(w.markers, 0, "not a marker of ours");
  REQUIRE(commit(*first, 7) == publish_outcome::done);

  SECTION("it shows when the transaction ends") {
    auto second = w.publisher();
    must(second->fence());
    std::optional<weir::marker> found;
    std::thread reading([&] { found = must(second->read_marker()); });
    foreign.abort();
    reading.join();
    CHECK(found == make_marker(7));
  }
  SECTION("while it is open the answer is unavailable, never an older marker") {
    auto impatient = connect({{"transaction.timeout", "4s"}, {"delivery.timeout", "2s"}, {"request.timeout", "2s"}});
    auto sink = must(impatient->open_sink(8u << 20, {}));
    auto second = must(sink->open_publisher(w.id, w.markers));
    must(second->fence());
    auto r = second->read_marker();
    REQUIRE_FALSE(r.ok());
    CHECK(r.err().code == weir::errc::unavailable);
    CHECK(r.err().message.find("open transaction") != std::string::npos);
    foreign.commit();
  }
}

TEST_CASE("what was added and aborted is never seen, and the next transaction is") {
  world w;
  auto p = w.publisher();
  must(p->fence());
  REQUIRE(add(*p, {w.record("gone")}) == publish_outcome::done);
  p->abort();
  REQUIRE(add(*p, {w.record("kept")}) == publish_outcome::done);
  REQUIRE(commit(*p, 1) == publish_outcome::done);
  partition_scan scan(*w.main, w.topic, 0, 0);
  REQUIRE(scan.until_end());
  CHECK(values(scan) == std::vector<std::string>{"kept"});
}

TEST_CASE("one record above the topic's limit is named, and the rest can be published without it") {
  world w;
  auto small = fresh("small");
  create_topic(small, 1, {{"max.message.bytes", "10000"}});
  bool known = GENERATE(true, false);
  CAPTURE(known);
  if (known)
    CHECK(must(w.sink->ensure_topic(small, 0, false)).max_record_bytes == 10000);
  auto p = w.publisher();
  must(p->fence());
  std::string ordinary(900, 'x');
  std::string oversized(12'000, 'y');
  std::vector<weir::output_record> records(50, weir::output_record{small, 0, "k", ordinary, {}, 1'700'000'000'000});
  records[31].value = oversized;
  // Without the topic's limit the first attempts only find out which record it is.
  weir::publish_report report;
  for (int attempt = 0; attempt < 3; ++attempt) {
    report = p->add(records);
    if (report.outcome == publish_outcome::done)
      report = p->commit(make_marker(1));
    if (report.outcome != publish_outcome::retriable)
      break;
  }
  INFO(report.cause.message);
  REQUIRE(report.outcome == publish_outcome::unwritable);
  CHECK(report.record == 31);
  CHECK(report.cause.code == weir::errc::too_large);
  records.erase(records.begin() + 31);
  for (int attempt = 0; attempt < 3; ++attempt) {
    report = p->add(records);
    if (report.outcome == publish_outcome::done)
      report = p->commit(make_marker(1));
    if (report.outcome != publish_outcome::retriable)
      break;
  }
  INFO(report.cause.message);
  REQUIRE(report.outcome == publish_outcome::done);
  partition_scan scan(*w.main, small, 0, 0);
  // librdkafka 2.0.2 may take 30 s over a refused batch, and the end is behind that transaction.
  REQUIRE(scan.until_end(90s));
  CHECK(scan.records.size() == 49);
}

namespace {

struct isolated {
  std::vector<std::size_t> named; ///< Places in the whole list.
  int attempts = 0;
  weir::publish_report last;
};

/// Publishes without the records that are named as unwritable, as a job that skips them does, until the rest is out.
isolated publish_the_rest(weir::transactional_publisher& p, const std::vector<weir::output_record>& all) {
  isolated out;
  std::vector<std::size_t> left(all.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  while (++out.attempts < 40) {
    std::vector<weir::output_record> records;
    for (auto i : left)
      records.push_back(all[i]);
    out.last = p.add(records);
    if (out.last.outcome == publish_outcome::done)
      out.last = p.commit(make_marker(1));
    if (out.last.outcome == publish_outcome::retriable)
      continue;
    if (out.last.outcome != publish_outcome::unwritable)
      break;
    auto refused = out.last.also;
    refused.insert(refused.begin(), out.last.record);
    for (auto it = refused.rbegin(); it != refused.rend(); ++it) {
      out.named.push_back(left.at(*it));
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(*it));
    }
  }
  std::sort(out.named.begin(), out.named.end());
  return out;
}

} // namespace

TEST_CASE("records above a limit that was lowered after they were accepted are all named, the others are published") {
  const std::string compression = GENERATE("none", "lz4");
  CAPTURE(compression);
  world w(1, {{"compression", compression}});
  auto topic = fresh("lowered");
  create_topic(topic, 1, {{"max.message.bytes", "200000"}});
  CHECK(must(w.sink->ensure_topic(topic, 0, false)).max_record_bytes == 200'000);
  auto p = w.publisher();
  must(p->fence());
  configure_topic(topic, {{"max.message.bytes", "10000"}});
  std::minstd_rand random(11);
  // Bytes that no codec makes smaller.
  auto bytes = [&](std::size_t n) {
    std::string s(n, '\0');
    for (auto& c : s)
      c = static_cast<char>(random());
    return s;
  };
  std::vector<std::string> values;
  for (int i = 0; i < 60; ++i)
    values.push_back(bytes(i == 7 || i == 8 || i == 41 ? 12'000 : 900));
  std::vector<weir::output_record> records;
  for (auto& v : values)
    records.push_back({topic, 0, "k", v, {}, 1'700'000'000'000});
  auto got = publish_the_rest(*p, records);
  INFO(got.last.cause.message);
  CAPTURE(got.attempts);
  REQUIRE(got.last.outcome == publish_outcome::done);
  CHECK(got.named == std::vector<std::size_t>{7, 8, 41});
  partition_scan scan(*w.main, topic, 0, 0);
  REQUIRE(scan.until_end(90s));
  CHECK(scan.records.size() == 57);
}

TEST_CASE("records that the broker finds invalid are named one by one, not their whole batch") {
  struct kind {
    const char* what;
    std::map<std::string, std::string> config;
  };
  auto k = GENERATE(kind{"no key in a compacted topic", {{"cleanup.policy", "compact"}}},
                    kind{"a time stamp too far off", {{"message.timestamp.before.max.ms", "3600000"}}});
  CAPTURE(k.what);
  world w;
  auto topic = fresh("picky");
  create_topic(topic, 1, k.config);
  auto p = w.publisher();
  must(p->fence());
  auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::vector<weir::output_record> records(40, weir::output_record{topic, 0, "k", "v", {}, now});
  for (auto i : {3u, 17u}) {
    if (k.config.count("cleanup.policy") > 0)
      records[i].key.reset();
    else
      records[i].time_ms = now - 7'200'000;
  }
  auto got = publish_the_rest(*p, records);
  INFO(got.last.cause.message);
  CAPTURE(got.attempts);
  REQUIRE(got.last.outcome == publish_outcome::done);
  CHECK(got.named == std::vector<std::size_t>{3, 17});
  partition_scan scan(*w.main, topic, 0, 0);
  REQUIRE(scan.until_end());
  CHECK(scan.records.size() == 38);
}

TEST_CASE("a deleted topic is gone, not retried for ever, and other topics go on") {
  world w(1, {{"transaction.timeout", "12s"}, {"delivery.timeout", "5s"}, {"request.timeout", "5s"}});
  auto doomed = fresh("doomed");
  create_topic(doomed, 1);
  auto p = w.publisher();
  must(p->fence());
  REQUIRE(add(*p, {{doomed, 0, "k", "v", {}, 1}}) == publish_outcome::done);
  REQUIRE(commit(*p, 1) == publish_outcome::done);
  delete_topic(doomed);
  auto report = p->add(std::vector<weir::output_record>{{doomed, 0, "k", "v", {}, 1}});
  if (report.outcome == publish_outcome::done)
    report = p->commit(make_marker(2));
  INFO(report.cause.message);
  CHECK(report.outcome == publish_outcome::gone);
  REQUIRE(add(*p, {w.record("other")}) == publish_outcome::done);
  REQUIRE(commit(*p, 2) == publish_outcome::done);
}

TEST_CASE("a publisher that replaces its own producer looks first whether another has published under the id meanwhile") {
  world w;
  auto first = w.publisher();
  must(first->fence());
  REQUIRE(commit(*first, 1) == publish_outcome::done);
  // A topic with a smaller limit comes: the next transaction needs a producer with smaller batches.
  auto small = fresh("small");
  create_topic(small, 1, {{"max.message.bytes", "10000"}});
  auto replaces = [&](weir::transactional_publisher& p, std::string_view value) {
    must(w.sink->ensure_topic(small, 0, false));
    return p.add(std::vector<weir::output_record>{w.record(value)});
  };
  SECTION("nobody has: the same publish goes on") {
    REQUIRE(replaces(*first, "mine").outcome == publish_outcome::done);
    REQUIRE(commit(*first, 2) == publish_outcome::done);
    CHECK(must(first->read_marker()) == make_marker(2));
  }
  SECTION("another has: it publishes no more, although its new producer has just taken the id over") {
    auto other = w.publisher();
    must(other->fence());
    REQUIRE(add(*other, {w.record("other")}) == publish_outcome::done);
    REQUIRE(commit(*other, 2) == publish_outcome::done);
    auto report = replaces(*first, "mine");
    CHECK(report.outcome == publish_outcome::unknown);
    CHECK(report.cause.code == weir::errc::unknown_outcome);
    CHECK(report.cause.message.find("another process published under this id") != std::string::npos);
    CHECK(commit(*first, 2) == publish_outcome::unknown);
    CHECK(first->fence().err().code == weir::errc::unknown_outcome);
    auto next = w.publisher();
    must(next->fence());
    CHECK(must(next->read_marker()) == make_marker(2));
    partition_scan scan(*w.main, w.topic, 0, 0);
    REQUIRE(scan.until_end());
    CHECK(values(scan) == std::vector<std::string>{"other"});
  }
}

TEST_CASE("source offsets committed with the transaction are the group's") {
  world w;
  auto group = fresh("group");
  auto p = w.publisher();
  must(p->fence());
  REQUIRE(add(*p, {w.record("a")}) == publish_outcome::done);
  p->set_group_offsets(group, {{{w.topic, 0}, 1}});
  REQUIRE(commit(*p, 1) == publish_outcome::done);
  auto source = must(w.main->open_source(group, 8u << 20, {}));
  CHECK(must(source->resolve(w.topic, 0, weir::start_group{})) == 1);
}

TEST_CASE("a marker that is malformed is reported, not passed over") {
  world w(1, {{"markers.partitions", "1"}});
  auto p = w.publisher();
  must(p->fence());
  REQUIRE(commit(*p, 1) == publish_outcome::done);
  auto other = must(w.sink->open_publisher(fresh("ns.other.main"), w.markers));
  must(other->fence());
  REQUIRE(add(*other, {{w.markers, 0, w.id, "weir-marker 1 lineage=zz", {}, 1}}) == publish_outcome::done);
  REQUIRE(commit(*other, 1) == publish_outcome::done);
  auto r = p->read_marker();
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == weir::errc::store_corrupt);
}
