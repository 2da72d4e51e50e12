#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"

using namespace job_test;
using weir::job_phase;

// Several sources of one job that read the same topic.

namespace same_topic_test {

/// Reads "in" three times: one source goes to a sink of its own, the other two come together in a keyed count.
weir::job three_readers() {
  weir::job job{"three"};
  job.source("copied", at("in")).sink("copies", at("copies"));
  auto marked = job.source("marked", at("in")).map([](const std::string& line) { return "m" + line; });
  job.source("plain", at("in"))
      .union_with(marked)
      .key_by(itself)
      .process("number", number_lines{})
      .sink("numbers", at("numbers"));
  return job;
}

/// `n` lines "k0" to "k9" in turn, half of them for each of two partitions.
void put_lines(world& w, int n) {
  for (std::int32_t p = 0; p < 2; ++p) {
    std::vector<std::string> lines;
    for (int i = p; i < n; i += 2)
      lines.push_back(line_of(i));
    w.put("in", p, lines);
  }
}
std::vector<std::string> copies(int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i)
    out.push_back("k" + std::to_string(i % 10));
  std::sort(out.begin(), out.end());
  return out;
}
std::vector<std::string> numbers(int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i)
    for (auto* mark : {"", "m"})
      out.push_back(mark + ("k" + std::to_string(i % 10)) + "#" + std::to_string(i / 10 + 1));
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace same_topic_test
using namespace same_topic_test;

TEST_CASE("sources of the same topic each read all of it, exactly once, over stops, hard ends and another layout") {
  world w;
  w.topic("in", 2);
  int total = 0;
  for (int run = 0; run < 6; ++run) {
    auto hard = run % 2 != 0;
    auto s = w.spec(three_readers(), layouts()[static_cast<std::size_t>(run)]);
    if (hard)
      s.shutdown_timeout = weir::duration{0};
    running job({s});
    put_lines(w, 200);
    total += 200;
    if (hard) {
      // In the middle of the work: what the stores and the log hold decides what the next run has to do.
      REQUIRE(job.until([](const weir::job_status& now) { return now.records_in > 0; }));
      continue;
    }
    REQUIRE(job.until([&](const weir::job_status&) {
      return w.size("copies") == static_cast<std::size_t>(total) && w.size("numbers") == static_cast<std::size_t>(2 * total);
    }));
    check_phase(job.stop(), job_phase::stopped);
    CHECK(w.values("copies") == copies(total));
    CHECK(w.values("numbers") == numbers(total));
  }
  check_phase(w.run_to_end(w.spec(three_readers())), job_phase::ended);
  CHECK(w.values("copies") == copies(total));
  CHECK(w.values("numbers") == numbers(total));
}

TEST_CASE("every source of the same topic has its own partitions in the status, and the group shows where the slowest is") {
  world w;
  w.topic("in", 2);
  put_lines(w, 100);
  auto s = w.spec(three_readers());
  running job({s});
  REQUIRE(job.until([&](const weir::job_status&) { return w.size("copies") == 100 && w.size("numbers") == 200; }));
  check_phase(job.stop(), job_phase::stopped);
  std::vector<std::string> seen;
  for (const auto& p : job.status().partitions) {
    seen.push_back(p.source + "/" + std::to_string(p.partition));
    CHECK(p.topic == "in");
    CHECK(p.records == 50);
    CHECK(p.next_offset == 50);
  }
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::string>{"copied/0", "copied/1", "marked/0", "marked/1", "plain/0", "plain/1"});
  auto topic = must(w.log().topic("in"));
  for (std::int32_t p = 0; p < 2; ++p)
    CHECK(must(w.log().group_offset("test.three", topic, p)) == 50);
}

TEST_CASE("sources of the same topic may begin at different positions") {
  world w;
  w.topic("in");
  w.put("in", 0, {"old"});
  weir::job job{"positions"};
  weir::source_options latest;
  latest.start = weir::start_latest{};
  job.source("all", at("in")).sink("all-out", at("all"));
  job.source("new", at("in"), latest).sink("new-out", at("new"));
  running r({w.spec(job)});
  REQUIRE(r.until(job_phase::running));
  w.put("in", 0, {"new"});
  REQUIRE(r.until([&](const weir::job_status&) { return w.size("all") == 2 && w.size("new") == 1; }));
  check_phase(r.stop(), job_phase::stopped);
  CHECK(w.values("all") == std::vector<std::string>{"new", "old"});
  CHECK(w.values("new") == std::vector<std::string>{"new"});
}
