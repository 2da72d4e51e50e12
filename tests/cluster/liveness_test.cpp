#include <weir/cluster/fence_gate.hpp>
#include <weir/cluster/liveness.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;
using namespace std::chrono_literals;
using names = std::set<std::string>;

TEST_CASE("a peer that is silent for longer than two seconds is lost, once") {
  peer_watch w(0s);
  w.on_heard("b", 0s);
  w.on_heard("c", 0s);
  for (auto now = duration(500ms); now <= 2s; now += 500ms) {
    w.on_heard("c", now);
    CHECK(w.on_tick(now).lost.empty());
  }
  w.on_heard("c", 2500ms);
  CHECK(w.on_tick(2500ms).lost == names{"b"});
  CHECK(w.on_tick(3s).lost.empty());
  CHECK(w.hears() == names{"c"});
}

TEST_CASE("a node whose own clock jumped accuses nobody") {
  peer_watch w(0s);
  w.on_heard("b", 0s);
  auto t = w.on_tick(30s);
  CHECK(t.was_frozen);
  CHECK(t.lost.empty());
  CHECK(!w.on_tick(30500ms).was_frozen);
  for (auto now = duration(31s); now <= 32s; now += 500ms)
    CHECK(w.on_tick(now).lost.empty());
  CHECK(w.on_tick(32500ms).lost == names{"b"});
}

TEST_CASE("a leader gives up without Kafka, without the directory, after a sleep, or alone while others live") {
  using verdict = lead_watch::verdict;
  lead_watch w;
  lead_watch::facts f;
  f.now = 100s;
  f.kafka_answered = f.directory_answered = 99s;
  f.peers_seen = 1;
  CHECK(w.decide(f) == verdict::lead);
  f.kafka_answered = 97s;
  CHECK(w.decide(f) == verdict::no_kafka);
  f.kafka_answered = 99s;
  f.directory_answered = 97s;
  CHECK(w.decide(f) == verdict::no_directory);
  f.directory_answered = 99s;
  f.was_frozen = true;
  CHECK(w.decide(f) == verdict::frozen);
  f.was_frozen = false;
  f.peers_seen = 0;
  CHECK(w.decide(f) == verdict::lead);
  f.alive_in_topic = 1;
  CHECK(w.decide(f) == verdict::alone);
}

TEST_CASE("two nodes that cannot hear each other do not pass the lead to and fro for ever") {
  using verdict = lead_watch::verdict;
  timing t;
  lead_watch w;
  lead_watch::facts f;
  f.alive_in_topic = 1;
  auto at = [&](duration now) {
    f.now = f.kafka_answered = f.directory_answered = now;
    return w.decide(f);
  };
  CHECK(at(0s) == verdict::alone);
  CHECK(at(t.lonely_first - 1s) == verdict::lead);
  CHECK(at(t.lonely_first) == verdict::alone);
  CHECK(at(2 * t.lonely_first) == verdict::lead);
  CHECK(at(3 * t.lonely_first) == verdict::alone);
}

TEST_CASE("a node refuses lower terms and attempts") {
  using verdict = fence_gate::verdict;
  fence_gate g;
  CHECK(g.admit({5, 1}) == verdict::raised);
  CHECK(g.admit({5, 1}) == verdict::current);
  CHECK(g.admit({4, 9}) == verdict::refused);
  CHECK(g.admit({5, 0}) == verdict::refused);
  CHECK(g.admit({5, 2}) == verdict::raised);
  CHECK(g.admit({6, 0}) == verdict::raised);
  CHECK(g.admit({5, 3}) == verdict::refused);
}

TEST_CASE("a channel delivers each frame of its attempt once and in order, and fails at a gap") {
  using verdict = channel_gate::verdict;
  channel_gate g({5, 1});
  CHECK(g.on_frame({5, 1}, 0) == verdict::deliver);
  CHECK(g.on_frame({5, 1}, 0) == verdict::stale);
  CHECK(g.on_frame({5, 0}, 1) == verdict::stale);
  CHECK(g.on_frame({5, 1}, 1) == verdict::deliver);
  CHECK(g.on_frame({5, 1}, 3) == verdict::gap);
}
