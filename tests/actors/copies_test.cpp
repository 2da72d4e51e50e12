#include <filesystem>
#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"

using namespace job_test;
using weir::job_phase;

// A job with copies of its checkpoints: what its store is made from, and who may go on with it.

namespace copies_test {

struct machines {
  world w;
  machines() {
    w.topic("in");
    std::filesystem::create_directories(w.path("shared"));
  }
  weir::job_spec on(const std::string& store, weir::delivery guarantee = weir::delivery::exactly_once) {
    weir::job job{"numbered"};
    job.source("in", at("in")).key_by(itself).process("number", number_lines{}).sink("out", at("out"), {.guarantee = guarantee});
    auto s = w.spec(job);
    s.store_directory = w.path(store);
    s.checkpoint.directory = w.path("shared");
    return s;
  }
  void put(int from, int to) {
    std::vector<std::string> lines;
    for (int i = from; i < to; ++i)
      lines.push_back(line_of(i));
    w.put("in", 0, lines);
  }
};

/// That many records are in a complete checkpoint.
bool until_checkpointed(running& job, std::uint64_t records, std::uint64_t above) {
  return job.until([&](const weir::job_status& s) { return s.records_in >= records && s.checkpoint > above; });
}

} // namespace copies_test
using namespace copies_test;

TEST_CASE("a job goes on exactly once on a machine that has only the copy, and on the first one again") {
  machines m;
  for (int run = 0; run < 4; ++run) {
    running job({m.on(run % 2 == 0 ? "one" : "two")});
    m.put(run * 100, run * 100 + 100);
    REQUIRE(job.until([&](const weir::job_status& s) { return s.records_in == 100; }));
    check_phase(job.stop(), job_phase::stopped);
    REQUIRE(job.status().copies);
    CHECK(job.status().copies->changes > 0);
    CHECK(m.w.values("out") == numbered_lines((run + 1) * 100));
    if (run == 1)
      std::filesystem::remove_all(m.w.path("one"));
  }
}

TEST_CASE("a job that somebody else goes on with stops as fenced, also when no output of it would tell") {
  auto guarantee = GENERATE(weir::delivery::exactly_once, weir::delivery::at_least_once);
  machines m;
  running first({m.on("one", guarantee)});
  m.put(0, 10);
  REQUIRE(until_checkpointed(first, 10, 1));
  running second({m.on("two", guarantee)});
  REQUIRE(second.until(job_phase::running));
  m.put(10, 20);
  auto end = first.end();
  INFO(cause(end));
  REQUIRE(end.phase == job_phase::failed);
  CHECK(end.cause->code == weir::errc::fenced);
  REQUIRE(second.until([](const weir::job_status& s) { return s.records_in >= 10; }));
  check_phase(second.stop(), job_phase::stopped);
  if (guarantee == weir::delivery::exactly_once)
    CHECK(m.w.values("out") == numbered_lines(20));
}

TEST_CASE("a directory for copies that is not there is said, and the job waits for it") {
  machines m;
  auto s = m.on("one");
  s.checkpoint.directory = m.w.path("missing");
  s.restart.max_attempts = 1'000'000;
  running job({s});
  REQUIRE(job.until([](const weir::job_status& now) { return now.restarts > 0 && now.cause; }));
  has(job.status().cause->message, "is it mounted?");
  std::filesystem::create_directories(m.w.path("missing"));
  CHECK(job.until(job_phase::running));
  check_phase(job.stop(), job_phase::stopped);
}
