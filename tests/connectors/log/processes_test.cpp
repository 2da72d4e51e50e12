#include "tests/catch.hpp"

#include <set>

#include <weir/core/fail_point.hpp>

#include "tests/connectors/log/processes.hpp"
#include "tests/connectors/log/support.hpp"

using namespace weir;
using namespace log_test;

namespace {

void make(const std::string& path, const log_topic_options& options = {}) {
  auto log = embedded_log::open(path).value();
  if (!log->create_topic("t", options))
    std::abort();
}

/// Appends `n` records, each in a transaction of its own, and says so by its exit code.
int produce(const std::string& path, const std::string& name, int n, std::size_t size) {
  auto log = embedded_log::open(path, {.create = false, .initial_map_bytes = 1 << 20});
  if (!log)
    return 10;
  auto topic = (*log)->topic("t");
  if (!topic)
    return 11;
  for (int i = 0; i < n; ++i)
    if (!append(**log, *topic, 0, name + std::to_string(i) + "," + std::string(size, '.')))
      return 12;
  return 0;
}

} // namespace

TEST_CASE("two processes append and a third reads at once, over a map that all of them outgrow") {
  scratch dir;
  make(dir.log());
  constexpr int each = 150;
  child a([&] { return produce(dir.log(), "a", each, 20'000); });
  child b([&] { return produce(dir.log(), "b", each, 20'000); });
  {
    auto c = connect(dir.log(), {{"map.initial.bytes", "1048576"}});
    auto source = c->open_source("g", 1 << 20, {}).value();
    bell woken;
    auto reader = source->open("t", 0, 0, [&] { woken.ring(); }).value();
    collected got;
    while (got.records.size() < 2 * each) {
      auto rings = woken.count();
      auto p = reader->poll(1000, 1 << 20, got);
      REQUIRE(p);
      if (p->at_end && got.records.size() < 2 * each)
        REQUIRE(woken.wait(rings + 1));
    }
    std::map<char, int> next;
    for (std::size_t i = 0; i < got.records.size(); ++i) {
      const auto& v = *got.records[i].value;
      REQUIRE(got.records[i].offset == static_cast<std::int64_t>(i));
      REQUIRE(v.substr(1, v.find(',') - 1) == std::to_string(next[v[0]]++));
    }
    CHECK(next == std::map<char, int>{{'a', each}, {'b', each}});
  }
  CHECK(a.wait() == 0);
  CHECK(b.wait() == 0);
}

TEST_CASE("a writer in this process goes on after another has grown the log") {
  scratch dir;
  make(dir.log());
  pipe_ends start;
  child other([&] {
    char c = 0;
    start.close_write();
    return ::read(start.read, &c, 1) == 1 ? produce(dir.log(), "other", 200, 50'000) : 20;
  });
  auto log = embedded_log::open(dir.log(), {.create = false, .initial_map_bytes = 1 << 20}).value();
  auto topic = log->topic("t").value();
  REQUIRE(append(*log, topic, 0, "before"));
  REQUIRE(::write(start.write, "x", 1) == 1);
  REQUIRE(other.wait() == 0);
  CHECK(log->partition(topic, 0).value().next == 201);
  REQUIRE(append(*log, topic, 0, "after"));
  CHECK(log->read(topic.id, 0, 201, 100).value().pieces.size() == 1);
}

TEST_CASE("kill -9 inside a commit leaves nothing of it, behind a commit all of it, and nobody waits for the dead") {
  for (const auto* point : {"log.produce.before_commit", "log.produce.after_commit"}) {
    CAPTURE(point);
    scratch dir;
    make(dir.log());
    for (int round = 0; round < 2; ++round) {
      child victim([&] {
        auto armed = arm_fail_points(std::string(point) + ":2");
        auto sink = connect(dir.log())->open_sink(1 << 20, {}).value();
        bell taken;
        auto p = sink->open_direct([&] { taken.ring(); }).value();
        for (int i = 0; armed; ++i) {
          auto before = taken.count();
          if (!p->send(record("t", 0, "k", std::to_string(i))))
            return 1;
          while (!p->flushed().value())
            if (!p->flushed().value())
              taken.wait(before + 1);
        }
        return 2;
      });
      REQUIRE(victim.wait() == -SIGKILL);
    }
    auto log = embedded_log::open(dir.log()).value();
    auto topic = log->topic("t").value();
    auto kept = point == std::string("log.produce.before_commit") ? 2 : 4;
    CHECK(log->partition(topic, 0).value().next == kept);
    REQUIRE(append(*log, topic, 0, "next"));
    CHECK(log->partition(topic, 0).value().next == kept + 1);
  }
}

TEST_CASE("kill -9 at the steps of a publish: the marker says what is there") {
  struct expectation {
    const char* point;
    bool published;
  };
  for (auto [point, published] :
       {expectation{"log.publish.before_commit", false}, {"log.publish.after_commit", true}, {"log.fence.after", false}}) {
    CAPTURE(point);
    scratch dir;
    make(dir.log());
    const marker m{{}, 1, 1, all_records};
    child victim([&, at = point] {
      if (!arm_fail_points(at))
        return 1;
      auto sink = connect(dir.log())->open_sink(1 << 20, {}).value();
      auto p = sink->open_publisher("id", "ns.weir-markers").value();
      if (!p->fence())
        return 2;
      output_record r[] = {record("t", 0, "k", "v")};
      p->add(r);
      p->commit(m);
      return 3;
    });
    REQUIRE(victim.wait() == -SIGKILL);
    auto c = connect(dir.log());
    auto p = c->open_sink(1, {}).value()->open_publisher("id", "ns.weir-markers").value();
    REQUIRE(p->fence());
    CHECK(p->read_marker().value() == (published ? std::optional(m) : std::nullopt));
    auto log = embedded_log::open(dir.log()).value();
    CHECK(log->partition(log->topic("t").value(), 0).value().next == (published ? 1 : 0));
  }
}

TEST_CASE("kill -9 at any time loses nothing that was acknowledged and tears no batch") {
  scratch dir;
  make(dir.log());
  std::int64_t acknowledged = 0;
  for (int round = 0; round < 8; ++round) {
    pipe_ends acks;
    child victim([&] {
      acks.close_read();
      auto log = embedded_log::open(dir.log()).value();
      auto topic = log->topic("t").value();
      for (;;) {
        log_batch batch;
        for (int i = 0; i < 5; ++i)
          if (!batch.add(topic, record("t", 0, "k", std::string(3000, 'x'))))
            return 1;
        if (!log->commit(batch, {}) || ::write(acks.write, "+", 1) != 1)
          return 2;
      }
    });
    acks.close_write();
    char c = 0;
    for (int i = 0; i <= round; ++i)
      REQUIRE(::read(acks.read, &c, 1) == 1);
    victim.signal(SIGKILL);
    REQUIRE(victim.wait() == -SIGKILL);
    acknowledged += round + 1;
    while (::read(acks.read, &c, 1) == 1)
      ++acknowledged;
  }
  auto log = embedded_log::open(dir.log()).value();
  auto next = log->partition(log->topic("t").value(), 0).value().next;
  CHECK(next % 5 == 0);
  CHECK(next >= 5 * acknowledged);
  // At most the commit whose acknowledgement the kill has swallowed, per round.
  CHECK(next <= 5 * (acknowledged + 8));
  auto c = connect(dir.log());
  auto reader = c->open_source("g", 1, {}).value()->open("t", 0, 0, [] {}).value();
  collected got;
  while (!reader->poll(1000, 1 << 20, got).value().at_end) {
  }
  CHECK(got.records.size() == static_cast<std::size_t>(next));
}
