#include <cerrno>
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"
#include "tests/storage/disk_faults.hpp"

using namespace job_test;
using weir::errc;
using weir::job_phase;

namespace disk_test {

/// Emits each line with how often its key was seen.
struct count : weir::process_function<std::string, std::string, std::string> {
  weir::value_state<std::int64_t> seen{*this, "seen"};
  void process(const std::string&, context& ctx) {
    auto n = seen.get(ctx) + 1;
    seen.set(ctx, n);
    ctx.emit(ctx.key() + "#" + std::to_string(n));
  }
};

weir::job counting() {
  weir::job job{"counting"};
  job.source("in", weir::topic<std::string>{{"main", "in"}})
      .key_by([](const std::string& line) { return line; })
      .process("count", count{})
      .sink("out", weir::topic<std::string>{{"main", "out"}});
  return job;
}

std::vector<std::string> keys() {
  std::vector<std::string> k;
  for (int i = 0; i < 10; ++i)
    k.push_back("k" + std::to_string(i));
  return k;
}

std::vector<std::string> counted(int times) {
  std::vector<std::string> out;
  for (const auto& k : keys())
    for (int t = 1; t <= times; ++t)
      out.push_back(k + "#" + std::to_string(t));
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace disk_test
using namespace disk_test;

TEST_CASE("a store whose disk fails in a commit ends its job at once: no second try, no output, and the next process goes on") {
  struct fault {
    disk_faults::call which;
    int error;
    const char* text;
  };
  auto f = GENERATE(fault{disk_faults::call::sync, EIO, "Input/output error"},
                    fault{disk_faults::call::write, ENOSPC, "No space left on device"});
  INFO(f.text);
  world w;
  w.topic("in");
  auto s = w.spec(counting());
  w.put("in", 0, keys());
  {
    running job({s});
    REQUIRE(job.until([&](const weir::job_status&) { return w.size("out") == 10; }));
    disk_faults::arm(f.which, "/counting/data.mdb", 1, f.error, true);
    w.put("in", 0, keys());
    auto end = job.end();
    auto failed = disk_faults::disarm();
    REQUIRE(end.phase == job_phase::failed);
    REQUIRE(end.cause);
    INFO(end.cause->message);
    CHECK(end.cause->code == errc::unknown_outcome);
    CHECK(end.cause->message.find(f.text) != std::string::npos);
    CHECK(end.cause->message.find("/counting'") != std::string::npos);
    CHECK(job.status().restarts == 0);
    // Should it be the meta page of a commit that had begun before, LMDB itself writes the old one back: that fails as well.
    CHECK((failed == 1 || (f.which == disk_faults::call::write && failed == 2)));
    CHECK(w.values("out") == counted(1));
  }
  CHECK(w.run_to_end(s).phase == job_phase::ended);
  CHECK(w.values("out") == counted(2));
}
