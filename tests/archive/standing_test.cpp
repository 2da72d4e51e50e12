#include <weir/archive/standing.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

/// A store at checkpoint 7 with a copy that says the same.
standing_facts even() {
  standing_facts f;
  f.found = archived{};
  f.found->writer = 100;
  f.found->serial = 12;
  f.found->snapshot = 3;
  f.found->newest.checkpoint = 7;
  f.found->newest.incarnation = 100;
  f.copied = {12, 77};
  f.newest = f.found->newest;
  f.same = standing_facts::change{f.newest, 77};
  return f;
}

} // namespace

TEST_CASE("a store goes on with the copy that says the same, and begins one where there is none") {
  auto f = even();
  CHECK(decide_standing(f) == archive_standing::go_on);
  f.found.reset();
  f.same.reset();
  CHECK(decide_standing(f) == archive_standing::begin);
}

TEST_CASE("a store that is what the copy was is rolled forward, however far") {
  auto f = even();
  f.found->serial = 13;
  f.found->newest.checkpoint = 8;
  CHECK(decide_standing(f) == archive_standing::roll_forward);
  f.found->serial = 500;
  f.found->newest.incarnation = 900;
  CHECK(decide_standing(f) == archive_standing::roll_forward);
}

TEST_CASE("a store that is not on the chain of the copy is made from it") {
  auto f = even();
  SECTION("another lineage") { f.newest.lineage.bytes[0] = 1; }
  SECTION("a change of this number that is another") { f.same->sum = 78; }
  SECTION("the change is not there any more") { f.same.reset(); }
  SECTION("a store that is new") {
    f.copied = {};
    f.newest = {};
    f.same.reset();
  }
  SECTION("it was changed without a copy, and others went on") {
    f.newest.checkpoint = 9;
    f.found->serial = 13;
  }
  CHECK(decide_standing(f) == archive_standing::rebuild);
}

TEST_CASE("a store that was written without its copy, or went back on purpose, is copied anew") {
  auto f = even();
  SECTION("ahead") { f.newest.checkpoint = 9; }
  SECTION("back") { f.newest.checkpoint = 6; }
  SECTION("the same number, completed by somebody else") { f.newest.incarnation = 99; }
  CHECK(decide_standing(f) == archive_standing::begin);
}

TEST_CASE("a damaged store is made from the copy, once") {
  auto f = even();
  f.damaged = true;
  f.newest.checkpoint = 6;
  CHECK(decide_standing(f) == archive_standing::rebuild);
  f.rebuilt = true;
  CHECK(decide_standing(f) == archive_standing::begin);
}
