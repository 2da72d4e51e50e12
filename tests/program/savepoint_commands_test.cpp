#include <boost/json.hpp>
#include <weir/storage/job_store.hpp>
#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

/// A services file with one service, whose store has checkpoint 1.
struct stored_service {
  scratch dir;
  std::string file =
      dir.file("services.json", R"({"version": 1, "namespace": "n", "connections": {"main": {"type": "log", "path": ")" +
                                    dir.path() + R"(/log"}}, "store": {"path": ")" + dir.path() + R"(/store"},
    "services": [{"name": "totals", "type": "order-totals", "settings": {"input": {"connection": "main", "topic": "o"},
    "output": {"connection": "main", "topic": "t"}, "late": {"connection": "main", "topic": "l"}}}]})");

  stored_service() { checkpoint(1); }
  void checkpoint(std::uint64_t number) const {
    job_store_options o;
    o.directory = dir.path() + "/store/totals";
    o.job = "totals";
    auto store = open_job_store(o);
    REQUIRE(store);
    REQUIRE((*store)->begin_incarnation());
    checkpoint_manifest m;
    m.number = number;
    m.incarnation = (*store)->incarnation();
    m.completed_at_us = 1'767'225'600'000'000;
    REQUIRE((*store)->complete(m));
  }
};

std::vector<std::string> with(std::vector<std::string> words, std::initializer_list<std::string> more) {
  words.insert(words.end(), more);
  return words;
}

} // namespace

TEST_CASE("savepoints are made, listed and started from by the services file") {
  stored_service s;
  bench none, create, again, list, as_json, refused, start, checkpoints;
  CHECK(none.run({"savepoint", "list", s.file}) == exit_code::done);
  CHECK(holds(none.out.str(), "no savepoint in " + s.dir.path() + "/store.savepoints"));
  REQUIRE(create.run({"savepoint", "create", s.file, "first"}) == exit_code::done);
  CHECK(holds(create.out.str(), "savepoint 'first' in " + s.dir.path() + "/store.savepoints/first"));
  CHECK(holds(create.out.str(), "checkpoint 1 "));
  CHECK(again.run({"savepoint", "create", s.file, "first"}) == exit_code::environment);
  CHECK(holds(again.err.str(), "there is a savepoint 'first' already"));
  CHECK(list.run({"savepoint", "list", s.file, "--verify"}) == exit_code::done);
  CHECK(holds(list.out.str(), "first, taken 20"));
  CHECK(holds(list.out.str(), "completed 2026-01-01T00:00:00Z"));
  REQUIRE(as_json.run({"savepoint", "list", s.file, "--json"}) == exit_code::done);
  const auto parsed = boost::json::parse(as_json.out.str());
  CHECK(parsed.at(0).at("name") == "first");
  CHECK(parsed.at(0).at("problem").is_null());
  CHECK(parsed.at(0).at("services").at(0).at("checkpoint") == 1);

  s.checkpoint(7);
  CHECK(refused.run({"savepoint", "start-from", s.file, "first"}) == exit_code::restore_refused);
  CHECK(holds(refused.err.str(), "service 'totals' has state here (checkpoint 7), which would be lost"));
  CHECK(holds(refused.err.str(), "--discard-current"));
  CHECK(start.run({"savepoint", "start-from", s.file, "first", "--discard-current"}) == exit_code::done);
  CHECK(holds(start.out.str(), "totals: starts from checkpoint 1 of savepoint 'first'"));
  CHECK(checkpoints.run({"checkpoints", s.file}) == exit_code::done);
  CHECK_FALSE(holds(checkpoints.out.str(), "  7  "));
}

TEST_CASE("a savepoint that is damaged, missing, of other services or in use says so, and nothing is changed") {
  stored_service s;
  bench create;
  REQUIRE(create.run({"savepoint", "create", s.file, "first"}) == exit_code::done);
  const std::vector<std::string> start{"savepoint", "start-from", s.file};
  bench b;
  SECTION("there is none of the name") {
    CHECK(b.run(with(start, {"second"})) == exit_code::environment);
    CHECK(holds(b.err.str(), "there is no savepoint 'second' in"));
  }
  SECTION("no such service") {
    CHECK(b.run(with(start, {"first", "--service", "total"})) == exit_code::usage);
    CHECK(holds(b.err.str(), "has no service 'total'; did you mean 'totals'?"));
  }
  SECTION("a name that is none") {
    CHECK(b.run({"savepoint", "create", s.file, "../first"}) == exit_code::usage);
    CHECK(holds(b.err.str(), "'../first' is no name for a savepoint"));
  }
  SECTION("damaged") {
    std::filesystem::resize_file(s.dir.path() + "/store.savepoints/first/totals/data.mdb", 4096);
    CHECK(b.run(with(start, {"first", "--discard-current"})) == exit_code::restore_refused);
    CHECK(holds(b.err.str(), "data.mdb' is damaged"));
    bench list;
    CHECK(list.run({"savepoint", "list", s.file}) == exit_code::done);
    CHECK(list.run({"savepoint", "list", s.file, "--verify"}) == exit_code::restore_refused);
    CHECK(holds(list.out.str(), "data.mdb' is damaged"));
  }
  SECTION("a process runs on the store") {
    auto lock = lock_store(s.dir.path() + "/store");
    REQUIRE(lock);
    CHECK(b.run(with(start, {"first", "--discard-current"})) == exit_code::environment);
    CHECK(holds(b.err.str(), "is held by process"));
  }
  SECTION("a service that has no checkpoint yet") {
    std::filesystem::remove_all(s.dir.path() + "/store");
    CHECK(b.run({"savepoint", "create", s.file, "second"}) == exit_code::environment);
    CHECK_FALSE(b.err.str().empty());
  }
}
