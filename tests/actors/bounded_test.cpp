#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"

using namespace job_test;
using weir::job_phase;

// Beginning, stopping and going on: what happens to a job between two runs.

namespace bounded_test {

weir::job numbered() {
  weir::job job{"numbered"};
  job.source("in", at("in")).key_by(itself).process("number", number_lines{}).sink("out", at("out"));
  return job;
}

/// Lines "k0" to "k9" in turn.
std::vector<std::string> lines(int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i)
    out.push_back(line_of(i));
  return out;
}

} // namespace bounded_test
using namespace bounded_test;

TEST_CASE("a job that is stopped and started again goes on where it was and nothing counts twice") {
  for (auto parallelism : {1, 3}) {
    world w;
    w.topic("in");
    for (int run = 1; run <= 4; ++run) {
      // Another parallelism each time: state moves between tasks.
      running job({w.spec(numbered(), {run % 2 ? parallelism : 2, run % 2 == 0, true})});
      w.put("in", 0, lines(250));
      REQUIRE(job.until([&](const weir::job_status& now) { return now.records_in == 250; }));
      auto end = job.stop();
      check_phase(end, job_phase::stopped);
      CHECK_FALSE(end.output_unpublished);
      CHECK(w.values("out") == numbered_lines(250 * run));
    }
  }
}

TEST_CASE("a job whose runtime is destroyed in the middle goes on and nothing counts twice") {
  world w;
  w.topic("in");
  for (int run = 0; run < 5; ++run) {
    w.put("in", 0, lines(1000));
    auto s = w.spec(numbered(), {2, false, true});
    s.shutdown_timeout = weir::duration{0};
    running job({s});
    REQUIRE(job.until([&](const weir::job_status& now) { return now.records_in > 0; }));
  }
  check_phase(w.run_to_end(w.spec(numbered())), job_phase::ended);
  CHECK(w.values("out") == numbered_lines(5000));
}

TEST_CASE("a bounded run ends at the input that was there at its first start and a second one ends at once") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(100));
  auto s = w.spec(numbered());
  REQUIRE(w.run_to_end(s).phase == job_phase::ended);
  CHECK(w.values("out") == numbered_lines(100));
  s.until_end = true;
  running again({s});
  check_phase(again.end(), job_phase::ended);
  CHECK(again.status().records_in == 0);
  CHECK(w.values("out") == numbered_lines(100));
}

TEST_CASE("new input behind the end of a bounded run is refused without continue and read with it") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(100));
  auto s = w.spec(numbered());
  REQUIRE(w.run_to_end(s).phase == job_phase::ended);
  w.put("in", 0, lines(50));
  for (auto bounded : {true, false}) {
    s.until_end = bounded;
    running refused({s});
    check_failed(refused.end(), weir::errc::incompatible, {"--continue"});
    CHECK(w.count("out") == 100);
  }
  s.continue_ended = true;
  check_phase(w.run_to_end(s), job_phase::ended);
  CHECK(w.values("out") == numbered_lines(150));
}

TEST_CASE("an ended job that goes on without an end reads on") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(100));
  auto s = w.spec(numbered());
  REQUIRE(w.run_to_end(s).phase == job_phase::ended);
  s.continue_ended = true;
  running job({s});
  w.put("in", 0, lines(50));
  CHECK(job.until([&](const weir::job_status&) { return w.size("out") == 150; }));
  CHECK(job.stop().phase == job_phase::stopped);
  CHECK(w.values("out") == numbered_lines(150));
}

TEST_CASE("a bounded run that is stopped keeps its end: what comes meanwhile is not read") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(3000));
  auto s = w.spec(numbered());
  s.until_end = true;
  s.channel_bytes = 256;
  {
    running job({s});
    REQUIRE(job.until([](const weir::job_status& now) { return now.records_in > 0; }));
    auto end = job.stop();
    REQUIRE((end.phase == job_phase::stopped || end.phase == job_phase::ended));
  }
  w.put("in", 0, lines(10));
  running job({s});
  auto end = job.end();
  INFO(cause(end));
  // Read to its end before the stop took effect, the new lines are new input, which is refused.
  if (end.phase == job_phase::failed)
    CHECK(end.cause->code == weir::errc::incompatible);
  else
    CHECK(end.phase == job_phase::ended);
  CHECK(w.values("out") == numbered_lines(3000));
}

TEST_CASE("a job waits for an input topic, says which, and starts when it is there") {
  world w;
  running job({w.spec(numbered())});
  REQUIRE(job.until([](const weir::job_status& now) {
    return now.phase == job_phase::waiting && now.detail.find("topic 'in' on connection 'main'") != std::string::npos;
  }));
  w.topic("in");
  w.put("in", 0, lines(20));
  CHECK(job.until([&](const weir::job_status& now) { return now.phase == job_phase::running && w.size("out") == 20; }));
  CHECK(job.stop().phase == job_phase::stopped);
}

TEST_CASE("a job that waits for its input can be stopped") {
  world w;
  running job({w.spec(numbered())});
  REQUIRE(job.until([](const weir::job_status& now) { return now.detail.find("waiting for topic") != std::string::npos; }));
  CHECK(job.stop().phase == job_phase::stopped);
}

TEST_CASE("an empty topic ends at once with an end, and else is waited at without taking checkpoints") {
  world w;
  w.topic("in", 2);
  auto s = w.spec(numbered());
  check_phase(w.run_to_end(s), job_phase::ended);
  CHECK(w.size("out") == 0);

  world other;
  other.topic("in", 2);
  running job({other.spec(numbered())});
  REQUIRE(job.until(job_phase::running));
  // Once nothing changes any more no checkpoint begins: ten intervals later the newest is still the same.
  std::uint64_t last = 0;
  auto since = weir::system_clock().monotonic();
  CHECK(job.until([&](const weir::job_status& now) {
    auto t = weir::system_clock().monotonic();
    if (now.checkpoint != last)
      since = t;
    last = now.checkpoint;
    return t - since > 200ms;
  }));
  other.put("in", 1, lines(1));
  CHECK(job.until([&](const weir::job_status&) { return other.size("out") == 1; }));
  CHECK(job.stop().phase == job_phase::stopped);
}

TEST_CASE("two jobs of one runtime run side by side, one may end and the other goes on") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(100));
  weir::job copy{"copy"};
  copy.source("in", weir::topic<std::string>{{"main", "in"}}).sink("copied", weir::topic<std::string>{{"main", "copied"}});
  auto bounded = w.spec(numbered());
  bounded.until_end = true;
  running jobs({w.spec(copy), bounded});
  CHECK(jobs.until([&](const weir::job_status&) { return w.size("copied") == 100 && w.size("out") == 100; }));
  w.put("in", 0, lines(7));
  CHECK(jobs.until([&](const weir::job_status&) { return w.size("copied") == 107; }));
  CHECK(w.size("out") == 100);
  jobs.request_stop();
  CHECK(jobs.until(job_phase::stopped));
}
