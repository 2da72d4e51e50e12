#include <weir/cluster/log_authority.hpp>
#include <weir/cluster/shared_directory.hpp>
#include "tests/catch.hpp"
#include "tests/cluster/scripted_log.hpp"

using namespace weir;
using namespace weir::cluster;
using cluster_test::scripted_log;

namespace {

struct office_in {
  scripted_log log;
  control_office office{log, "a"};
  log_authority authority{office, "j"};
  std::optional<result<>> came;
  control_office::answer note() {
    return [this](const result<>& r) { came = r; };
  }
  void enter() {
    office.enter(77, note());
    log.answer();
    REQUIRE(came);
    REQUIRE(came->ok());
    assignment_record a;
    a.lineage = std::string(16, '\1');
    a.slots = {{{"main", 0}, "a", false}};
    authority.begin_attempt(a, note());
    log.answer();
    REQUIRE(came->ok());
  }
  result<> complete(std::uint64_t k) {
    came.reset();
    authority.complete({k, {}, false, file_ref{"m", 1, 2}}, note());
    log.answer();
    REQUIRE(came);
    return *came;
  }
};

} // namespace

TEST_CASE("what follows an append") {
  CHECK(after_append(append_outcome::committed, 1) == append_step::done);
  CHECK(after_append(append_outcome::retriable, 1) == append_step::again);
  CHECK(after_append(append_outcome::retriable, 5) == append_step::look);
  CHECK(after_append(append_outcome::unknown, 1) == append_step::look);
  CHECK(after_append(append_outcome::replaced, 1) == append_step::leave);
}

TEST_CASE("a leader takes the id, reads the topic and writes its term, in this order, before it leads") {
  office_in o;
  o.log.put({{{0, 0}, 0}, term_record{"z", 5}});
  o.office.enter(77, o.note());
  CHECK(o.log.takes == 1);
  CHECK(o.office.now() == control_office::standing::entering);
  CHECK(o.log.records("term") == 1);
  o.log.answer();
  CHECK(o.office.now() == control_office::standing::in);
  CHECK(o.office.term() == 1);
  CHECK(o.log.records("term") == 2);
}

TEST_CASE("a term of unknown outcome is looked up, and written again only when it is not there") {
  for (auto lands : {true, false}) {
    office_in o;
    o.log.outcomes = {append_outcome::unknown};
    o.log.unknown_lands = lands;
    o.office.enter(77, o.note());
    o.log.answer();
    CHECK(o.office.now() == control_office::standing::in);
    CHECK(o.log.takes == 2);
    CHECK(o.log.records("term") == 1);
  }
}

TEST_CASE("checkpoint k is complete when its record is committed, also when nobody could tell at first") {
  for (auto lands : {true, false}) {
    office_in o;
    o.enter();
    CHECK(o.complete(1).ok());
    o.log.outcomes = {append_outcome::unknown};
    o.log.unknown_lands = lands;
    CHECK(o.complete(2).ok());
    CHECK(o.authority.newest() == 2);
    CHECK(o.log.records("complete/j") == 2);
  }
}

TEST_CASE("a leader whom the broker refuses steps down and answers what waits with fenced") {
  office_in o;
  o.enter();
  o.log.outcomes = {append_outcome::replaced};
  std::optional<result<>> behind;
  o.authority.complete({1, {}, false, file_ref{"m", 1, 2}}, o.note());
  o.authority.complete({2, {}, false, file_ref{"m", 1, 2}}, [&](const result<>& r) { behind = r; });
  o.log.answer();
  CHECK(o.came->err().code == errc::fenced);
  CHECK(behind->err().code == errc::fenced);
  CHECK(o.office.now() == control_office::standing::out);
  CHECK(o.log.records("complete/j") == 0);
  CHECK(o.complete(3).err().code == errc::fenced);
}

TEST_CASE("a leader that looks for its record and finds another term steps down, its record may stand or not") {
  office_in o;
  o.enter();
  o.log.outcomes = {append_outcome::unknown};
  o.log.unknown_lands = false;
  o.authority.complete({1, {}, false, file_ref{"m", 1, 2}}, o.note());
  o.log.put({{{0, 0}, 0}, term_record{"b", 5}});
  o.log.answer();
  CHECK(o.came->err().code == errc::fenced);
  CHECK(o.office.now() == control_office::standing::out);
}

TEST_CASE("a leader that reads of another term steps down, also behind a commit of its own that stands") {
  office_in o;
  o.enter();
  o.authority.complete({1, {}, false, file_ref{"m", 1, 2}}, o.note());
  o.log.put({{{0, 0}, 0}, term_record{"b", 5}});
  o.log.answer();
  CHECK(o.came->err().code == errc::fenced);
  CHECK(o.authority.newest() == 1);
  CHECK(o.office.now() == control_office::standing::out);
}

TEST_CASE("close answers complete for what is complete, and closed numbers are used by nobody") {
  office_in o;
  o.enter();
  CHECK(o.complete(1).ok());
  std::optional<authority::verdict> verdict;
  auto judge = [&](const result<authority::verdict>& v) { verdict = *v; };
  o.authority.close(1, judge);
  o.log.answer();
  CHECK(verdict == authority::verdict::complete);
  o.authority.close(2, judge);
  o.log.answer();
  CHECK(verdict == authority::verdict::closed);
  CHECK(o.complete(2).err().code == errc::invalid_argument);
  CHECK(o.authority.highest_number() == 2);
}

TEST_CASE("a checkpoint without a manifest is not completed, and none while the next attempt is being written") {
  office_in o;
  o.enter();
  o.came.reset();
  o.authority.complete({1, {}, false, std::nullopt}, o.note());
  CHECK(o.came->err().code == errc::invalid_argument);
  o.authority.begin_attempt({}, [](const result<>&) {});
  CHECK(o.complete(1).err().code == errc::fenced);
  CHECK(o.authority.read()->current.attempt == 2);
}

TEST_CASE("who asks for a slot reads the topic to its end first") {
  office_in o;
  o.enter();
  auto own = o.authority.incarnation();
  std::optional<slot_step> step;
  auto note = [&](const result<slot_step>& s) { step = *s; };
  o.authority.ask_slot({"main", 0}, own, true, note);
  o.log.answer();
  CHECK(step == slot_step::go_on);
  assignment_record moved;
  moved.job = "j";
  moved.slots = {{{"main", 0}, "b", false}};
  o.log.put({{{o.office.term(), 9}, 9}, moved});
  o.authority.ask_slot({"main", 0}, own, true, note);
  o.log.answer();
  CHECK(step == slot_step::give_up);
}

TEST_CASE("listed files may be deleted, and go off the record when they are") {
  office_in o;
  o.enter();
  o.authority.list_garbage({"x"}, o.note());
  o.log.answer();
  CHECK(deletable(*o.authority.read()) == std::vector<std::string>{"x"});
  o.log.outcomes = {append_outcome::unknown};
  o.authority.forget_garbage({1}, o.note());
  o.log.answer();
  CHECK(o.came->ok());
  CHECK(deletable(*o.authority.read()).empty());
}
