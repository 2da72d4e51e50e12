#include <filesystem>
#include <weir/storage/job_store.hpp>
#include "tests/actors/job_checks.hpp"

using namespace job_test;
using weir::errc;
using weir::job_phase;
namespace fs = std::filesystem;

// The store that a job must not lose, share, replace or fill. A frozen process and its copied store: tests/program.

namespace store_test {

/// Keeps the newest text of each key, whatever its size, and says how many came.
struct keep_text : weir::process_function<std::string, std::string, std::string> {
  weir::value_state<std::string> text{*this, "text"};
  weir::value_state<std::int64_t> seen{*this, "seen"};
  void process(const std::string& line, context& ctx) {
    auto n = seen.get(ctx) + 1;
    seen.set(ctx, n);
    text.set(ctx, line);
    ctx.emit(ctx.key() + "#" + std::to_string(n));
  }
};

weir::job keeping(const std::string& name = "keeping") {
  weir::job job{name};
  job.source("in", weir::topic<std::string>{{"main", "in"}})
      .key_by([](const std::string& line) { return line.substr(0, line.find(' ')); })
      .process("keep", keep_text{})
      .sink("out", weir::topic<std::string>{{"main", "out"}});
  return job;
}

std::vector<std::string> lines(int first, int n, std::size_t size = 0) {
  std::vector<std::string> out;
  for (int i = first; i < first + n; ++i)
    out.push_back("k" + std::to_string(i) + " " + std::string(size, 'x'));
  return out;
}

std::vector<std::string> counted(int n, int times) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i)
    for (int t = 1; t <= times; ++t)
      out.push_back("k" + std::to_string(i) + "#" + std::to_string(t));
  std::sort(out.begin(), out.end());
  return out;
}

/// Reads what is there and stops with everything published.
void run_through(world& w, const weir::job_spec& s, std::uint64_t records) {
  running job({s});
  REQUIRE(job.until([&](const weir::job_status& now) { return now.records_in == records; }));
  auto end = job.stop();
  check_phase(end, job_phase::stopped);
  REQUIRE_FALSE(end.output_unpublished);
  REQUIRE(w.size("out") > 0);
}

/// The job is refused with `store_foreign`, states the choice and writes nothing.
void is_refused(world& w, const weir::job_spec& s, const std::string& why) {
  auto before = w.size("out");
  running job({s});
  check_failed(job.end(), errc::store_foreign, {why, "--new-lineage"});
  CHECK(job.status().restarts == 0);
  CHECK(w.size("out") == before);
}

} // namespace store_test
using namespace store_test;

TEST_CASE("a second runtime on the same store is refused and told the process that holds it") {
  world w;
  w.topic("in");
  auto s = w.spec(keeping());
  running job({s});
  auto second = weir::start_runtime({1}, {s});
  REQUIRE_FALSE(second.ok());
  CHECK(second.err().code == errc::store_locked);
  auto who = "process " + std::to_string(::getpid()) + ", which is running";
  INFO(second.err().message);
  CHECK(second.err().message.find(who) != std::string::npos);
  CHECK(job.stop().phase == job_phase::stopped);
}

TEST_CASE("the store is free again when its runtime is gone") {
  world w;
  w.topic("in");
  for (int i = 0; i < 2; ++i)
    REQUIRE(w.run_to_end(w.spec(keeping())).phase == job_phase::ended);
}

TEST_CASE("a wiped store is refused, and goes on with a new lineage") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 50));
  auto s = w.spec(keeping());
  run_through(w, s, 50);
  fs::remove_all(w.path("store"));
  is_refused(w, s, "was written by the store");
  is_refused(w, s, "was written by the store");
  s.new_lineage = true;
  // It starts from nothing: output repeats, as the message said.
  run_through(w, s, 50);
  s.new_lineage = false;
  w.put("in", 0, lines(0, 50));
  run_through(w, s, 50);
  auto expected = counted(50, 2), once = counted(50, 1);
  expected.insert(expected.end(), once.begin(), once.end());
  std::sort(expected.begin(), expected.end());
  CHECK(w.values("out") == expected);
}

TEST_CASE("an older copy of the store is refused, and the newest one still goes on") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 50));
  auto s = w.spec(keeping());
  run_through(w, s, 50);
  fs::copy(w.path("store"), w.path("older"), fs::copy_options::recursive);
  w.put("in", 0, lines(0, 50));
  run_through(w, s, 50);
  fs::rename(w.path("store"), w.path("newest"));
  fs::rename(w.path("older"), w.path("store"));
  is_refused(w, s, "marker of transactional id 'test.keeping.main.0'");
  fs::rename(w.path("store"), w.path("older"));
  fs::rename(w.path("newest"), w.path("store"));
  w.put("in", 0, lines(0, 50));
  run_through(w, s, 50);
  CHECK(w.values("out") == counted(50, 3));
}

TEST_CASE("an older copy of the store that is accepted with a new lineage repeats output and then counts once") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 20));
  auto s = w.spec(keeping());
  run_through(w, s, 20);
  fs::copy(w.path("store"), w.path("older"), fs::copy_options::recursive);
  w.put("in", 0, lines(0, 20));
  run_through(w, s, 20);
  fs::remove_all(w.path("store"));
  fs::rename(w.path("older"), w.path("store"));
  s.new_lineage = true;
  run_through(w, s, 20);
  CHECK(w.size("out") == 60);
  s.new_lineage = false;
  w.put("in", 0, lines(0, 20));
  run_through(w, s, 20);
  auto expected = counted(20, 3), again = counted(20, 2), first = counted(20, 1);
  // The second round came twice.
  for (const auto& line : again)
    if (!std::binary_search(first.begin(), first.end(), line))
      expected.push_back(line);
  std::sort(expected.begin(), expected.end());
  CHECK(w.values("out") == expected);
}

TEST_CASE("the store of another lineage of the same job is refused") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 10));
  auto s = w.spec(keeping());
  run_through(w, s, 10);
  // Another installation with a log of its own makes a store for a job of this name.
  world other;
  other.topic("in");
  other.put("in", 0, lines(0, 10));
  run_through(other, other.spec(keeping()), 10);
  fs::remove_all(w.path("store"));
  fs::copy(other.path("store"), w.path("store"), fs::copy_options::recursive);
  is_refused(w, s, "was written by the store");
}

TEST_CASE("the store of another job is refused") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 10));
  run_through(w, w.spec(keeping("one")), 10);
  fs::rename(w.path("store") + "/one", w.path("store") + "/two");
  running job({w.spec(keeping("two"))});
  auto end = job.end();
  REQUIRE(end.phase == job_phase::failed);
  INFO(cause(end));
  CHECK((end.cause->code == errc::incompatible || end.cause->code == errc::store_foreign));
  CHECK(end.cause->message.find("one") != std::string::npos);
  CHECK(w.size("out") == 10);
}

TEST_CASE("another namespace on the same store is refused, naming both ids") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 10));
  auto s = w.spec(keeping());
  run_through(w, s, 10);
  s.name_space = "renamed";
  check_failed(w.run_to_end(s), errc::incompatible, {"'test.keeping.main.0'", "'renamed.keeping.main.0'"});
}

TEST_CASE("a topic that was deleted and made anew is refused") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 50));
  auto s = w.spec(keeping());
  run_through(w, s, 50);
  // The same store against another log, whose topic of that name has other records.
  world other;
  other.topic("in");
  other.put("in", 0, lines(100, 60));
  auto moved = other.spec(keeping());
  moved.store_directory = w.path("store");
  check_failed(other.run_to_end(moved), errc::store_foreign);
  CHECK(other.size("out") == 0);
}

TEST_CASE("a full store fails the job with the limit, and with more room it goes on and nothing is lost") {
  world w;
  w.topic("in");
  auto s = w.spec(keeping());
  s.store_max_bytes = std::size_t{4} << 20;
  for (int i = 0; i < 16; ++i)
    w.put("in", 0, lines(i * 100, 100, 10'000));
  check_failed(running({s}).end(), errc::store_full, {"limit of 4194304 bytes"});
  // Starting again without room fails again and harms nothing.
  check_failed(running({s}).end(), errc::store_full);
  s.store_max_bytes = 0;
  check_phase(w.run_to_end(s), job_phase::ended);
  CHECK(w.values("out") == counted(1600, 1));
}

TEST_CASE("a job that was changed so that its state cannot be restored is refused, naming the operator and the choice") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 10));
  run_through(w, w.spec(keeping()), 10);
  weir::job changed{"keeping"};
  changed.source("in", weir::topic<std::string>{{"main", "in"}}).sink("out", weir::topic<std::string>{{"main", "out"}});
  auto s = w.spec(changed);
  {
    running job({s});
    check_failed(job.end(), errc::incompatible, {"--drop-state keep"});
    CHECK(job.status().restarts == 0);
  }
  s.drop_state = {"keep"};
  w.put("in", 0, {"plain"});
  running job({s});
  CHECK(job.until([&](const weir::job_status&) { return w.size("out") == 11; }));
  CHECK(job.stop().phase == job_phase::stopped);
}

TEST_CASE("output in the store that cannot be read fails the job as a damaged store, once, and nothing of it is published") {
  world w;
  w.topic("in");
  w.put("in", 0, lines(0, 10));
  auto s = w.spec(keeping());
  run_through(w, s, 10);
  {
    // One more complete checkpoint, whose output waits: a whole chunk, and one that the checksum holds to be good.
    weir::job_store_options o;
    o.map_size = std::size_t{1} << 30; // The thread sanitizer leaves little address space.
    o.directory = s.store_directory + "/keeping";
    o.job = "keeping";
    auto store = must(weir::open_job_store(o));
    auto m = must(store->checkpoints()).at(0);
    ++m.number;
    m.incarnation = must(store->begin_incarnation());
    std::string good;
    weir::outbox_record r;
    r.connection = "main";
    r.topic = "out";
    r.value = "never seen";
    encode_outbox(r, good);
    for (auto& c : m.contributions) {
      c.delta_end = c.outbox_end = 0;
      if (c.who.vertex != "out")
        continue;
      must(store->stage_outbox(c.who, good));
      must(store->stage_outbox(c.who, good.substr(0, good.size() - 1)));
      c.outbox_end = 2;
    }
    must(store->complete(m));
  }
  for (auto i = 0; i < 2; ++i) {
    running job({s});
    check_failed(job.end(), errc::store_corrupt, {"epoch ", "outbox: malformed record"});
    CHECK(job.status().restarts == 0);
    CHECK(w.size("out") == 10);
  }
}
