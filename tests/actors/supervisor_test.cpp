#include <atomic>
#include "tests/actors/job_checks.hpp"

using namespace job_test;
using weir::job_phase;
using weir::job_status;

// Several jobs in one process: what fails stays by itself.

namespace supervisor_test {

weir::job copies(const std::string& name, const std::string& in, const std::string& out) {
  weir::job job{name};
  job.source("in", weir::topic<std::string>{{"main", in}}).sink("out", weir::topic<std::string>{{"main", out}});
  return job;
}

weir::job throws(const std::string& name, const std::string& in) {
  weir::job job{name};
  job.source("in", weir::topic<std::string>{{"main", in}})
      .map("never", [](const std::string&) -> std::string { throw std::runtime_error("this always fails"); })
      .sink("out", weir::topic<std::string>{{"main", "never"}});
  return job;
}

const job_status& of(const std::vector<job_status>& all, const std::string& name) {
  for (const auto& s : all)
    if (s.job == name)
      return s;
  throw std::runtime_error("no job " + name);
}

/// Looks at all jobs again and again until the condition is true.
bool until(weir::runtime& jobs, const std::function<bool(const std::vector<job_status>&)>& condition) {
  auto end = weir::system_clock().monotonic() + patience;
  while (weir::system_clock().monotonic() < end) {
    if (condition(jobs.status()))
      return true;
    if (!jobs.wait(2ms).empty())
      return condition(jobs.status());
  }
  return false;
}

} // namespace supervisor_test
using namespace supervisor_test;

TEST_CASE("a job that keeps failing is parked with its reason while the other job of the process goes on") {
  world w;
  w.topic("good");
  w.topic("bad");
  w.put("bad", 0, {"\"x\""});
  auto jobs = must(weir::start_runtime({2}, {w.spec(throws("bad", "bad")), w.spec(copies("good", "good", "copy"))}));
  REQUIRE(until(*jobs, [](auto& all) { return of(all, "bad").phase == job_phase::failed; }));
  auto bad = of(jobs->status(), "bad");
  CHECK(bad.restarts == 3);
  has(bad.detail, "this always fails");
  // Only now the other one gets its input: it was not taken down, nor restarted.
  w.put("good", 0, {"\"1\"", "\"2\""});
  REQUIRE(until(*jobs, [&](auto&) { return w.size("copy") >= 2; }));
  auto good = of(jobs->status(), "good");
  CHECK(good.phase == job_phase::running);
  CHECK(good.restarts == 0);
  CHECK(jobs->wait(0ms).empty());
  jobs->request_stop();
  auto ends = jobs->wait(patience);
  REQUIRE(ends.size() == 2);
  for (const auto& end : ends)
    CHECK(end.phase == (end.job == "bad" ? job_phase::failed : job_phase::stopped));
}

TEST_CASE("each job restarts by the policy of its own specification") {
  world w;
  w.topic("in");
  w.put("in", 0, {"\"x\""});
  auto once = w.spec(throws("once", "in")), never = w.spec(throws("not-at-all", "in"));
  once.restart.max_attempts = 1;
  never.restart.max_attempts = 0;
  auto jobs = must(weir::start_runtime({2}, {once, never}));
  REQUIRE(jobs->wait(patience).size() == 2);
  auto all = jobs->status();
  CHECK(of(all, "once").restarts == 1);
  CHECK(of(all, "not-at-all").restarts == 0);
}

TEST_CASE("an exception while the graph is built ends the attempt and not the process") {
  static std::atomic<int> left;
  left = 2;
  world w;
  w.topic("in");
  w.put("in", 0, {"\"1\""});
  auto s = w.spec(copies("built", "in", "copy"));
  for (auto& v : s.plan.vertices)
    v.make_chain = [make = v.make_chain] {
      if (left.fetch_sub(1) > 0)
        throw std::runtime_error("the factory is not ready");
      return make();
    };
  running job({s});
  REQUIRE(job.until([&](const job_status&) { return w.size("copy") == 1; }));
  CHECK(job.status().restarts == 2);
  has(job.status().cause->message, "the factory is not ready");
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("the figures of operators, partitions and channels add up, and go on over a restart") {
  static std::atomic<bool> fail_once;
  fail_once = false;
  world w;
  w.topic("in", 2);
  weir::job job{"figures"};
  job.source("in", weir::topic<std::string>{{"main", "in"}})
      .map("check",
           [](const std::string& v) {
             if (v.find("poison") != std::string::npos && fail_once.exchange(false))
               throw std::runtime_error("once");
             return v;
           })
      .disable_chaining()
      .sink("out", weir::topic<std::string>{{"main", "copy"}});
  running r({w.spec(job)});
  w.put("in", 0, {"\"1\"", "\"2\"", "\"3\""});
  w.put("in", 1, {"\"4\""});
  REQUIRE(r.until([](const job_status& s) { return s.records_out == 4 && s.publisher.bytes > 0; }));
  auto s = r.status();
  REQUIRE(s.operators.size() == 3);
  CHECK(s.operators[0].kind == weir::vertex_kind::source);
  CHECK(s.operators[0].tasks == 2);
  for (const auto& o : s.operators) {
    INFO(o.name);
    CHECK(o.records_in == 4);
    CHECK(o.records_out == 4);
    CHECK(o.busy > 0us);
    CHECK(o.blocked_tasks == 0);
  }
  REQUIRE(s.partitions.size() == 2);
  CHECK(s.partitions[0].topic == "in");
  CHECK(s.partitions[0].records == 3);
  CHECK(s.partitions[0].next_offset == 3);
  CHECK(s.partitions[1].records == 1);
  CHECK(s.partitions[1].lag == 0);
  REQUIRE(s.channels.size() == 2);
  for (const auto& c : s.channels) {
    CHECK(c.records == 4);
    CHECK(c.capacity_bytes > 0);
  }
  // Credit comes back once everything is processed.
  CHECK(r.until(
      [](const job_status& now) { return now.channels[0].in_flight_bytes == 0 && now.channels[1].in_flight_bytes == 0; }));
  CHECK(s.checkpoints_completed > 0);
  CHECK(s.checkpoint_durations.count == s.checkpoints_completed);
  CHECK(s.publisher.present);

  fail_once = true;
  w.put("in", 0, {"\"poison\""});
  REQUIRE(r.until([](const job_status& now) { return now.restarts == 1 && now.records_out >= 5; }));
  CHECK(r.until([](const job_status& now) { return now.operators[0].records_in >= 5 && now.operators[2].records_out >= 5; }));
}
