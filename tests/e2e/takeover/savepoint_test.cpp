#include "tests/e2e/takeover/stored_job.hpp"

// Savepoints by real processes that are killed on the way, on the log and Kafka.

using namespace takeover_test;

namespace {

void ends_by_kill(const process_end& end) { CHECK(end.signal == SIGKILL); }
void ends_well(const stored_job& s, const process_end& end, const std::string& name) {
  INFO(s.said(name));
  CHECK(end.exit_code == 0);
}

void right(const run_facts& facts) {
  const auto v = judge(facts);
  INFO(complaints_of(v));
  CHECK(v.right());
  CHECK(v.totals > 0);
}

/// The machine is lost, and every command on the way to another start is killed once: each total comes out once all the same, as
/// nothing was put out behind the savepoint.
void killed_on_the_way(const std::string& kind, bool copies) {
  stored_job s(kind);
  if (copies) {
    fs::create_directories(s.folder / "copies");
    s.environment["WEIR_CHECKPOINT_DIRECTORY"] = (s.folder / "copies").string();
  }
  s.produce(3'000);
  s.run_and_stop("first");
  ends_by_kill(s.savepoint("create", "create", {"one"}, "savepoint.before_rename"));
  ends_well(s, s.savepoint("none", "list", {}), "none");
  CHECK(contains(s.said("none"), "no savepoint in"));
  ends_well(s, s.savepoint("create", "create", {"one"}), "create");

  fs::remove_all(s.where->store());
  ends_by_kill(s.savepoint("start", "start-from", {"one", "--discard-current"}, "savepoint.store_made"));
  CHECK_FALSE(fs::exists(s.where->store() / "data.mdb"));
  if (!copies) { // With them the next start goes on from there.
    ends_by_kill(s.savepoint("start", "start-from", {"one"}, "savepoint.store_replaced"));
    CHECK(s.savepoint("again", "start-from", {"one"}).exit_code == 4);
    CHECK(contains(s.said("again"), "--discard-current"));
  }
  s.produce(3'000);
  REQUIRE(s.run("last", {"--until-end"}) == 0);
  right(s.where->read());
}

/// Taken while the job runs and has nothing to do, which is killed behind it.
void of_a_running_job(const std::string& kind) {
  stored_job s(kind);
  s.produce(3'000);
  const auto job = s.start("first");
  s.wait_for_totals(*job);
  ends_well(s, s.savepoint("create", "create", {"one"}), "create");
  CHECK(s.savepoint("in_use", "start-from", {"one", "--discard-current"}).exit_code == 3);
  CHECK(contains(s.said("in_use"), std::to_string(job->pid())));
  job->signal(SIGKILL);
  REQUIRE(job->wait(limit));
  ends_well(s, s.savepoint("start", "start-from", {"one", "--discard-current"}), "start");
  s.produce(3'000);
  REQUIRE(s.run("last", {"--until-end"}) == 0);
  right(s.where->read());
}

/// The job ended between a checkpoint and its output, or behind that without a note of it: the markers in the topics tell which.
void of_a_job_that_was_killed(const std::string& kind, const std::string& at) {
  stored_job s(kind);
  s.produce(3'000);
  s.environment["WEIR_FAIL_POINT"] = at;
  const auto end = s.start("first")->wait(limit);
  REQUIRE(end);
  ends_by_kill(*end);
  s.environment.clear();
  ends_well(s, s.savepoint("create", "create", {"one"}), "create");
  fs::remove_all(s.where->store());
  ends_well(s, s.savepoint("start", "start-from", {"one"}), "start");
  s.produce(3'000);
  REQUIRE(s.run("last", {"--until-end"}) == 0);
  right(s.where->read());
}

} // namespace

TEST_CASE("log: each step of a savepoint may be the last of its process", "[log]") {
  killed_on_the_way("log", GENERATE(false, true));
}
TEST_CASE("log: a savepoint of a running job", "[log]") { of_a_running_job("log"); }
TEST_CASE("log: a savepoint of a job that was killed", "[log]") {
  of_a_job_that_was_killed("log", GENERATE("publisher.begin", "publisher.committed"));
}
TEST_CASE("Kafka: each step of a savepoint may be the last of its process", "[kafka]") {
  killed_on_the_way("kafka", GENERATE(false, true));
}
TEST_CASE("Kafka: a savepoint of a running job", "[kafka]") { of_a_running_job("kafka"); }
TEST_CASE("Kafka: a savepoint of a job that was killed", "[kafka]") {
  of_a_job_that_was_killed("kafka", GENERATE("publisher.begin", "publisher.committed"));
}
