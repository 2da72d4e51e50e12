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
