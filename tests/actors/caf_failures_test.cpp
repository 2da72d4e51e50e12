#include <weir/services/actor_service.hpp>
#include "tests/actors/caf_world.hpp"

using namespace caf_test;
using weir::errc;
using weir::job_phase;
using weir::job_status;
using weir::on_error;

// Ordinary actors that fail, refuse, throw, die or stay silent: what becomes of their events, and of others.

namespace {

/// Refuses what starts with "bad", the first `times` tries of each.
auto refuses(unsigned times) {
  return [times](caf::event_based_actor*, probe_ptr p) -> caf::behavior {
    return {[=](const text_event& e) -> caf::result<void> {
      p->saw(e);
      if (e.value.rfind("bad", 0) == 0 && e.attempt <= times)
        return caf::make_error(caf::sec::runtime_error, std::string("I do not like it"));
      return caf::unit;
    }};
  };
}

weir::caf_service never_answers(probe_ptr p, weir::duration timeout) {
  return service_of("silent", "in", p, holds, {.timeout = timeout, .failures = on_error::retry(1)});
}

const job_status& of(const std::vector<job_status>& all, const std::string& name) {
  for (const auto& s : all)
    if (s.job == name)
      return s;
  throw std::runtime_error("no service " + name);
}

} // namespace

TEST_CASE("an event that is answered with an error is tried again, and done when it succeeds", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, {"a", "bad", "c"});
  auto p = std::make_shared<probe>();
  running job({spec_of(w, service_of("plain", "in", p, refuses(2), {.failures = on_error::retry(3, 1ms)}))});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 3; }));
  CHECK(p->times("bad") == 3);
  CHECK(p->times("a") == 1);
  CHECK(p->times("c") == 1);
  CHECK(counter(job.status(), "weir.failed_tries") == 2);
  CHECK(job.status().restarts == 0);
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("an event that keeps failing parks its service with its place and reason, and other services go on", "[caf]") {
  world w;
  w.topic("in", 2);
  w.topic("good");
  w.put("in", 0, {"a", "bad", "c"});
  auto p = std::make_shared<probe>(), q = std::make_shared<probe>();
  auto jobs =
      must(weir::start_runtime({2}, {spec_of(w, service_of("plain", "in", p, refuses(9), {.failures = on_error::retry(2)})),
                                     spec_of(w, service_of("other", "good", q, answers))}));
  // The other partition moves on all the time: that is no reason to try for ever.
  auto at = 0;
  REQUIRE(soon([&] {
    w.put("in", 1, {std::to_string(at++)});
    return of(jobs->status(), "plain").phase == job_phase::failed;
  }));
  auto bad = of(jobs->status(), "plain");
  CHECK(bad.restarts >= 3);
  for (const auto* part : {"in/0 offset 1", "I do not like it", "2 tries"})
    has(bad.cause->message, part);
  CHECK(committed(w, "plain", "in", 0) == 1);
  CHECK(p->times("bad") == 2 * (bad.restarts + 1));
  w.put("good", 0, {"1"});
  REQUIRE(soon([&] { return q->count() == 1; }));
  CHECK(of(jobs->status(), "other").restarts == 0);
  CHECK(jobs->wait(0ms).empty());
  jobs->request_stop();
  CHECK(jobs->wait(patience).size() == 2);
}

TEST_CASE("an event that keeps failing is skipped and counted where the service says so", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, {"a", "bad", "c"});
  auto p = std::make_shared<probe>();
  running job({spec_of(w, service_of("plain", "in", p, refuses(9), {.failures = on_error::retry(2, {}, on_error::skip)}))});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 3; }));
  CHECK(p->times("bad") == 2);
  CHECK(counter(job.status(), "weir.skipped_events") == 1);
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("dead letters carry record, place and reason, and are written before the offset is committed", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, {"1", "not a number", "-1", "2"});
  static std::atomic<int> sum;
  sum = 0;
  weir::caf_service s{"plain"};
  auto letters = on_error::dead_letter({"main", "letters"});
  s.subscribe("in", weir::topic<std::int64_t>{{"main", "in"}}, {.failures = letters, .errors = letters});
  s.spawns([](const weir::caf_context& ctx) {
    return ctx.spawn([](caf::event_based_actor*) -> caf::behavior {
      return {[](const weir::caf_event<std::int64_t>& e) -> caf::result<void> {
        if (e.value < 0)
          return caf::make_error(caf::sec::runtime_error, std::string("below zero"));
        sum += static_cast<int>(e.value);
        return caf::unit;
      }};
    });
  });
  running job({spec_of(w, s)});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 4; }));
  CHECK(sum == 3);
  CHECK(counter(job.status(), "weir.dead_letters") == 2);
  auto all = w.read("letters");
  REQUIRE(all.size() == 2);
  std::sort(all.begin(), all.end(),
            [](auto& a, auto& b) { return a.header("weir.origin.offset") < b.header("weir.origin.offset"); });
  CHECK(all[0].value == "not a number");
  CHECK(all[0].header("weir.reason") == "unreadable");
  CHECK(all[1].value == "-1");
  CHECK(all[1].header("weir.reason") == "refused");
  CHECK(all[1].header("weir.origin.topic") == "in");
  CHECK(all[1].header("weir.origin.offset") == "2");
  has(all[1].header("weir.error"), "below zero");
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("an actor that never answers is shown with the event, is parked in the end, and others go on", "[caf]") {
  world w;
  w.topic("in");
  w.topic("good");
  w.put("in", 0, {"x", "y"});
  auto p = std::make_shared<probe>(), q = std::make_shared<probe>();
  auto jobs =
      must(weir::start_runtime({2}, {spec_of(w, never_answers(p, 1s)), spec_of(w, service_of("other", "good", q, answers))}));
  REQUIRE(soon([&] {
    auto s = of(jobs->status(), "silent");
    return s.operators.size() > 1 && s.operators[1].stuck.find("in/0 offset 0 has no answer") != std::string::npos;
  }));
  w.put("good", 0, {"1"});
  REQUIRE(soon([&] { return q->count() == 1; }));
  REQUIRE(soon([&] { return of(jobs->status(), "silent").phase == job_phase::failed; }));
  auto s = of(jobs->status(), "silent");
  has(s.cause->message, "no answer within 1000 ms");
  CHECK(s.restarts == 3);
  CHECK(p->times("x") == 4);
  CHECK(counter(s, "weir.timed_out_tries") >= 4);
  CHECK(committed(w, "silent", "in") == -1);
  w.put("good", 0, {"2"});
  REQUIRE(soon([&] { return q->count() == 2; }));
}

TEST_CASE("an event that was tried again is done by a late answer to its first try", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, {"x"});
  auto p = std::make_shared<probe>();
  running job({spec_of(w, service_of("plain", "in", p, holds, {.timeout = 20ms, .failures = on_error::retry(100, 60s)}))});
  REQUIRE(job.until([](const job_status& s) { return counter(s, "weir.timed_out_tries") == 1; }));
  caf::anon_send(p->actor(), let_go{0, 0});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 1; }));
  CHECK(p->count() == 1);
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("a handler that does not return is shown, holds nobody else, and is waited for", "[caf]") {
  world w;
  w.topic("in");
  w.topic("good");
  w.put("in", 0, {"x"});
  static std::atomic<bool> block;
  block = true;
  auto p = std::make_shared<probe>(), q = std::make_shared<probe>();
  auto blocks = [](caf::event_based_actor*, probe_ptr seen) -> caf::behavior {
    return {[=](const text_event& e) {
      seen->saw(e);
      while (block)
        std::this_thread::sleep_for(1ms);
    }};
  };
  auto s = spec_of(w, service_of("blocked", "in", p, blocks, {.timeout = 1s, .failures = on_error::retry(1)}));
  s.shutdown_timeout = 20ms;
  auto jobs = must(weir::start_runtime({2}, {s, spec_of(w, service_of("other", "good", q, answers))}));
  REQUIRE(soon([&] {
    auto now = of(jobs->status(), "blocked");
    return now.operators.size() > 1 && !now.operators[1].stuck.empty();
  }));
  w.put("good", 0, {"1"});
  REQUIRE(soon([&] { return q->count() == 1; }));
  // There must not be two of it: it is parked at once.
  REQUIRE(soon([&] { return of(jobs->status(), "blocked").phase == job_phase::failed; }));
  has(of(jobs->status(), "blocked").cause->message, "does not end");
  CHECK(p->count() == 1);
  block = false;
}

TEST_CASE("an actor that ends or throws is replaced, and what it had not answered comes again", "[caf]") {
  auto how = GENERATE(as<std::string>(), "quits", "throws", "throws what is no exception");
  world w;
  w.topic("in");
  w.put("in", 0, numbers(50));
  static std::atomic<int> left;
  left = 2;
  auto p = std::make_shared<probe>();
  auto dies = [how](caf::event_based_actor* self, probe_ptr seen) -> caf::behavior {
    return {[=](const text_event& e) {
      if (e.value == "20" && left.fetch_sub(1) > 0) {
        if (how == "throws")
          throw std::runtime_error("twenty");
        if (how != "quits")
          throw 20;
        self->quit();
        return;
      }
      seen->saw(e);
    }};
  };
  auto s = spec_of(w, service_of("plain", "in", p, dies));
  running job({s});
  // An actor that quits in a handler has answered this very event.
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 50; }));
  CHECK(p->values().size() == (how == "quits" ? 49 : 50));
  CHECK(job.status().restarts == (how == "quits" ? 1 : 2));
  has(job.status().cause->message, how == "throws"  ? "the actor threw: twenty"
                                   : how == "quits" ? "ended by itself"
                                                    : "the actor threw");
  auto tokens = p->tokens();
  CHECK(std::is_sorted(tokens.begin(), tokens.end()));
  CHECK(std::set<std::uint64_t>(tokens.begin(), tokens.end()).size() == tokens.size());
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("the death of an actor is no answer: nothing is skipped or dropped by it", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, numbers(300));
  static std::atomic<int> left;
  left = 3;
  auto p = std::make_shared<probe>();
  auto dies = [](caf::event_based_actor*, probe_ptr seen) -> caf::behavior {
    return {[=](const text_event& e) {
      if (std::stoi(e.value) % 100 == 50 && left.fetch_sub(1) > 0)
        throw std::runtime_error("fifty");
      seen->saw(e);
    }};
  };
  running job({spec_of(w, service_of("plain", "in", p, dies, {.failures = on_error::skip}))});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 300; }));
  CHECK(p->values().size() == 300);
  CHECK(counter(job.status(), "weir.skipped_events") == 0);
  CHECK(job.status().restarts >= 1);
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("what throws while the actor starts is the reason of a restart", "[caf]") {
  auto where = GENERATE(as<std::string>(), "spawn", "behavior", "none");
  world w;
  w.topic("in");
  w.put("in", 0, {"x"});
  static std::atomic<int> left;
  left = 2;
  auto p = std::make_shared<probe>();
  weir::caf_service s{"plain"};
  s.subscribe("in", weir::topic<std::string>{{"main", "in"}});
  s.spawns([=](const weir::caf_context& ctx) -> caf::actor {
    auto fail = left.fetch_sub(1) > 0;
    if (fail && where == "spawn")
      throw std::runtime_error("not ready");
    if (fail && where == "none")
      return {};
    return ctx.spawn(
        [=](caf::event_based_actor* self, probe_ptr seen) -> caf::behavior {
          if (fail)
            throw std::runtime_error("not ready");
          return answers(self, seen);
        },
        p);
  });
  running job({spec_of(w, s)});
  REQUIRE(soon([&] { return p->count() == 1; }));
  CHECK(job.status().restarts == 2);
  has(job.status().cause->message, where == "none" ? "returned none" : "not ready");
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("a record that does not parse fails the service by default, with its place", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, {"1", "x"});
  weir::caf_service s{"plain"};
  s.subscribe("in", weir::topic<std::int64_t>{{"main", "in"}});
  s.spawns([](const weir::caf_context& ctx) {
    return ctx.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const weir::caf_event<std::int64_t>&) {}}; });
  });
  running job({spec_of(w, s)});
  check_failed(job.end(), errc::decode_failed, {"in/0 offset 1"});
  CHECK(committed(w, "plain", "in") == 1);
}

TEST_CASE("an actor without a handler for its events refuses them", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, {"x"});
  weir::caf_service s{"plain"};
  s.subscribe("in", weir::topic<std::string>{{"main", "in"}}, {.failures = on_error::skip});
  s.spawns([](const weir::caf_context& ctx) {
    return ctx.spawn([](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[](int) {}};
    });
  });
  running job({spec_of(w, s)});
  REQUIRE(soon([&] { return committed(w, "plain", "in") == 1; }));
  CHECK(counter(job.status(), "weir.skipped_events") == 1);
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("message types are registered before the system starts, and what throws there is an error of the start", "[caf]") {
  world w;
  w.topic("in");
  w.put("in", 0, {"x"});
  static std::atomic<int> called, seen_first;
  static std::atomic<bool> known;
  called = seen_first = 0;
  weir::caf_service s{"plain"};
  s.subscribe("in", weir::topic<std::string>{{"main", "in"}});
  s.message_types([](caf::actor_system_config& c) {
    ++called;
    c.add_message_type<std::pair<int, int>>("pair_of_int");
  });
  s.spawns([](const weir::caf_context& ctx) {
    seen_first = called.load();
    known = ctx.system().types().make_value("pair_of_int") != nullptr;
    return ctx.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const text_event&) {}}; });
  });
  {
    running job({spec_of(w, s)});
    REQUIRE(soon([&] { return committed(w, "plain", "in") == 1; }));
    CHECK(called == 1);
    CHECK(seen_first == 1);
    CHECK(known);
    check_phase(job.stop(), job_phase::stopped);
  }
  s.message_types([](caf::actor_system_config&) { throw std::runtime_error("no such type"); });
  auto failed = weir::start_runtime({2}, {spec_of(w, s)});
  REQUIRE(!failed);
  CHECK(failed.err().code == errc::user_code_failed);
  has(failed.err().message, "no such type");
}

TEST_CASE("a declaration says everything that is wrong with it", "[caf]") {
  weir::caf_service s{"plain"};
  s.subscribe("in", weir::topic<std::string>{{"main", "in"}}, {.in_flight = 0});
  s.subscribe("in", weir::topic<std::string>{{"main", "in"}}, {.failures = on_error::retry(0)});
  auto plan = s.plan({});
  REQUIRE(!plan);
  CHECK(plan.err().code == errc::invalid_graph);
  for (const auto* part : {"call spawns()", "in_flight is 0", "'in' is used twice", "read the same topic", "0 tries"})
    has(plan.err().message, part);
  CHECK(!weir::caf_service{"idle"}.plan({}));
}
