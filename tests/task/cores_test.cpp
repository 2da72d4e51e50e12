#include <algorithm>
#include <weir/core/clock.hpp>
#include <weir/task/reader_core.hpp>
#include <weir/task/task_core.hpp>
#include "tests/catch.hpp"
#include "tests/task/fakes.hpp"

using namespace weir;
using namespace task_test;

namespace {

/// Passes rows on, says "@w" for a watermark; at "error" it fails, behind "block" it waits for credit, at "wait" for `until`
/// to be taken away.
class fake_chain : public chain {
 public:
  chain_context* context = nullptr;
  std::string restored;
  std::vector<std::string> raw;
  std::unique_ptr<any_batch> kept;
  timestamp time = min_timestamp;
  std::optional<timestamp> until;

  result<> open(chain_context& ctx) override {
    context = &ctx;
    return success();
  }
  result<> accept_raw(const record_view& r) override {
    if (r.value == "error")
      return error{errc::decode_failed, "offset " + std::to_string(r.offset)};
    raw.emplace_back(*r.value);
    time = std::max(time, r.time);
    return success();
  }
  result<progress> flush_source() override { return accept(0, rows(std::exchange(raw, {}))); }
  timestamp source_watermark() const override { return time; }
  std::optional<duration> idle_after() const override { return duration{1000}; }
  result<progress> accept(std::size_t, std::unique_ptr<any_batch> b) override {
    auto& values = static_cast<batch<std::string>&>(*b).values;
    auto waits = std::find(values.begin(), values.end(), "wait") != values.end();
    if (waits)
      until = timestamp{5'000'000};
    if (waits || (std::find(values.begin(), values.end(), "block") != values.end() && !context->output->has_credit())) {
      kept = std::move(b);
      return progress::blocked;
    }
    if (std::find(values.begin(), values.end(), "error") != values.end())
      return error{errc::user_code_failed, "no"};
    context->output->emit(0, std::move(b));
    return progress::done;
  }
  result<progress> advance(timestamp w) override {
    context->output->emit(0, rows({"@" + std::to_string(w.us)}));
    return progress::done;
  }
  result<progress> processing_time(timestamp) override { return progress::done; }
  result<std::optional<timestamp>> next_processing_time() override { return std::optional<timestamp>{}; }
  std::optional<timestamp> waits_until() const override { return until; }
  result<progress> resume() override {
    if (!context->output->has_credit())
      return progress::blocked;
    REQUIRE_FALSE(until);
    context->output->emit(0, std::move(kept));
    return progress::done;
  }
  void save(std::string& out) const override { out += "chain"; }
  result<> restore(std::string_view saved) override {
    restored = saved;
    return success();
  }
};

/// A task with two input channels, 10 and 11, and one output channel.
struct task_fixture {
  receiver to;
  fake_host host;
  fake_chain* chain = nullptr;
  std::unique_ptr<task_core> core;

  explicit task_fixture(const std::optional<task_snapshot>& saved = {}, std::int64_t credit = 1 << 20) {
    task_core::parts p;
    p.who = {"task", 0};
    p.inputs = {{10, 0}, {11, 0}};
    p.output = to.router(routing::forward, 1, credit);
    auto c = std::make_unique<fake_chain>();
    chain = c.get();
    p.operators = std::move(c);
    p.host = &host;
    core = std::make_unique<task_core>(std::move(p));
    REQUIRE(core->open(saved, 0).ok());
  }
  template <class... F>
  void give(std::uint32_t channel, F... frames) {
    std::vector<frame> all;
    (all.push_back(std::move(frames)), ...);
    core->deliver(channel, std::move(all));
  }
  words work() {
    for (;;) {
      auto r = core->step();
      REQUIRE(r.ok());
      if (*r == task_core::step_result::idle)
        return to.take();
    }
  }
};

} // namespace

TEST_CASE("rows before the barrier go out before it, and a channel that has it waits for the other") {
  task_fixture t;
  t.give(10, data({"a1"}), frame{barrier_frame{1, false}}, data({"a2"}));
  t.give(11, data({"x1"}));
  CHECK(t.work() == words{"a1", "x1"});
  CHECK(t.host.acknowledged.empty());
  t.give(11, data({"x2"}), frame{barrier_frame{1, false}}, data({"x3"}));
  auto out = t.work();
  REQUIRE(out.size() == 4);
  CHECK(out[0] == "x2");
  CHECK(out[1] == "b1");
  std::sort(out.begin() + 2, out.end());
  CHECK(words(out.begin() + 2, out.end()) == words{"a2", "x3"});
  REQUIRE(t.host.acknowledged.count(1) == 1);
  CHECK_FALSE(t.host.acknowledged[1].finished);
}

TEST_CASE("credit comes back for every row frame when it is processed, and none for control frames") {
  task_fixture t;
  auto rows_of_a = data({"a"});
  auto cost = credit_cost(rows_of_a);
  t.give(10, std::move(rows_of_a), frame{watermark_frame{{1}}});
  CHECK(t.host.credit.empty());
  t.work();
  CHECK(t.host.credit == std::map<std::uint32_t, std::size_t>{{10, cost}});
}

TEST_CASE("without credit rows wait and control frames pass") {
  task_fixture t({}, 0);
  t.give(10, data({"a"}));
  t.give(11, frame{watermark_frame{{1}}}, frame{barrier_frame{1, false}});
  CHECK(t.work().empty());
  CHECK(t.host.credit.empty());
  t.core->add_credit(0, 1000);
  CHECK(t.work() == words{"a"});
  t.give(10, frame{barrier_frame{1, false}});
  CHECK(t.work() == words{"b1"});
}

TEST_CASE("a chain that is blocked goes on when credit comes, and a barrier behind it waits") {
  task_fixture t({}, 1);
  t.give(10, data({"first"}), data({"block"}), frame{barrier_frame{1, false}});
  t.give(11, frame{barrier_frame{1, false}});
  CHECK(t.work() == words{"first"});
  CHECK(t.host.acknowledged.empty());
  t.core->add_credit(0, 100'000);
  CHECK(t.work() == words{"block", "b1"});
  CHECK(t.host.acknowledged.size() == 1);
}

TEST_CASE("a record that waits for its next try holds rows, watermark and barrier behind it, and asks to be woken") {
  task_fixture t;
  t.give(10, data({"wait"}), data({"r"}), frame{watermark_frame{{7}}}, frame{barrier_frame{1, false}});
  t.give(11, frame{watermark_frame{{7}}}, frame{barrier_frame{1, false}});
  CHECK(t.work().empty());
  CHECK(*t.core->next_processing_time() == timestamp{5'000'000});
  CHECK(t.host.acknowledged.empty());
  CHECK(t.host.credit.empty());
  t.core->on_time({5'000'000});
  t.chain->until.reset();
  auto out = t.work();
  REQUIRE(out.size() == 5);
  CHECK(words(out.begin(), out.begin() + 2) == words{"wait", "r"});
  CHECK(out.back() == "b1");
  CHECK(t.host.acknowledged.count(1) == 1);
  CHECK_FALSE(t.core->next_processing_time()->has_value());
}

TEST_CASE("the watermark is the lowest of the inputs, and what it fires goes out before it") {
  task_fixture t;
  t.give(10, frame{watermark_frame{{5}}});
  CHECK(t.work().empty());
  t.give(11, frame{watermark_frame{{3}}});
  CHECK(t.work() == words{"@3", "w3"});
  t.give(11, frame{status_frame{true}});
  CHECK(t.work() == words{"@5", "w5"});
  t.give(10, frame{status_frame{true}});
  CHECK(t.work() == words{"idle"});
  t.give(10, data({"x"}), frame{status_frame{false}});
  CHECK(t.work() == words{"x", "active"});
}

TEST_CASE("at the end of all inputs the last timers fire, then the end follows, and only barriers are answered") {
  task_fixture t;
  t.give(10, frame{watermark_frame{{5}}}, frame{end_frame{}});
  t.give(11, frame{watermark_frame{{7}}});
  t.work();
  CHECK(t.host.ended == 0);
  t.give(11, frame{end_frame{}});
  CHECK(t.work() == words{"@" + std::to_string(max_timestamp.us), "end"});
  CHECK(t.host.ended == 1);
  t.give(10, frame{barrier_frame{4, true}});
  t.give(11, frame{barrier_frame{4, true}});
  CHECK(t.work() == words{"b4!"});
  REQUIRE(t.host.acknowledged.count(4) == 1);
  CHECK(t.host.acknowledged[4].finished);
  CHECK(t.core->phase() == task_phase::stopped);
  // What is to be restored is the watermark from before the end of time.
  auto saved = decode_task_snapshot(t.host.acknowledged[4].inline_state);
  REQUIRE(saved.ok());
  CHECK(saved->watermark == timestamp{7});
  CHECK(saved->chain == "chain");
}

TEST_CASE("a higher barrier cancels the alignment of a lower one, and a closed one lets its channels go on") {
  task_fixture t;
  t.give(10, frame{barrier_frame{1, false}}, data({"a"}));
  CHECK(t.work().empty());
  t.core->on_closed(1);
  CHECK(t.work() == words{"a"});
  t.give(11, frame{barrier_frame{1, false}}, data({"b"}));
  CHECK(t.work() == words{"b"});
  t.give(10, frame{barrier_frame{2, false}});
  t.work();
  t.give(11, frame{barrier_frame{3, false}});
  t.work();
  CHECK(t.host.declined == std::vector<std::uint64_t>{2});
  t.give(10, frame{barrier_frame{3, false}});
  CHECK(t.work() == words{"b3"});
  CHECK(t.host.acknowledged.size() == 1);
}

TEST_CASE("a restored task begins with its watermark and its chain's state") {
  task_fixture t(task_snapshot{{50}, "saved"});
  CHECK(t.chain->restored == "saved");
  CHECK(t.core->watermark() == timestamp{50});
  t.give(10, frame{watermark_frame{{40}}});
  t.give(11, frame{watermark_frame{{60}}});
  CHECK(t.work().empty());
}

TEST_CASE("an error of the chain is the error of the step") {
  task_fixture t;
  t.give(10, data({"error"}));
  auto r = t.core->step();
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::user_code_failed);
}

namespace {

/// A partition whose records are put in by the test; the time of each is its offset.
struct fake_partition : partition_reader {
  std::vector<std::string>& records;
  std::int64_t& at;
  std::optional<error>& trouble;
  fake_partition(std::vector<std::string>& r, std::int64_t& a, std::optional<error>& t) : records(r), at(a), trouble(t) {}
  result<poll_result> poll(std::size_t max_records, std::size_t, record_consumer& out) override {
    if (trouble)
      return *trouble;
    poll_result p;
    for (; p.records < max_records && at < static_cast<std::int64_t>(records.size()); ++at, ++p.records) {
      record_view r;
      r.value = records[static_cast<std::size_t>(at)];
      r.offset = at;
      r.partition = 0;
      r.time = {at};
      out.consume(r);
    }
    p.next_offset = at;
    p.at_end = at == static_cast<std::int64_t>(records.size());
    p.more = !p.at_end;
    return p;
  }
  std::int64_t lag() const override { return static_cast<std::int64_t>(records.size()) - at; }
};

struct reader_fixture {
  receiver to;
  manual_clock clock{{1'000'000}};
  std::vector<std::string> records;
  std::int64_t at = 0;
  std::optional<error> trouble;
  std::map<std::uint64_t, contribution> acknowledged;
  unsigned ended = 0;
  unsigned woken = 0; ///< By its alignment group.
  fake_chain* chain = nullptr;
  std::unique_ptr<reader_core> core;

  struct setup {
    std::optional<reader_snapshot> restored{};
    std::optional<std::int64_t> stop{};
    std::int64_t credit = 1 << 20;
    bool check = false;
    std::shared_ptr<alignment_group> group{};
    duration max_drift{0};
  };
  explicit reader_fixture(std::vector<std::string> r, const setup& s) : records(std::move(r)) {
    reader_core::parts p;
    p.who = {"source", 0};
    p.topic = "in";
    if (s.restored) {
      p.position = *s.restored;
      p.restored = true;
      at = s.check ? s.restored->last->offset : s.restored->next_offset;
    }
    p.check_fingerprint = s.check;
    p.stop = s.stop;
    p.reader = std::make_unique<fake_partition>(records, at, trouble);
    p.output = to.router(routing::forward, 1, s.credit);
    auto c = std::make_unique<fake_chain>();
    chain = c.get();
    p.operators = std::move(c);
    p.time = &clock;
    if (s.group)
      p.alignment = aligned_partition(s.group, s.max_drift, [this] { core->on_wake(), ++woken; });
    p.acknowledge = [this](std::uint64_t k, contribution c2) { acknowledged[k] = std::move(c2); };
    p.finished = [this] { ++ended; };
    core = std::make_unique<reader_core>(std::move(p));
    REQUIRE(core->open().ok());
  }
  words work() {
    for (;;) {
      auto r = core->step();
      REQUIRE(r.ok());
      if (*r == reader_core::step_result::idle)
        return to.take();
    }
  }
  reader_snapshot snapshot(std::uint64_t k) { return decode_reader_snapshot(acknowledged.at(k).inline_state).value(); }
};

} // namespace

TEST_CASE("a reader sends what it polled with its watermark, and its position at a barrier is behind it") {
  reader_fixture r({"a", "b"}, {});
  CHECK(r.work() == words{"a,b", "w1"});
  r.core->on_barrier({1, false});
  CHECK(r.work() == words{"b1"});
  auto s = r.snapshot(1);
  CHECK(s.next_offset == 2);
  CHECK(s.watermark == timestamp{1});
  REQUIRE(s.last);
  CHECK(s.last->offset == 1);
  CHECK(s.chain == "chain");
  // Nothing is polled until something woke it.
  r.records.emplace_back("c");
  CHECK(r.work().empty());
  r.core->on_wake();
  CHECK(r.work() == words{"c", "w2"});
}

TEST_CASE("a restored reader sends its watermark again, compares the last record and passes on only newer ones") {
  reader_fixture first({"a", "b"}, {});
  first.work();
  first.core->on_barrier({1, false});
  first.work();
  auto saved = first.snapshot(1);
  reader_fixture same({"a", "b", "c"}, {.restored = saved, .check = true});
  CHECK(same.chain->restored == "chain");
  CHECK(same.work() == words{"w1", "c", "w2"});

  reader_fixture other({"a", "x", "c"}, {.restored = saved, .check = true});
  auto refused = other.core->step();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.err().code == errc::store_foreign);
  CHECK(other.to.take() == words{});
}

TEST_CASE("a checkpoint without new records keeps the fingerprint of the last one") {
  reader_fixture first({"a", "b"}, {});
  first.work();
  first.core->on_barrier({1, false});
  first.work();
  reader_fixture second({"a", "b"}, {.restored = first.snapshot(1), .check = true});
  second.work();
  second.core->on_barrier({2, false});
  second.work();
  CHECK(second.snapshot(2).last == first.snapshot(1).last);
}

TEST_CASE("a bounded reader stops before its end offset, sends the end and answers barriers as finished") {
  reader_fixture r({"a", "b", "c"}, {.stop = 2});
  CHECK(r.work() == words{"a,b", "w1", "end"});
  CHECK(r.ended == 1);
  CHECK(r.core->phase() == reader_phase::ended);
  r.core->on_barrier({1, true});
  CHECK(r.work() == words{"b1!"});
  CHECK(r.acknowledged.at(1).finished);
  CHECK(r.snapshot(1).next_offset == 2);
  CHECK(r.core->phase() == reader_phase::stopped);
}

TEST_CASE("a bounded reader of an empty partition ends at once") {
  reader_fixture r({}, {.stop = 0});
  CHECK(r.work() == words{"end"});
}

TEST_CASE("a reader whose record waits for its next try holds barriers and asks to be woken in time") {
  reader_fixture r({"a", "wait"}, {});
  CHECK(r.work().empty());
  r.core->on_barrier({1, false});
  r.records.emplace_back("b");
  r.core->on_wake();
  CHECK(r.work().empty());
  CHECK(r.core->next_look() == duration{5'000'000});
  r.clock.advance(duration{4'000'000});
  r.chain->until.reset();
  CHECK(r.work() == words{"a,wait", "w1", "b1", "b", "w2"});
}

TEST_CASE("a reader without credit does not poll but answers barriers") {
  reader_fixture r({"a"}, {.credit = 0});
  CHECK(r.work().empty());
  CHECK(r.at == 0);
  r.core->on_barrier({1, false});
  CHECK(r.work() == words{"b1"});
  CHECK(r.snapshot(1).next_offset == 0);
  r.core->add_credit(0, 100);
  CHECK(r.work() == words{"a", "w0"});
}

TEST_CASE("a partition whose end was seen for the idle time is idle until a record comes") {
  reader_fixture r({"a"}, {});
  r.work();
  for (int i = 0; i < 3 && !r.core->idle(); ++i) {
    r.clock.advance(duration{600});
    r.core->on_wake();
    r.work();
  }
  CHECK(r.core->idle());
  r.core->on_barrier({1, false});
  r.work();
  CHECK(r.snapshot(1).idle);
  r.records.emplace_back("b");
  r.core->on_wake();
  CHECK(r.work() == words{"active", "b", "w1"});
  reader_fixture restored({"a"}, {.restored = r.snapshot(1)});
  CHECK(restored.work() == words{"w0", "idle"});
}

namespace {

/// Records of a partition whose event time comes to `n` - 1.
std::vector<std::string> many(std::size_t n) { return std::vector<std::string>(n, "r"); }

} // namespace

TEST_CASE("a reader ahead of its alignment group is not read, answers barriers, and goes on when the slowest has come near") {
  auto group = std::make_shared<alignment_group>();
  reader_fixture fast(many(3000), {.group = group, .max_drift = duration{100}});
  reader_fixture slow({"a"}, {.group = group, .max_drift = duration{100}});
  fast.work();
  CHECK(fast.core->watermark() == timestamp{1023});
  CHECK(fast.core->waits_for_others());
  fast.core->on_barrier({1, false});
  CHECK(fast.work() == words{"b1"});
  CHECK(fast.snapshot(1).next_offset == 1024);
  // Hints of the connector do not make it read.
  fast.core->on_wake();
  CHECK(fast.work().empty());
  CHECK(fast.at == 1024);
  slow.work();
  CHECK(fast.woken == 0);
  slow.records = many(924);
  slow.core->on_wake();
  slow.work();
  CHECK(slow.core->watermark() == timestamp{923});
  CHECK(fast.woken == 1);
  fast.work();
  CHECK(fast.at == 2048);
  CHECK(fast.core->waits_for_others());
  CHECK(slow.woken == 0);
  // The final barrier passes a reader that waits.
  fast.core->on_barrier({2, true});
  CHECK(fast.work() == words{"b2!"});
  CHECK(fast.core->phase() == reader_phase::stopped);
}

TEST_CASE("a reader that waits for its group is not idle however long, and one that is idle does not hold the others") {
  auto group = std::make_shared<alignment_group>();
  reader_fixture fast(many(2000), {.group = group, .max_drift = duration{100}});
  reader_fixture silent({}, {.group = group, .max_drift = duration{100}});
  fast.work();
  REQUIRE(fast.at == 1024);
  CHECK_FALSE(fast.core->next_look());
  for (int i = 0; i < 10; ++i) {
    fast.clock.advance(duration{600});
    fast.core->on_wake();
    CHECK(fast.work().empty());
    CHECK_FALSE(fast.core->idle());
  }
  for (int i = 0; i < 3; ++i) {
    silent.work();
    silent.clock.advance(duration{600});
    silent.core->on_wake();
  }
  CHECK(silent.core->idle());
  CHECK(fast.woken == 1);
  fast.work();
  CHECK(fast.at == 2000);
  CHECK_FALSE(fast.core->waits_for_others());
  // A record of the silent one takes the others back; silence is looked for anew.
  silent.records = {"late riser"};
  silent.core->on_wake();
  silent.work();
  fast.records = many(2100);
  fast.core->on_wake();
  fast.work();
  CHECK(fast.at == 2000);
  CHECK(fast.core->waits_for_others());
}

TEST_CASE("a bounded reader that ended holds nobody, and one at its stop offset ends although it is ahead") {
  auto group = std::make_shared<alignment_group>();
  reader_fixture fast(many(1024), {.stop = 1024, .group = group, .max_drift = duration{100}});
  reader_fixture middle(many(2000), {.stop = 2000, .group = group, .max_drift = duration{100}});
  reader_fixture slow(many(10), {.stop = 10, .group = group, .max_drift = duration{100}});
  middle.work();
  CHECK(middle.at == 1024);
  fast.work();
  CHECK(fast.core->phase() == reader_phase::ended);
  CHECK(middle.woken == 0);
  slow.work();
  CHECK(slow.core->phase() == reader_phase::ended);
  CHECK(middle.woken == 1);
  middle.work();
  CHECK(middle.core->phase() == reader_phase::ended);
}

TEST_CASE("restored readers decide anew who waits, from their restored watermarks") {
  auto group = std::make_shared<alignment_group>();
  reader_snapshot ahead, behind, quiet;
  ahead.next_offset = 500;
  ahead.watermark = timestamp{499};
  behind.next_offset = 5;
  behind.watermark = timestamp{4};
  quiet.idle = true;
  reader_fixture fast(many(600), {.restored = ahead, .group = group, .max_drift = duration{100}});
  reader_fixture slow(many(420), {.restored = behind, .group = group, .max_drift = duration{100}});
  reader_fixture idle({}, {.restored = quiet, .group = group, .max_drift = duration{100}});
  CHECK(fast.work() == words{"w499"});
  CHECK(fast.core->waits_for_others());
  slow.work();
  CHECK(fast.woken == 1);
  fast.work();
  CHECK(fast.at == 600);
}

TEST_CASE("a connector that does not answer is waited for, one that lost the topic is an error") {
  reader_fixture r({"a"}, {});
  r.trouble = error{errc::unavailable, "no broker"};
  CHECK(r.work().empty());
  r.trouble.reset();
  r.core->on_wake();
  CHECK(r.work() == words{"a", "w0"});
  r.trouble = error{errc::not_found, "no topic"};
  r.core->on_wake();
  auto failed = r.core->step();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.err().code == errc::not_found);
  CHECK(failed.err().message.find("topic 'in' partition 0") != std::string::npos);
}

TEST_CASE("a record that the chain refuses is the error of the step") {
  reader_fixture r({"a", "error"}, {});
  auto failed = r.core->step();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.err().code == errc::decode_failed);
}
