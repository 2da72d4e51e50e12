#include <weir/cluster/cluster_state.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

struct topic {
  std::uint64_t next = 0;
  cluster_state state;
  cluster_state::applied put(const fence& by, control_body body, std::uint64_t serial = 1) {
    return *state.apply({next++, encode_control({{by, serial}, std::move(body)})});
  }
  void remove(const std::string& key) { (void)*state.apply({next++, {key, std::nullopt}}); }
};

using applied = cluster_state::applied;

assignment_record assignment(const std::string& owner) {
  assignment_record a;
  a.job = "j";
  a.slots = {{{"main", 0}, owner, false}};
  return a;
}

} // namespace

TEST_CASE("the term is the offset of the newest term record, and lower terms have no effect") {
  topic t;
  t.put({}, alive_record{"b", 1, 1});
  CHECK(t.put({}, term_record{"a", 7}) == applied::taken);
  CHECK(t.state.term() == 1);
  CHECK(t.put({1, 1}, assignment("a")) == applied::taken);
  CHECK(t.put({}, term_record{"b", 8}) == applied::taken);
  CHECK(t.state.term() == 3);
  CHECK(t.state.leader().node == "b");
  CHECK(t.put({1, 2}, assignment("a")) == applied::stale);
  CHECK(t.put({1, 1}, complete_record{"j", 1, {}, false}) == applied::stale);
  CHECK(t.state.job("j")->current == fence{1, 1});
  CHECK(!t.state.job("j")->complete);
}

TEST_CASE("an attempt's markers carry the offset of its assignment; older attempts complete nothing any more") {
  topic t;
  t.put({}, term_record{"a", 7});
  t.put({0, 1}, assignment("a"));
  CHECK(t.put({0, 1}, complete_record{"j", 1, {"m1", 0, 0}, false}) == applied::taken);
  t.put({0, 2}, assignment("b"));
  CHECK(t.state.job("j")->incarnation == 3);
  CHECK(t.state.job("j")->owner_of({"main", 0}) == "b");
  CHECK(t.state.job("j")->owner_of({"main", 1}).empty());
  CHECK(t.put({0, 1}, complete_record{"j", 2, {"m2", 0, 0}, false}) == applied::stale);
  CHECK(t.state.job("j")->complete->manifest.name == "m1");
}

TEST_CASE("the first decision about a number stands: closed is not completed, complete is not completed again") {
  topic t;
  t.put({}, term_record{"a", 7});
  t.put({0, 1}, assignment("a"));
  CHECK(t.put({0, 1}, closed_record{"j", 3}) == applied::taken);
  CHECK(t.put({0, 1}, complete_record{"j", 3, {"m", 0, 0}, false}) == applied::stale);
  CHECK(t.put({0, 1}, complete_record{"j", 4, {"m4", 0, 0}, false}) == applied::taken);
  CHECK(t.put({0, 1}, complete_record{"j", 4, {"other", 0, 0}, false}) == applied::stale);
  t.put({0, 1}, closed_record{"j", 4});
  CHECK(t.state.job("j")->complete->manifest.name == "m4");
  CHECK(t.state.job("j")->highest_number() == 4);
}

TEST_CASE("members, garbage, services and signs of life are replaced by their newest record and removed by tombstones") {
  topic t;
  t.put({}, term_record{"a", 7});
  t.put({0, 0}, member_record{"b", "b:1", 2, 5, false});
  t.put({0, 0}, member_record{"b", "b:2", 3, 6, true});
  t.put({0, 1}, garbage_record{"j", 1, {"x"}});
  t.put({0, 1}, garbage_record{"j", 2, {"y"}});
  t.put({0, 0}, services_record{1, "one", std::nullopt});
  t.put({0, 0}, services_record{2, "two", "one"});
  t.put({}, alive_record{"c", 1, 1});
  CHECK(t.state.members().at("b").address == "b:2");
  CHECK(t.state.members().at("b").draining);
  CHECK(t.state.services()->fallback == "one");
  CHECK(t.state.alive().at("c") == 7);
  t.remove("garbage/j/1");
  t.remove("member/b");
  t.remove("alive/c");
  CHECK(t.state.members().empty());
  CHECK(t.state.alive().empty());
  CHECK(t.state.job("j")->garbage == std::map<std::uint64_t, std::vector<std::string>>{{2, {"y"}}});
}

TEST_CASE("a record that cannot be read is an error that says where, and nothing behind it is applied") {
  topic t;
  t.put({}, term_record{"a", 7});
  auto bad = t.state.apply({5, {"term", "nonsense"}});
  REQUIRE(!bad.ok());
  CHECK(bad.err().message.find("offset 5") != std::string::npos);
  CHECK(t.state.next_offset() == 1);
  CHECK(*t.state.apply({0, {"term", "nonsense"}}) == applied::unread);
}
