#include "tests/actors/job_checks.hpp"

using namespace job_test;
using weir::job_phase;

// Jobs whose keyed state does not fit their memory.

namespace memory_test {

constexpr int keys = 200'000;

struct count_lines : weir::process_function<std::string, std::string, std::string> {
  weir::value_state<std::string> seen{*this, "seen"};
  void process(const std::string& line, context& ctx) {
    auto before = seen.get(ctx);
    if (!before.empty())
      ctx.emit(line + "#" + std::to_string(before.size() - 99));
    seen.set(ctx, before.empty() ? std::string(100, 's') : before + 's');
  }
};

weir::job counted() {
  weir::topic<std::string> in{{"main", "in"}}, out{{"main", "out"}};
  weir::job job{"counted"};
  job.source("in", in).key_by([](const std::string& line) { return line; }).process("count", count_lines{}).sink("out", out);
  return job;
}

void put_keys(world& w, int begin, int step) {
  for (int i = begin; i < keys;) {
    std::vector<std::string> lines;
    for (; i < keys && lines.size() < 20'000; i += step)
      lines.push_back("key-" + std::to_string(i));
    w.put("in", 0, lines);
  }
}

} // namespace memory_test
using namespace memory_test;

TEST_CASE(
    "a job that changes more keys than its memory holds waits for its base, takes checkpoints by itself, and counts right") {
  world w;
  w.topic("in", 1);
  auto s = w.spec(counted(), {.parallelism = 2});
  s.memory_limit = std::size_t{48} << 20;
  s.checkpoint.interval = 10min; // Only memory asks for one.
  put_keys(w, 0, 1);
  put_keys(w, 0, 4);
  running job({s});
  REQUIRE(
      job.until([](const weir::job_status& now) { return now.partitions.size() == 1 && now.partitions[0].waits_for_memory; }));
  REQUIRE(job.until([](const weir::job_status& now) { return now.records_in == keys + keys / 4; }));
  CHECK(job.status().checkpoints_completed > 2);
  check_phase(job.stop(), job_phase::stopped);
  std::vector<std::string> expected;
  for (int i = 0; i < keys; i += 4)
    expected.push_back("key-" + std::to_string(i) + "#1");
  std::sort(expected.begin(), expected.end());
  CHECK(w.values("out") == expected);
}

TEST_CASE("a job that waits for memory stops when it is asked to, and goes on") {
  world w;
  w.topic("in", 1);
  auto s = w.spec(counted(), {.parallelism = 1});
  s.memory_limit = std::size_t{48} << 20;
  put_keys(w, 0, 1);
  for (int i = 0; i < 3; ++i) {
    running job({s});
    REQUIRE(job.until([](const weir::job_status& now) {
      return now.partitions.size() == 1 && (now.partitions[0].waits_for_memory || now.partitions[0].next_offset == keys);
    }));
    check_phase(job.stop(), job_phase::stopped);
  }
  put_keys(w, 0, 4);
  check_phase(w.run_to_end(s), job_phase::ended);
  CHECK(w.count("out") == keys / 4);
}
