#include "tests/actors/caf_world.hpp"

using namespace caf_test;
using weir::job_phase;
using weir::job_status;

// An ordinary CAF actor as a service: at least once by answers, what is committed and when, start and stop.

TEST_CASE("every event comes to the actor in the order of its partition, and the group stands behind them after a stop",
          "[caf]") {
  world w;
  w.topic("in", 2);
  w.put("in", 0, numbers(500));
  w.put("in", 1, numbers(300));
  auto p = std::make_shared<probe>();
  auto s = spec_of(w, service_of("plain", "in", p, answers));
  {
    running job({s});
    REQUIRE(job.until([&](const job_status& now) { return p->count() == 800 && now.lag == 0; }));
    CHECK(job.status().phase == job_phase::running);
    check_phase(job.stop(), job_phase::stopped);
    job.request_stop();
  }
  std::map<std::int32_t, std::int64_t> next;
  for (const auto& e : p->seen()) {
    CHECK(e.offset == next[e.partition]++);
    CHECK(e.value == std::to_string(e.offset));
    CHECK(e.topic() == "in");
    CHECK(e.attempt == 1);
    CHECK(e.time == weir::timestamp{1'700'000'000'000'000});
  }
  CHECK(committed(w, "plain", "in", 0) == 500);
  CHECK(committed(w, "plain", "in", 1) == 300);

  w.put("in", 1, {"new"});
  running again({s});
  REQUIRE(again.until([&](const job_status&) { return p->count() == 801; }));
  CHECK(p->seen().back().value == "new");
  check_phase(again.stop(), job_phase::stopped);
  auto tokens = p->tokens();
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0] < tokens[1]);
}

TEST_CASE("the committed offset is the lowest that is not done, whatever is answered behind it", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, numbers(10));
  auto p = std::make_shared<probe>();
  running job({spec_of(w, service_of("plain", "in", p, holds))});
  REQUIRE(soon([&] { return p->count() == 10; }));
  CHECK(committed(w, "plain", "in") == -1);
  for (auto offset : {1, 2, 3, 5, 6, 7, 8, 9})
    caf::anon_send(p->actor(), let_go{0, offset});
  REQUIRE(job.until([](const job_status& s) { return s.commits->open == 2; }));
  CHECK(job.status().partitions.at(0).next_offset == 0);
  CHECK(job.status().partitions.at(0).lag >= 2);
  caf::anon_send(p->actor(), let_go{0, 0});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 4; }));
  caf::anon_send(p->actor(), let_go{0, 4});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 10; }));
  check_phase(job.stop(), job_phase::stopped);
  CHECK(p->count() == 10);
}

TEST_CASE("at most in_flight events of a partition are with the actor", "[caf]") {
  world w;
  w.topic("in", 2);
  w.put("in", 0, numbers(50));
  w.put("in", 1, numbers(50));
  auto p = std::make_shared<probe>();
  running job({spec_of(w, service_of("plain", "in", p, holds, {.in_flight = 3}))});
  std::map<std::int32_t, std::int64_t> answered;
  for (std::size_t total = 6; total <= 100; ++total) {
    REQUIRE(job.until(
        [&](const job_status& s) { return p->count() == total && s.commits->open == std::min<std::size_t>(6, 106 - total); }));
    std::map<std::int32_t, std::int64_t> came;
    for (const auto& e : p->seen())
      ++came[e.partition];
    for (auto [partition, n] : came)
      CHECK(n - answered[partition] <= 3);
    auto partition = answered[0] <= answered[1] ? 0 : 1;
    caf::anon_send(p->actor(), let_go{partition, answered[partition]++});
  }
  for (; answered[0] < 50; ++answered[0])
    caf::anon_send(p->actor(), let_go{0, answered[0]});
  for (; answered[1] < 50; ++answered[1])
    caf::anon_send(p->actor(), let_go{1, answered[1]});
  REQUIRE(job.until([&](const job_status& s) { return s.lag == 0; }));
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("a stop waits for the answers to open events, reads none, and commits them", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, numbers(20));
  auto p = std::make_shared<probe>();
  running job({spec_of(w, service_of("plain", "in", p, holds, {.in_flight = 5}))});
  REQUIRE(soon([&] { return p->count() == 5; }));
  job.request_stop();
  job.request_stop();
  REQUIRE(job.until(job_phase::stopping));
  for (auto offset : {4, 3, 2, 1, 0})
    caf::anon_send(p->actor(), let_go{0, offset});
  check_phase(job.end(), job_phase::stopped);
  CHECK(p->count() == 5);
  CHECK(committed(w, "plain", "in") == 5);
}

TEST_CASE("an event that is not answered within the shutdown time-out comes again at the next start", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, numbers(4));
  auto p = std::make_shared<probe>();
  auto s = spec_of(w, service_of("plain", "in", p, holds));
  s.shutdown_timeout = 50ms;
  {
    running job({s});
    REQUIRE(soon([&] { return p->count() == 4; }));
    for (auto offset : {0, 2, 3})
      caf::anon_send(p->actor(), let_go{0, offset});
    REQUIRE(job.until([](const job_status& now) { return now.commits->open == 1; }));
    check_phase(job.stop(), job_phase::stopped);
  }
  CHECK(committed(w, "plain", "in") == 1);
  running again({s});
  REQUIRE(soon([&] { return p->times("1") == 2; }));
  CHECK(p->times("0") == 1);
  REQUIRE(soon([&] { return p->times("3") == 2; }));
  check_phase(again.stop(), job_phase::stopped);
}

TEST_CASE("a bounded run ends behind the events that were there", "[caf]") {
  world w;
  w.topic("in", 2);
  w.put("in", 0, numbers(40));
  auto p = std::make_shared<probe>();
  auto end = w.run_to_end(spec_of(w, service_of("plain", "in", p, answers)));
  check_phase(end, job_phase::ended);
  CHECK(p->count() == 40);
  CHECK(committed(w, "plain", "in") == 40);
  check_phase(w.run_to_end(spec_of(w, service_of("plain", "in", p, answers))), job_phase::ended);
  CHECK(p->count() == 40);
}

TEST_CASE("a service without new events tells its group again where it stands, and so does each bounded run", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, numbers(4));
  auto p = std::make_shared<probe>();
  auto spec = spec_of(w, service_of("plain", "in", p, answers));
  spec.commit_again = 5ms;
  {
    running job({spec});
    REQUIRE(soon([&] { return committed(w, "plain", "in") == 4; }));
    auto before = job.status().commits->count;
    CHECK(job.until([&](const job_status& s) { return s.commits->count >= before + 3; }));
    CHECK(committed(w, "plain", "in") == 4);
    check_phase(job.stop(), job_phase::stopped);
  }
  spec.commit_again = 24h;
  spec.until_end = true;
  running bounded({spec});
  check_phase(bounded.end(), job_phase::ended);
  CHECK(bounded.status().commits->count == 1);
  CHECK(committed(w, "plain", "in") == 4);
  CHECK(p->count() == 4);
}

TEST_CASE("an actor that waits for its input topic starts when it is there", "[caf]") {
  world w;
  auto p = std::make_shared<probe>();
  running job({spec_of(w, service_of("plain", "later", p, answers))});
  REQUIRE(job.until([](const job_status& s) { return s.detail.find("waiting for topic 'later'") != std::string::npos; }));
  w.topic("later");
  w.put("later", 0, {"x"});
  REQUIRE(soon([&] { return p->count() == 1; }));
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("a publish resolves when the log has the record, and one that cannot be written is an error", "[caf]") {
  world w;
  w.topic("in");
  w.topic("out", 1, 200);
  w.put("in", 0, {"small", std::string(400, 'x')});
  auto p = std::make_shared<probe>();
  static std::atomic<std::size_t> there;
  static std::atomic<int> errors;
  there = errors = 0;
  weir::caf_service s{"plain"};
  auto out = s.publishes("out", weir::topic<std::string>{{"main", "out"}});
  s.subscribe("in", weir::topic<std::string>{{"main", "in"}});
  s.spawns([p, out, &w](const weir::caf_context& ctx) {
    return ctx.spawn([p, out, ctx, &w](caf::event_based_actor* self) -> caf::behavior {
      return {[=, &w](const text_event& e) -> caf::result<void> {
        auto answer = self->make_response_promise();
        ctx.counter("published").add();
        ctx.publish(self, out, e.offset, e.value)
            .then(
                [=, &w]() mutable {
                  there = w.size("out");
                  answer.deliver(caf::unit);
                },
                [=](const caf::error&) mutable {
                  ++errors;
                  answer.deliver(caf::unit);
                });
        return answer;
      }};
    });
  });
  running job({spec_of(w, s)});
  REQUIRE(job.until([](const job_status& now) { return now.lag == 0 && now.commits->at; }));
  CHECK(there == 1);
  CHECK(errors == 1);
  CHECK(counter(job.status(), "published") == 2);
  CHECK(job.status().records_out == 1);
  check_phase(job.stop(), job_phase::stopped);
  auto records = w.read("out");
  REQUIRE(records.size() == 1);
  CHECK(records[0].key == "0");
  CHECK(records[0].value == "small");
}

namespace {

/// Answers each event with the acknowledgement of its publication, and says goodbye when it is asked to drain.
caf::behavior relay(caf::event_based_actor* self, weir::caf_context ctx, weir::caf_publication<std::string> out, bool throws) {
  return {[=](const text_event& e) { return ctx.answer_with(self, out, std::nullopt, e.value); },
          [=](const weir::caf_drain&) {
            if (throws)
              throw std::runtime_error("no goodbye");
            return ctx.answer_with(self, out, std::nullopt, std::string("goodbye"));
          }};
}

weir::caf_service relay_service(bool throws) {
  weir::caf_service s{"plain"};
  auto out = s.publishes("out", weir::topic<std::string>{{"main", "out"}}, 3);
  s.subscribe("in", weir::topic<std::string>{{"main", "in"}});
  s.spawns([out, throws](const weir::caf_context& ctx) { return ctx.spawn(relay, ctx, out, throws); });
  s.asks_to_drain();
  return s;
}

} // namespace

TEST_CASE("an event whose answer is a publication is done when the topic has it, and a drain is answered before the end",
          "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, numbers(100));
  running job({spec_of(w, relay_service(false))});
  REQUIRE(job.until([](const job_status& s) { return s.lag == 0 && s.records_in == 100; }));
  CHECK(w.size("out") == 100);
  check_phase(job.stop(), job_phase::stopped);
  CHECK(w.size("out") == 101);
  CHECK(must(w.log().topic("out")).options.partitions == 3);
  CHECK(committed(w, "plain", "in") == 100);
}

TEST_CASE("an actor that throws at its stop is stopped all the same, with its events committed and the reason shown", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, numbers(7));
  running job({spec_of(w, relay_service(true))});
  REQUIRE(job.until([](const job_status& s) { return s.lag == 0 && s.records_in == 7; }));
  check_phase(job.stop(), job_phase::stopped);
  CHECK(committed(w, "plain", "in") == 7);
  has(job.status().cause->message, "no goodbye");
}
