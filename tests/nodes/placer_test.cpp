#include "actors/nodes/service_placer.hpp"
#include "tests/catch.hpp"
#include "tests/cluster/scripted_log.hpp"

using namespace weir;
using namespace std::chrono_literals;
using cluster_test::scripted_log;

namespace {

class leading final : public cluster::lead_source {
 public:
  standing poll() override { return standing::holds; }
  void give_up() override {}
  void rejoin() override {}
};

/// A leader a of a cluster that has b and c on record; a service "one" has no node.
struct leader_a {
  scripted_log log;
  leading source;
  cluster::control_seat seat{source, log, options()};
  service_placer placer;
  duration now = 100s;

  leader_a() {
    cluster::control_seat::surroundings all_well;
    for (int i = 0; i < 4; ++i) {
      all_well.log_answered = all_well.directory_answered = now;
      all_well.peers = 2;
      all_well.hears_leader = true;
      seat.turn(now, all_well);
      log.answer();
      now += 50ms;
    }
    REQUIRE(seat.leads());
    std::vector<cluster::control_body> bodies;
    for (const auto* name : {"a", "b", "c"})
      bodies.emplace_back(cluster::member_record{name, "", 1, 1, false});
    seat.office().commit(0, std::move(bodies), [](const result<>& r) { REQUIRE(r.ok()); });
    log.answer();
    REQUIRE(seat.state().members().size() == 3);
  }
  static cluster::control_seat::options options() {
    cluster::control_seat::options o;
    o.node = "a";
    o.random = [] { return 5; };
    return o;
  }
  static service_placer::reports from(const std::vector<std::string>& nodes) {
    service_placer::reports out;
    for (const auto& n : nodes) {
      node_report r;
      r.node = n;
      r.control = r.directory = true;
      r.hears = nodes;
      out[n] = r;
    }
    return out;
  }
  /// Whether the service has a node behind one interval in office with these heard.
  bool places(const std::vector<std::string>& nodes) {
    placer.hears(from(nodes));
    placer.turn(seat, from(nodes), {{"one", false}}, now);
    log.answer();
    return seat.state().job("one") != nullptr;
  }
};

} // namespace

TEST_CASE("a new leader waits for a node that it has never heard") {
  leader_a l;
  CHECK_FALSE(l.places({"a", "b"}));
  l.now += 2900ms;
  CHECK_FALSE(l.places({"a", "b"}));
  l.now += 200ms;
  CHECK(l.places({"a", "b"}));
}

TEST_CASE("a new leader does not wait for a node that it has heard and lost") {
  leader_a l;
  l.placer.hears(leader_a::from({"a", "b", "c"}));
  CHECK(l.places({"a", "b"}));
}

TEST_CASE(
    "a node that is drained, or about to end, keeps a service that runs until another is ready for it, or until it does not run "
    "well") {
  leader_a l;
  auto heard = leader_a::from({"a", "b"});
  auto turn = [&] {
    l.placer.turn(l.seat, heard, {{"one", false}}, l.now);
    l.log.answer();
    return cluster::service_owner(l.seat.state(), "one");
  };
  auto owner = [&] {
    l.placer.hears(leader_a::from({"a", "b", "c"}));
    return turn();
  }();
  const std::string other = owner == "a" ? "b" : "a";
  heard[owner].start = l.seat.state().job("one")->assignment.nodes.front().start;
  heard[owner].services = {{"one", 1, "running", "", true, false, 3, 0}};
  if (GENERATE(true, false)) {
    l.seat.office().commit(0, {cluster::member_record{owner, "", 1, 1, true}}, [](const result<>& r) { REQUIRE(r.ok()); });
    l.log.answer();
  } else {
    heard[owner].leaving = true;
  }
  REQUIRE(turn() == owner);
  CHECK(l.placer.moves() == std::vector<planned_move>{{"one", other, false}});
  SECTION("ready") {
    heard[other].warm = {{"one", 3, false, ""}};
    CHECK(turn() == owner);
    heard[other].warm[0].ready = true;
    CHECK(turn() == other);
  }
  SECTION("it is not at work there any more") {
    heard[owner].services[0].active = false;
    CHECK(turn() == other);
  }
  SECTION("the node is without the shared directory") {
    heard[owner].directory = false;
    CHECK(turn() == other);
  }
  SECTION("another process of the node") {
    heard[owner].start += 1;
    CHECK(turn() == other);
  }
  SECTION("this one does not lead any more") {
    l.placer.stand_down();
    CHECK(l.placer.moves().empty());
    return;
  }
  CHECK(l.placer.moves().empty());
}

TEST_CASE("a standby is told which store to keep, and gets the service when its node is lost") {
  leader_a l;
  auto heard = leader_a::from({"a", "b", "c"});
  auto turn = [&] {
    l.placer.hears(heard);
    l.placer.turn(l.seat, heard, {{"one", false, 1}}, l.now);
    l.log.answer();
    return cluster::service_owner(l.seat.state(), "one");
  };
  REQUIRE(turn() == "a");
  const auto by_load = GENERATE(true, false);
  // c has it already, for whatever reason.
  if (!by_load)
    heard["c"].warm = {{"one", 3, true, ""}};
  turn();
  const std::string standby = by_load ? "b" : "c";
  REQUIRE(l.placer.moves().size() == 1);
  CHECK(l.placer.moves().front() == planned_move{"one", standby, true});
  // What was reported before the choice was heard of does not change it.
  heard["b"].warm = heard["c"].warm = {};
  heard[by_load ? "c" : "b"].warm = {{"one", 3, true, ""}};
  turn();
  CHECK(l.placer.moves().front().to == standby);
  heard["b"].warm = heard["c"].warm = {};
  heard[standby].warm = {{"one", 3, true, ""}};
  turn();
  CHECK(l.placer.moves().front().to == standby);
  heard["a"].directory = false;
  CHECK(turn() == standby);
}

TEST_CASE("a node that has just come is given nothing that others have until it has stayed for a while") {
  leader_a l;
  const std::vector<cluster::service_need> two{{"one", false}, {"two", false}};
  auto turn = [&](const std::vector<std::string>& nodes) {
    l.placer.hears(leader_a::from(nodes));
    l.placer.turn(l.seat, leader_a::from(nodes), two, l.now);
    l.log.answer();
    l.log.answer();
    return cluster::service_owner(l.seat.state(), "two");
  };
  l.placer.hears(leader_a::from({"b", "c"}));
  REQUIRE(turn({"a"}) == "a");
  CHECK(turn({"a", "b"}) == "a");
  l.now += 4900ms;
  CHECK(turn({"a", "b"}) == "a");
  // It was away: the time begins anew.
  CHECK(turn({"a"}) == "a");
  CHECK(turn({"a", "b"}) == "a");
  l.now += 4900ms;
  CHECK(turn({"a", "b"}) == "a");
  l.now += 200ms;
  CHECK(turn({"a", "b"}) == "b");
}
