#include "tests/catch.hpp"

#include <future>
#include <thread>
#include "tests/connectors/log/support.hpp"

using namespace weir;
using namespace log_test;

namespace {

lineage_id lineage(std::uint8_t n) {
  lineage_id l;
  l.bytes.fill(n);
  return l;
}

marker mark(std::uint8_t line, std::uint64_t incarnation, std::uint64_t checkpoint) {
  return {lineage(line), incarnation, checkpoint, all_records};
}

struct world {
  world() : c(connect(dir.log())), log(embedded_log::open(dir.log()).value()), topic(log->create_topic("out", {2, 100}).value()) {
    sink = c->open_sink(1 << 20, {}).value();
  }
  std::unique_ptr<transactional_publisher> open() { return sink->open_publisher("ns.job.log.0", "ns.weir-markers").value(); }
  publish_report put(transactional_publisher& p, std::string_view value) {
    output_record records[] = {record("out", 0, "k", value), record("out", 1, "k", value)};
    return p.add(records);
  }
  std::int64_t written(std::int32_t partition = 0) { return log->partition(topic, partition).value().next; }
  scratch dir;
  std::unique_ptr<connection> c;
  std::shared_ptr<embedded_log> log;
  log_topic topic;
  std::unique_ptr<sink_connection> sink;
};

} // namespace

TEST_CASE("an epoch, its marker and the group's offsets appear together") {
  world w;
  auto in = w.log->create_topic("in", {}).value();
  auto p = w.open();
  REQUIRE(p->fence());
  CHECK_FALSE(p->read_marker().value().has_value());
  REQUIRE(p->commit(mark(1, 1, 0)).outcome == publish_outcome::done);
  CHECK(p->read_marker().value() == mark(1, 1, 0));
  CHECK(w.put(*p, "a").outcome == publish_outcome::done);
  CHECK(w.put(*p, "b").outcome == publish_outcome::done);
  p->set_group_offsets("g", {{{"in", 0}, 7}});
  CHECK(w.written() == 0);
  REQUIRE(p->commit(mark(1, 1, 3)).outcome == publish_outcome::done);
  CHECK(w.written(0) == 2);
  CHECK(w.written(1) == 2);
  CHECK(p->read_marker().value() == mark(1, 1, 3));
  CHECK(w.log->group_offset("g", in, 0).value() == 7);
}

TEST_CASE("what was aborted is not in the next commit") {
  world w;
  auto p = w.open();
  REQUIRE(p->fence());
  REQUIRE(w.put(*p, "thrown away").outcome == publish_outcome::done);
  p->abort();
  REQUIRE(w.put(*p, "kept").outcome == publish_outcome::done);
  REQUIRE(p->commit(mark(1, 1, 1)).outcome == publish_outcome::done);
  CHECK(w.written() == 1);
}

TEST_CASE("a publisher that was fenced writes nothing more") {
  world w;
  auto zombie = w.open();
  REQUIRE(zombie->fence());
  REQUIRE(w.put(*zombie, "before").outcome == publish_outcome::done);
  REQUIRE(zombie->commit(mark(1, 1, 1)).outcome == publish_outcome::done);
  REQUIRE(w.put(*zombie, "too late").outcome == publish_outcome::done);
  auto next = w.open();
  REQUIRE(next->fence());
  auto refused = zombie->commit(mark(1, 1, 2));
  CHECK(refused.outcome == publish_outcome::fenced);
  CHECK(refused.cause.code == errc::fenced);
  CHECK(zombie->read_marker().err().code == errc::fenced);
  CHECK(w.written() == 1);
  CHECK(next->read_marker().value() == mark(1, 1, 1));
  REQUIRE(next->commit(mark(1, 2, 2)).outcome == publish_outcome::done);
  CHECK(zombie->commit(mark(1, 1, 3)).outcome == publish_outcome::fenced);
}

TEST_CASE("a store that is older than the marker is fenced") {
  world w;
  auto p = w.open();
  REQUIRE(p->fence());
  REQUIRE(p->commit(mark(1, 5, 9)).outcome == publish_outcome::done);
  auto stale = w.open();
  REQUIRE(stale->fence());
  REQUIRE(w.put(*stale, "x").outcome == publish_outcome::done);
  CHECK(stale->commit(mark(1, 4, 10)).outcome == publish_outcome::fenced);
  CHECK(w.written() == 0);
  CHECK(stale->commit(mark(1, 5, 10)).outcome == publish_outcome::done);
}

TEST_CASE("another lineage takes over only knowingly, and with a marker alone") {
  world w;
  auto p = w.open();
  REQUIRE(p->fence());
  REQUIRE(p->commit(mark(1, 5, 9)).outcome == publish_outcome::done);
  auto other = w.open();
  REQUIRE(other->fence());
  CHECK(other->commit(mark(2, 1, 0)).outcome == publish_outcome::fenced);
  CHECK(other->read_marker().value() == mark(1, 5, 9));
  REQUIRE(w.put(*other, "x").outcome == publish_outcome::done);
  CHECK(other->commit(mark(2, 1, 1)).outcome == publish_outcome::fenced);
  CHECK(w.written() == 0);
  CHECK(other->commit(mark(2, 1, 0)).outcome == publish_outcome::done);
  REQUIRE(w.put(*other, "x").outcome == publish_outcome::done);
  CHECK(other->commit(mark(2, 1, 1)).outcome == publish_outcome::done);
  CHECK(w.written() == 1);
}

TEST_CASE("a record that can never be written is named, and nothing of its epoch appears") {
  world w;
  REQUIRE(w.log->create_topic("compacted", {1, 100, 0, 0, true}));
  auto p = w.open();
  REQUIRE(p->fence());
  std::string large(101, 'x');
  output_record records[] = {record("out", 0, "k", "fits"), record("out", 0, std::nullopt, large)};
  auto report = p->add(records);
  CHECK(report.outcome == publish_outcome::unwritable);
  CHECK(report.record == 1);
  CHECK(report.cause.code == errc::too_large);
  // Counted from the first add of the transaction.
  REQUIRE(p->add({records, 1}).outcome == publish_outcome::done);
  CHECK(p->add(records).record == 2);
  records[1] = record("compacted", 0, std::nullopt, "no key");
  CHECK(p->add(records).outcome == publish_outcome::unwritable);
  records[1] = record("out", 2, "k", "no such partition");
  CHECK(p->add(records).outcome == publish_outcome::unwritable);
  records[1] = record("gone", 0, "k", "v");
  report = p->add(records);
  CHECK(report.outcome == publish_outcome::gone);
  CHECK(report.cause.message.find("gone") != std::string::npos);
  REQUIRE(p->commit(mark(1, 1, 1)).outcome == publish_outcome::done);
  CHECK(w.written() == 0);
}

TEST_CASE("the marker topic shows the newest marker of each id and keeps no others") {
  world w;
  auto p = w.open();
  REQUIRE(p->fence());
  for (std::uint64_t k = 0; k < 50; ++k)
    REQUIRE(p->commit(mark(171, 1, k)).outcome == publish_outcome::done);
  auto other = w.sink->open_publisher("ns.job.log.1", "ns.weir-markers").value();
  REQUIRE(other->fence());
  REQUIRE(other->commit({lineage(1), 2, 3, 4}).outcome == publish_outcome::done);
  auto source = w.c->open_source("g", 1 << 20, {}).value();
  CHECK(source->describe("ns.weir-markers").value().compacted);
  auto reader = source->open("ns.weir-markers", 0, 0, [] {}).value();
  collected got;
  auto polled = reader->poll(1000, 1 << 20, got).value();
  CHECK(polled.at_end);
  CHECK(polled.next_offset == 51);
  REQUIRE(got.records.size() == 2);
  CHECK(got.records[0].offset == 49);
  CHECK(got.records[0].key == "ns.job.log.0");
  CHECK(got.records[0].value ==
        R"({"lineage":"abababababababababababababababab","incarnation":1,"checkpoint":49,"ordinal":"all"})");
  CHECK(got.records[1].value == R"({"lineage":"01010101010101010101010101010101","incarnation":2,"checkpoint":3,"ordinal":4})");
}

TEST_CASE("a publisher that has not fenced reads and writes nothing") {
  world w;
  auto p = w.open();
  CHECK(p->read_marker().err().code == errc::internal);
  REQUIRE(w.put(*p, "x").outcome == publish_outcome::done);
  CHECK(p->commit(mark(1, 1, 1)).outcome != publish_outcome::done);
  CHECK(w.written() == 0);
}

TEST_CASE("the at-least-once producer refuses what does not fit and says when its queue is full") {
  world w;
  auto small = w.c->open_sink(1000, {}).value();
  bell taken;
  auto p = small->open_direct([&] { taken.ring(); }).value();
  CHECK(p->send(record("none", 0, "k", "v")).err().code == errc::not_found);
  CHECK(p->send(record("out", 0, "k", std::string(101, 'x'))).err().code == errc::too_large);
  const std::string value(90, 'v');
  int sent = 0;
  int full = 0;
  while (sent < 500) {
    auto before = taken.count();
    if (p->send(record("out", sent % 2, "k", value)).value()) {
      ++sent;
    } else {
      ++full;
      REQUIRE(taken.wait(before + 1));
    }
  }
  CHECK(full > 0);
  for (auto before = taken.count(); !p->flushed().value(); before = taken.count())
    if (!p->flushed().value())
      taken.wait(before + 1);
  CHECK(w.written(0) + w.written(1) == 500);
}

TEST_CASE("a mark of the at-least-once producer waits for what was sent before it and not for what came behind") {
  world w;
  bell rung;
  auto p = w.sink->open_direct([&] { rung.ring(); }).value();
  auto until_through = [&](std::uint64_t mark) {
    for (auto before = rung.count(); !p->flushed_through(mark).value(); before = rung.count())
      if (!p->flushed_through(mark).value())
        REQUIRE(rung.wait(before + 1));
  };
  CHECK(p->flushed_through(p->sent_mark()).value());
  REQUIRE(p->send(record("out", 0, "k", "before")).value());
  auto first = p->sent_mark();
  until_through(first);
  CHECK(w.written() == 1);
  // Another writer holds the log: what is sent now cannot be written until it lets go.
  std::promise<void> holds, let_go;
  std::thread holder([&] {
    log_batch batch;
    (void)batch.add(w.topic, record("out", 1, "k", "other"));
    (void)w.log->commit(batch, {}, [&] {
      holds.set_value();
      let_go.get_future().wait();
      return success();
    });
  });
  holds.get_future().wait();
  CHECK(p->send(record("out", 0, "k", "behind")).value());
  auto second = p->sent_mark();
  CHECK(second > first);
  CHECK(p->flushed_through(first).value());
  CHECK_FALSE(p->flushed_through(second).value());
  CHECK_FALSE(p->flushed().value());
  let_go.set_value();
  holder.join();
  until_through(second);
  CHECK(w.written() == 2);
}
