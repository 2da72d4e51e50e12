#include <filesystem>
#include <weir/archive/savepoint.hpp>
#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"

using namespace job_test;
using weir::job_phase;

// A job that is started from a savepoint: what it puts out again, and what it does not.

namespace savepoint_test {

struct place {
  world w;
  place() {
    w.topic("in");
    std::filesystem::create_directories(w.path("shared"));
  }
  weir::job_spec on(const std::string& store, bool copies = false, const std::string& name_space = "") {
    weir::job job{"numbered"};
    job.source("in", at("in")).key_by(itself).process("number", number_lines{}).sink("out", at("out"));
    auto s = w.spec(job);
    s.store_directory = w.path(store);
    if (copies)
      s.checkpoint.directory = w.path("shared");
    if (!name_space.empty())
      s.name_space = name_space;
    return s;
  }
  static weir::job_store_options store_of(const weir::job_spec& s) {
    weir::job_store_options o;
    o.directory = s.store_directory + "/numbered";
    o.job = "numbered";
    o.map_size = std::size_t{256} << 20; // The thread sanitizer leaves little room for maps.
    return o;
  }
  weir::savepoint take(const weir::job_spec& s) {
    return must(weir::create_savepoint(w.path("savepoints"), "one", "1",
                                       {{"numbered", s.name_space, store_of(s), s.checkpoint.directory}}));
  }
  static void start(const weir::savepoint& from, const weir::job_spec& s) {
    auto started = weir::start_from_savepoint(from, from.parts.at(0),
                                              {"numbered", s.name_space, store_of(s), s.checkpoint.directory}, weir::logger{});
    if (!started)
      FAIL(started.err().message);
  }
  void put(int from, int to) {
    std::vector<std::string> lines;
    for (int i = from; i < to; ++i)
      lines.push_back(line_of(i));
    w.put("in", 0, lines);
  }
  /// Runs to the end of what is there, and stops.
  void run(const weir::job_spec& s, std::uint64_t records) {
    running job({s});
    REQUIRE(job.until([&](const weir::job_status& now) { return now.records_in == records; }));
    check_phase(job.stop(), job_phase::stopped);
  }
  /// All lines to `n`, and those behind `again` a second time.
  static std::vector<std::string> lines(int n, int again) {
    auto all = numbered_lines(n), before = numbered_lines(again);
    std::vector<std::string> behind;
    std::set_difference(all.begin(), all.end(), before.begin(), before.end(), std::back_inserter(behind));
    all.insert(all.end(), behind.begin(), behind.end());
    std::sort(all.begin(), all.end());
    return all;
  }
};

} // namespace savepoint_test
using namespace savepoint_test;

TEST_CASE("a job that starts from a savepoint puts out what is behind it again, and nothing else") {
  place p;
  const auto copies = GENERATE(false, true);
  const auto s = p.on("store", copies);
  p.put(0, 100);
  p.run(s, 100);
  const auto savepoint = p.take(s);
  p.put(100, 150);
  p.run(s, 50);
  CHECK(p.w.values("out") == numbered_lines(150));
  p.start(savepoint, s);
  p.run(s, 50);
  CHECK(p.w.values("out") == p.lines(150, 100));
  // From here on it is a job as any other.
  p.put(150, 160);
  p.run(s, 10);
  CHECK(p.w.values("out").size() == p.lines(150, 100).size() + 10);
}

TEST_CASE("a savepoint of a running job is one of its checkpoints, whatever of its output is out") {
  place p;
  const auto s = p.on("store");
  std::optional<weir::savepoint> savepoint;
  {
    running job({s});
    p.put(0, 100);
    REQUIRE(job.until([](const weir::job_status& now) { return now.records_in >= 50 && now.checkpoint > 0; }));
    savepoint = p.take(s);
    REQUIRE(job.until([](const weir::job_status& now) { return now.records_in == 100; }));
    check_phase(job.stop(), job_phase::stopped);
  }
  p.start(*savepoint, s);
  running job({s});
  REQUIRE(job.until(job_phase::running));
  p.put(100, 110);
  REQUIRE(job.until([&](const weir::job_status& now) { return now.lag == 0 && now.records_in >= 10; }));
  const auto read = job.status().records_in;
  check_phase(job.stop(), job_phase::stopped);
  // What it read is what lies behind the savepoint, and comes out once more.
  const auto again = 110 - static_cast<int>(read);
  auto expected = p.lines(110, again), once = numbered_lines(110), all = numbered_lines(100);
  std::vector<std::string> newest;
  std::set_difference(once.begin(), once.end(), all.begin(), all.end(), std::back_inserter(newest));
  for (const auto& line : newest)
    expected.erase(std::find(expected.begin(), expected.end(), line));
  CHECK(p.w.values("out") == expected);
}

TEST_CASE("whoever runs a job is fenced when another machine starts it from a savepoint") {
  place p;
  const auto one = p.on("one", true), two = p.on("two", true);
  {
    running first({one});
    p.put(0, 100);
    REQUIRE(first.until([](const weir::job_status& now) { return now.records_in == 100 && now.checkpoint > 1; }));
    const auto savepoint = p.take(one);
    p.start(savepoint, two);
    p.put(100, 110);
    auto end = first.end();
    REQUIRE(end.phase == job_phase::failed);
    CHECK(end.cause->code == weir::errc::fenced);
    running second({two});
    REQUIRE(second.until([](const weir::job_status& now) { return now.phase == job_phase::running && now.lag == 0; }));
    check_phase(second.stop(), job_phase::stopped);
  }
  // The first machine goes on behind the second.
  p.put(110, 120);
  running third({one});
  REQUIRE(third.until([](const weir::job_status& now) { return now.records_in == 10 && now.lag == 0; }));
  check_phase(third.stop(), job_phase::stopped);
  auto out = p.w.values("out");
  auto all = numbered_lines(120);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  CHECK(out == all);
}

TEST_CASE("a savepoint starts a job in another namespace, which puts out what is behind it") {
  place p;
  const auto s = p.on("store");
  p.put(0, 100);
  p.run(s, 100);
  const auto savepoint = p.take(s);
  p.put(100, 110);
  p.run(s, 10);
  const auto fork = p.on("fork", false, "fork");
  p.start(savepoint, fork);
  p.run(fork, 10);
  CHECK(p.w.values("out") == p.lines(110, 100));
  p.put(110, 120);
  p.run(s, 10);
}
