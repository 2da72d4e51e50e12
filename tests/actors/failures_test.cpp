#include <atomic>
#include "tests/actors/job_checks.hpp"

using namespace job_test;
using weir::errc;
using weir::job_phase;

// What happens to a job when something goes wrong, rule by rule.

namespace failures_test {

struct payment {
  std::string account;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(payment, (), (account, cents))

std::string json(const std::string& account, std::int64_t cents) {
  return R"({"account":")" + account + R"(","cents":)" + std::to_string(cents) + "}";
}

/// Throws for 13 cents, always.
std::int64_t unlucky(const payment& p) {
  if (p.cents == 13)
    throw std::runtime_error("unlucky number");
  return p.cents;
}

weir::job checked(weir::on_error policy) {
  weir::job job{"checked"};
  job.source("in", weir::topic<payment>{{"main", "in"}})
      .map("check", unlucky)
      .on_error(std::move(policy))
      .sink("out", weir::topic<std::int64_t>{{"main", "out"}});
  return job;
}

weir::job parsing(weir::on_error policy) {
  weir::job job{"parsing"};
  weir::source_options options;
  options.errors = std::move(policy);
  job.source("in", weir::topic<payment>{{"main", "in"}}, options)
      .map([](const payment& p) { return p.cents; })
      .sink("out", weir::topic<std::int64_t>{{"main", "out"}});
  return job;
}

weir::job copying(weir::on_error policy) {
  weir::job job{"copying"};
  weir::sink_options<std::string> options;
  options.errors = std::move(policy);
  job.source("in", weir::topic<std::string>{{"main", "in"}}).sink("out", weir::topic<std::string>{{"main", "out"}}, options);
  return job;
}

/// A job whose handler waits for a gate and so keeps its task from the barrier until the test opens it. One at a time.
class gated {
 public:
  gated() { is_open = false; }
  ~gated() { open(); }
  static void open() {
    is_open = true;
    is_open.notify_all();
  }
  /// Checkpoints of the job time out after 20 ms while the gate is closed.
  static weir::job_spec spec(world& w, unsigned tolerated_failures) {
    weir::job job{"gated"};
    job.source("in", weir::topic<payment>{{"main", "in"}})
        .map("wait",
             [](const payment& p) {
               is_open.wait(false);
               return p.cents;
             })
        .disable_chaining()
        .sink("out", weir::topic<std::int64_t>{{"main", "out"}});
    auto s = w.spec(job);
    s.checkpoint.timeout = 20ms;
    s.checkpoint.tolerated_failures = tolerated_failures;
    return s;
  }

 private:
  static inline std::atomic<bool> is_open{false};
};

} // namespace failures_test
using namespace failures_test;

TEST_CASE("an exception from user code under fail restarts the job and then fails it with the cause and the operator") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 1), json("a", 2), json("a", 13), json("a", 4)});
  running job({w.spec(checked(weir::on_error::fail))});
  check_failed(job.end(), errc::user_code_failed, {"operator 'check', topic 'in', partition 0, offset 2: unlucky number"});
  CHECK(job.status().restarts == 3);
  has(job.status().cause->message, "unlucky number");
  CHECK(w.size("out") == 0);
}

TEST_CASE("an exception from user code in a task behind a channel names the task and its operator") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 13)});
  weir::job job{"behind"};
  job.source("in", weir::topic<payment>{{"main", "in"}})
      .map("check", unlucky)
      .disable_chaining()
      .sink("out", weir::topic<std::int64_t>{{"main", "out"}});
  running r({w.spec(job)});
  check_failed(r.end(), errc::user_code_failed,
               {"check[0]", "operator 'check', topic 'in', partition 0, offset 0: unlucky number"});
}

TEST_CASE("an exception from user code that goes away costs restarts and no result") {
  static std::atomic<int> left;
  left = 3;
  world w;
  w.topic("in");
  std::vector<std::string> values, expected;
  for (int i = 0; i < 100; ++i) {
    values.push_back(json("a", 100 + i));
    expected.push_back(std::to_string(100 + i));
  }
  w.put("in", 0, values);
  weir::job job{"shaky"};
  job.source("in", weir::topic<payment>{{"main", "in"}})
      .map("shaky",
           [](const payment& p) {
             if (p.cents == 150 && left.fetch_sub(1) > 0)
               throw std::runtime_error("not yet");
             return p.cents;
           })
      .sink("out", weir::topic<std::int64_t>{{"main", "out"}});
  auto s = w.spec(job);
  s.until_end = true;
  running r({s});
  check_phase(r.end(), job_phase::ended);
  CHECK(r.status().restarts == 3);
  std::sort(expected.begin(), expected.end());
  CHECK(w.values("out") == expected);
}

TEST_CASE("an exception from user code under skip drops the record") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 1), json("a", 13), json("a", 4)});
  REQUIRE(w.run_to_end(w.spec(checked(weir::on_error::skip))).phase == job_phase::ended);
  CHECK(w.values("out") == std::vector<std::string>{"1", "4"});
}

TEST_CASE("an exception from user code under dead letter sends the record there as it came, with origin and reason") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 1), json("a", 13), json("a", 4)});
  REQUIRE(w.run_to_end(w.spec(checked(weir::on_error::dead_letter({"main", "dead"})))).phase == job_phase::ended);
  CHECK(w.values("out") == std::vector<std::string>{"1", "4"});
  auto dead = w.read("dead");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].value == json("a", 13));
  CHECK(dead[0].header("weir.origin.topic") == "in");
  CHECK(dead[0].header("weir.origin.partition") == "0");
  CHECK(dead[0].header("weir.origin.offset") == "1");
  CHECK(dead[0].header("weir.reason") == "user-code");
  CHECK(dead[0].header("weir.operator") == "check");
  CHECK(dead[0].header("weir.error") == "unlucky number");
}

TEST_CASE("a record that does not parse fails the job under fail, and the message says where it is") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 1), R"({"account":"a","cents":"many"})"});
  check_failed(w.run_to_end(w.spec(parsing(weir::on_error::fail))), errc::decode_failed,
               {"operator 'in', topic 'in', partition 0, offset 1", "cents"});
  CHECK(w.size("out") == 0);
}

TEST_CASE("a record that does not parse is dropped under skip") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 1), "{not json", json("a", 3), R"({"account":"a"})"});
  REQUIRE(w.run_to_end(w.spec(parsing(weir::on_error::skip))).phase == job_phase::ended);
  CHECK(w.values("out") == std::vector<std::string>{"1", "3"});
}

TEST_CASE("a record that does not parse goes to the dead letters as it came") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 1), "{not json", json("a", 3)});
  REQUIRE(w.run_to_end(w.spec(parsing(weir::on_error::dead_letter({"main", "dead"})))).phase == job_phase::ended);
  CHECK(w.values("out") == std::vector<std::string>{"1", "3"});
  auto dead = w.read("dead");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].value == "{not json");
  CHECK(dead[0].header("weir.origin.offset") == "1");
  CHECK(dead[0].header("weir.reason") == "decode");
  CHECK(dead[0].header("weir.operator") == "in");
}

TEST_CASE("a record too large for the output topic fails the job under fail, and the message says the limit") {
  world w;
  w.topic("in");
  w.topic("out", 1, 500);
  w.put("in", 0, {"small", std::string(450, 'x')});
  check_failed(w.run_to_end(w.spec(copying(weir::on_error::fail))), errc::too_large,
               {"operator 'out', topic 'in', partition 0, offset 1", "limit of topic 'out' (500 bytes)"});
  CHECK(w.size("out") == 0);
}

TEST_CASE("a record too large for the output topic is dropped under skip") {
  world w;
  w.topic("in");
  w.topic("out", 1, 500);
  w.put("in", 0, {"one", std::string(450, 'x'), "three"});
  REQUIRE(w.run_to_end(w.spec(copying(weir::on_error::skip))).phase == job_phase::ended);
  CHECK(w.values("out") == std::vector<std::string>{"one", "three"});
}

TEST_CASE("a record too large for the output topic goes to the dead letters") {
  world w;
  w.topic("in");
  w.topic("out", 1, 500);
  w.put("in", 0, {"one", std::string(450, 'x'), "three"});
  REQUIRE(w.run_to_end(w.spec(copying(weir::on_error::dead_letter({"main", "dead"})))).phase == job_phase::ended);
  CHECK(w.values("out") == std::vector<std::string>{"one", "three"});
  auto dead = w.read("dead");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].value == std::string(450, 'x'));
  CHECK(dead[0].header("weir.reason") == "too-large");
}

TEST_CASE("restarts wait twice as long each time, up to a limit, and their number is limited") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 13)});
  auto s = w.spec(checked(weir::on_error::fail));
  s.restart.initial_backoff = 20ms;
  s.restart.max_backoff = 40ms;
  s.restart.max_attempts = 4;
  auto begin = weir::system_clock().monotonic();
  running job({s});
  REQUIRE(job.end().phase == job_phase::failed);
  CHECK(weir::system_clock().monotonic() - begin >= 20ms + 40ms + 40ms + 40ms);
  CHECK(job.status().restarts == 4);
}

TEST_CASE("a job that waits to be restarted says why and can be stopped") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 13)});
  auto s = w.spec(checked(weir::on_error::fail));
  s.restart.initial_backoff = s.restart.max_backoff = 1h;
  running job({s});
  REQUIRE(job.until([](const weir::job_status& now) {
    return now.phase == job_phase::waiting && now.detail.find("unlucky number") != std::string::npos;
  }));
  CHECK(job.stop().phase == job_phase::stopped);
}

TEST_CASE("a checkpoint between two failures gives the job all its attempts again") {
  // Each of ten records fails twice: twenty failures in all, but never more than two without a checkpoint.
  static std::atomic<int> failures;
  static std::atomic<int> newest;
  failures = 0;
  newest = 0;
  world w;
  w.topic("in");
  weir::job job{"often"};
  job.source("in", weir::topic<payment>{{"main", "in"}})
      .map("often",
           [](const payment& p) {
             if (p.cents > newest)
               newest = static_cast<int>(p.cents), failures = 0;
             if (failures.fetch_add(1) < 2)
               throw std::runtime_error("again");
             return p.cents;
           })
      .sink("out", weir::topic<std::int64_t>{{"main", "out"}});
  auto s = w.spec(job);
  s.restart.max_attempts = 2;
  running r({s});
  for (int i = 1; i <= 10; ++i) {
    w.put("in", 0, {json("a", i)});
    REQUIRE(r.until([&](const weir::job_status&) { return w.size("out") == static_cast<std::size_t>(i); }));
  }
  CHECK(r.status().restarts == 20);
  CHECK(r.stop().phase == job_phase::stopped);
}

TEST_CASE("a checkpoint that takes longer than its time-out is closed and the job goes on") {
  world w;
  w.topic("in");
  gated gate;
  running r({gated::spec(w, 1'000'000)});
  REQUIRE(r.until(job_phase::running));
  w.put("in", 0, {json("a", 1), json("a", 2)});
  REQUIRE(r.until([](const weir::job_status& now) { return now.records_in == 2; }));
  auto closed = r.status().checkpoints_closed;
  REQUIRE(r.until([&](const weir::job_status& now) { return now.checkpoints_closed >= closed + 3; }));
  auto stuck = r.status();
  has(stuck.closed_why, "timed out");
  CHECK(stuck.phase == job_phase::running);
  CHECK(w.size("out") == 0);
  gated::open();
  CHECK(r.until([&](const weir::job_status&) { return w.size("out") == 2; }));
  CHECK(r.status().checkpoint > stuck.checkpoint);
  CHECK(r.status().restarts == 0);
  CHECK(r.stop().phase == job_phase::stopped);
}

TEST_CASE("checkpoints that time out more often in a row than tolerated fail the attempt") {
  world w;
  w.topic("in");
  gated gate;
  // Before the start: so it is in the handler before the first barrier, and every attempt times out.
  w.put("in", 0, {json("a", 1)});
  running r({gated::spec(w, 2)});
  // The handler holds the worker until the gate opens, so the attempt ends and the next one succeeds only then.
  REQUIRE(r.until([](const weir::job_status& now) { return now.checkpoints_closed == 3; }));
  CHECK(w.size("out") == 0);
  gated::open();
  CHECK(r.until([&](const weir::job_status& now) { return now.restarts == 1 && w.size("out") == 1; }));
  REQUIRE(r.status().cause);
  has(r.status().cause->message, "3 checkpoints in a row were closed");
  CHECK(r.stop().phase == job_phase::stopped);
}

TEST_CASE("a connection that is not configured and a memory limit that is too small are refused before anything runs") {
  world w;
  auto s = w.spec(copying(weir::on_error::fail));
  auto without = s;
  without.connections.clear();
  auto refused = weir::start_runtime({1}, {without});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.err().code == errc::invalid_config);
  has(refused.err().message, "connection 'main'");
  s.memory_limit = 1 << 20;
  auto small = weir::start_runtime({1}, {s});
  REQUIRE_FALSE(small.ok());
  CHECK(small.err().code == errc::memory_limit);
  has(small.err().message, "MiB short");
}
