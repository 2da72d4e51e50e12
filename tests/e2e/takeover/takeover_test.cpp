#include "tests/e2e/takeover/stored_job.hpp"

// Who may run a job, and from which store: real processes, real stores, the log and Kafka.

using namespace takeover_test;

namespace {

// What the kernel says of a process: R, S, T...
char state_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  const std::string line{std::istreambuf_iterator<char>(in), {}};
  return line.at(line.rfind(')') + 2);
}

void freeze(process& p) {
  p.signal(SIGSTOP);
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (state_of(p.pid()) != 'T')
    REQUIRE(std::chrono::steady_clock::now() < until);
}

void second_process_is_refused(const std::string& kind) {
  stored_job s(kind);
  s.produce(3'000);
  const auto owner = s.start("owner");
  s.wait_for_totals(*owner);

  CHECK(s.run("second") == 3);
  CHECK(contains(s.said("second"), std::to_string(owner->pid())));
  CHECK(contains(s.said("second"), "running"));

  freeze(*owner);
  CHECK(s.run("third") == 3);
  CHECK(contains(s.said("third"), std::to_string(owner->pid())));
  CHECK(contains(s.said("third"), "stopped"));

  owner->signal(SIGCONT);
  owner->signal(SIGINT);
  const auto end = owner->wait(limit);
  REQUIRE(end);
  CHECK(end->exit_code == 0);
  CHECK(s.run("after", {"--until-end"}) == 0);
}

void woken_process_is_fenced(const std::string& kind) {
  stored_job s(kind);
  s.produce(3'000);
  const auto frozen = s.start("frozen");
  s.wait_for_totals(*frozen);
  freeze(*frozen);
  s.copy_store("copy");
  s.produce(3'000);

  const std::vector<std::string> on_the_copy = {"--set", "/store/path=\"" + (s.folder / "copy").string() + "\"", "--until-end"};
  REQUIRE(s.run("successor", on_the_copy) == 0);
  const auto before = s.where->read();
  if (kind == "kafka") // One partition would make every job of the namespace wait for the transactions of all others.
    CHECK(s.where->read_all().partitions.at(".weir-markers") == 4);
  const auto verdict_before = judge(before);
  INFO(complaints_of(verdict_before));
  REQUIRE(verdict_before.right());
  REQUIRE(verdict_before.totals > 0);

  // It reads the same new orders, and would publish their totals a second time.
  frozen->signal(SIGCONT);
  const auto end = frozen->wait(limit);
  REQUIRE(end);
  INFO(s.said("frozen"));
  CHECK(end->exit_code == 5);
  CHECK(contains(s.said("frozen"), "another process has taken over this job"));
  const auto after = s.where->read();
  CHECK(after.totals.size() == before.totals.size());
  CHECK(after.late.size() == before.late.size());
  const auto verdict_after = judge(after);
  INFO(complaints_of(verdict_after));
  CHECK(verdict_after.right());
}

void other_stores_are_refused(const std::string& kind) {
  stored_job s(kind);
  s.produce(3'000);
  s.run_and_stop("first");
  s.copy_store("older");
  s.produce(3'000);
  s.run_and_stop("second");
  s.copy_store("right");
  const auto before = s.where->read();
  const auto put = [&](const fs::path& store) {
    fs::remove_all(s.where->store());
    if (!store.empty())
      fs::copy(store, s.where->store(), fs::copy_options::recursive);
  };
  const auto refused = [&](const std::string& name) {
    CHECK(s.run(name, {"--until-end"}) == 4);
    INFO(s.said(name));
    CHECK(contains(s.said(name), "--new-lineage"));
  };

  put({});
  refused("wiped");
  put(s.folder / "older/order-totals");
  refused("older");
  stored_job other(kind);
  other.produce(3'000);
  other.run_and_stop("first");
  put(other.where->store());
  refused("foreign");
  const auto after = s.where->read();
  CHECK(after.totals.size() == before.totals.size());
  CHECK(after.late.size() == before.late.size());

  // With the store that published it goes on as if nothing had been.
  put(s.folder / "right/order-totals");
  CHECK(s.run("last", {"--until-end"}) == 0);
  const auto v = judge(s.where->read());
  INFO(complaints_of(v));
  CHECK(v.right());
}

} // namespace

TEST_CASE("log: a second process on the same store is refused and hears who holds it, and whether it runs", "[log]") {
  second_process_is_refused("log");
}
TEST_CASE("log: a frozen process whose job was taken over is fenced when it wakes, and writes nothing", "[log]") {
  woken_process_is_fenced("log");
}
TEST_CASE("log: a wiped, an older and a foreign store are refused with the choice", "[log]") { other_stores_are_refused("log"); }

TEST_CASE("Kafka: a second process on the same store is refused and hears who holds it, and whether it runs", "[kafka]") {
  second_process_is_refused("kafka");
}
TEST_CASE("Kafka: a frozen process whose job was taken over is fenced when it wakes, and writes nothing", "[kafka]") {
  woken_process_is_fenced("kafka");
}
TEST_CASE("Kafka: a wiped, an older and a foreign store are refused with the choice", "[kafka]") {
  other_stores_are_refused("kafka");
}
