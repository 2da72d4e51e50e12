#include <weir/cluster/control_seat.hpp>
#include "tests/catch.hpp"
#include "tests/cluster/scripted_log.hpp"

using namespace weir;
using namespace weir::cluster;
using namespace std::chrono_literals;
using cluster_test::scripted_log;

namespace {

/// Gives the lead as the test says.
class told_source final : public lead_source {
 public:
  standing next = standing::out;
  bool wanted = false;
  int given_up = 0;
  standing poll() override { return next; }
  void give_up() override {
    ++given_up;
    wanted = false;
    next = standing::out;
  }
  void rejoin() override { wanted = true; }
};

struct seated {
  scripted_log log;
  told_source source;
  std::vector<control_entry> said;
  std::vector<std::string> events;
  control_seat seat{source, log, options()};
  duration now = 100s;
  duration kafka = 100s, directory = 100s;
  control_seat::surroundings world;

  control_seat::options options() {
    control_seat::options o;
    o.node = "a";
    o.start = 7;
    o.random = [] { return 5; };
    o.say = [this](control_entry e) { said.push_back(std::move(e)); };
    o.entered = [this] { events.emplace_back("entered"); };
    o.left = [this](const std::string& why) { events.push_back("left: " + why); };
    return o;
  }
  /// One turn with all that was asked answered, Kafka and the directory as well; then `after` passes.
  void turn(duration after = 50ms) {
    world.log_answered = kafka;
    world.directory_answered = directory;
    seat.turn(now, world);
    log.answer();
    auto alive = kafka == now, there = directory == now;
    now += after;
    if (alive)
      kafka = now;
    if (there)
      directory = now;
  }
  void lead() {
    world.peers = 1;
    world.hears_leader = true;
    turn();
    turn();
    REQUIRE(source.wanted);
    source.next = lead_source::standing::holds;
    turn();
    turn();
    REQUIRE(seat.leads());
    REQUIRE(events == std::vector<std::string>{"entered"});
  }
};

} // namespace

TEST_CASE("a seat joins when it has read, leads when it is given the lead, and leaves with it") {
  seated s;
  s.world.hears_leader = true;
  s.source.next = lead_source::standing::out;
  s.turn();
  CHECK_FALSE(s.source.wanted);
  s.turn();
  CHECK(s.source.wanted);
  s.source.next = lead_source::standing::holds;
  s.turn();
  s.turn();
  REQUIRE(s.seat.leads());
  s.source.next = lead_source::standing::out;
  s.turn();
  CHECK_FALSE(s.seat.leads());
  CHECK(s.events == std::vector<std::string>{"entered", "left: the group has given the lead to another node"});
}

TEST_CASE("a leader that slept gives the lead up before it does anything, and wants it back behind a rest") {
  seated s;
  s.lead();
  s.now += 1600ms;
  s.kafka = s.directory = s.now;
  s.turn();
  CHECK_FALSE(s.seat.leads());
  CHECK(s.source.given_up == 1);
  CHECK(s.events.back() == "left: this node did not run for a while");
  auto until = s.now + 1900ms;
  while (s.now < until) {
    s.turn();
    CHECK_FALSE(s.source.wanted);
  }
  while (s.now < until + 300ms)
    s.turn();
  CHECK(s.source.wanted);
}

TEST_CASE("a leader without Kafka, or without the directory, gives up after two seconds") {
  for (auto without_kafka : {true, false}) {
    seated s;
    s.lead();
    (without_kafka ? s.kafka : s.directory) -= 1ms; // Answers no more.
    for (auto until = s.now + 1900ms; s.now < until;)
      s.turn();
    CHECK(s.seat.leads());
    for (auto until = s.now + 300ms; s.now < until;)
      s.turn();
    CHECK_FALSE(s.seat.leads());
    CHECK(s.source.given_up == 1);
    CHECK(s.events.back().find(without_kafka ? "broker" : "directory") != std::string::npos);
  }
}

TEST_CASE("a seat that hears no leader says that it is alive, and one that hears or is it does not") {
  seated s;
  s.lead();
  for (auto until = s.now + 5s; s.now < until;)
    s.turn();
  CHECK(s.said.empty());
  s.source.next = lead_source::standing::out;
  s.world.hears_leader = false;
  for (auto until = s.now + 5s; s.now < until;)
    s.turn();
  CHECK(s.said.size() >= 5);
  CHECK(s.said.size() <= 7);
  CHECK(s.said.front().key == "alive/a");
}

TEST_CASE("a leader that sees no peer while others show themselves alive gives the lead away") {
  seated s;
  s.lead();
  s.world.peers = 0;
  s.log.put({{}, alive_record{"b", 1, 1}});
  for (auto until = s.now + 2s; s.now < until;)
    s.turn();
  CHECK(s.seat.leads()); // How old the first sign is nobody knows.
  s.log.put({{}, alive_record{"b", 1, 2}});
  for (auto until = s.now + 1s; s.now < until;)
    s.turn();
  CHECK_FALSE(s.seat.leads());
  CHECK(s.events.back().find("no peer") != std::string::npos);
}

TEST_CASE("a process that was replaced under its name leads no more, whatever comes") {
  seated s;
  s.lead();
  s.source.next = lead_source::standing::replaced;
  s.turn();
  CHECK(s.seat.replaced());
  CHECK_FALSE(s.seat.leads());
  s.source.next = lead_source::standing::holds;
  s.turn();
  CHECK_FALSE(s.seat.leads());
}
