#include <set>
#include <weir/record/key.hpp>
#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"

using namespace job_test;

// Jobs that repartition by key through a topic of their own.

namespace through_test {

weir::job counted(weir::through_options options = {.partitions = 3}) {
  weir::job job{"counted"};
  job.source("in", at("in"))
      .key_by(itself)
      .through("by-line", at("by-line"), std::move(options))
      .key_by(itself)
      .process("count", number_lines{})
      .sink("out", at("out"));
  return job;
}

constexpr int keys = 17;

/// Puts `n` more lines, keys in turn.
void put_lines(world& w, int begin, int n) {
  std::vector<std::string> lines;
  for (int i = begin; i < begin + n; ++i)
    lines.push_back(line_of(i, keys));
  w.put("in", begin / n % 2, lines);
}
} // namespace through_test
using namespace through_test;

TEST_CASE("what goes through a topic counts once over stops, hard ends and other layouts, and lies by key group") {
  world w;
  w.topic("in", 2);
  constexpr int lines = 170;
  int total = 0;
  for (int run = 0; run < 6; ++run) {
    auto hard = run % 2 != 0;
    auto s = w.spec(counted(), layouts()[static_cast<std::size_t>(run)]);
    if (hard)
      s.shutdown_timeout = weir::duration{0};
    running job({s});
    put_lines(w, total, lines);
    total += lines;
    if (hard) {
      REQUIRE(job.until([](const weir::job_status& now) { return now.records_in > 0; }));
      continue;
    }
    REQUIRE(job.until([&](const weir::job_status&) { return w.size("out") == static_cast<std::size_t>(total); }));
    check_phase(job.stop(), weir::job_phase::stopped);
    CHECK(w.values("out") == numbered_lines(total, keys));
  }
  running last({w.spec(counted())});
  REQUIRE(last.until([&](const weir::job_status&) { return w.size("out") == static_cast<std::size_t>(total); }));
  check_phase(last.stop(), weir::job_phase::stopped);
  CHECK(w.values("out") == numbered_lines(total, keys));

  std::set<std::int32_t> used;
  for (auto& r : w.read("by-line")) {
    REQUIRE(r.key == r.value);
    used.insert(r.partition);
    auto group = weir::key_group_of(weir::key_hash_of(*r.key), 128);
    CHECK(r.partition == static_cast<std::int32_t>(weir::task_of(group, 128, 3)));
  }
  CHECK(used.size() == 3);
  CHECK(w.count("by-line") == static_cast<std::size_t>(total));
}

TEST_CASE("a job with through is not run to an end, and says what to do instead") {
  world w;
  w.topic("in", 1);
  auto s = w.spec(counted());
  s.until_end = true;
  auto refused = weir::start_runtime({2}, {s});
  REQUIRE(!refused.ok());
  CHECK(refused.err().code == weir::errc::invalid_config);
  CHECK(refused.err().message.find("operator 'by-line' of job 'counted': through() has no end") == 0);
}
