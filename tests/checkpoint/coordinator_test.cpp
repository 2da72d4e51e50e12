#include <weir/checkpoint/coordinator.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;
using coordinator = checkpoint_coordinator;

namespace {

const participant_id source{"orders", 0};
const participant_id task{"totals", 0};
const participant_id other{"totals", 1};
const std::set<participant_id> all{source, task, other};

coordinator::options options() {
  coordinator::options o;
  o.interval = 1s;
  o.timeout = 10s;
  o.tolerated_failures = 2;
  return o;
}

contribution ack_of(const participant_id& who, std::uint64_t delta_end = 0, bool finished = false) {
  contribution c;
  c.who = who;
  c.delta_end = delta_end;
  c.finished = finished;
  return c;
}

template <class T>
const T& only(const coordinator::actions& a) {
  REQUIRE(a.size() == 1);
  REQUIRE(std::holds_alternative<T>(a[0]));
  return std::get<T>(a[0]);
}

/// A coordinator whose checkpoint 5 is running since 1 s.
struct running {
  coordinator c{options(), 5, all, 0s};
  running() { REQUIRE(only<coordinator::send_barrier>(c.on_tick(1s)).checkpoint == 5); }
  void ack_all(std::uint64_t k) {
    REQUIRE(c.on_ack(k, ack_of(source), 2s).empty());
    REQUIRE(c.on_ack(k, ack_of(task), 2s).empty());
    REQUIRE(only<coordinator::store_complete>(c.on_ack(k, ack_of(other), 2s)).checkpoint == k);
  }
};

} // namespace

TEST_CASE("nothing begins before the interval, and then exactly one checkpoint") {
  coordinator c{options(), 5, all, 0s};
  CHECK(c.next_tick() == duration{1s});
  CHECK(c.on_tick(999ms).empty());
  auto barrier = only<coordinator::send_barrier>(c.on_tick(1s));
  CHECK(barrier.checkpoint == 5);
  CHECK_FALSE(barrier.final_barrier);
  CHECK(c.on_tick(5s).empty());
  REQUIRE(c.running());
  CHECK(c.running()->missing.size() == 3);
  CHECK(c.next_tick() == duration{11s});
}

TEST_CASE("complete is announced only after the store said so") {
  running r;
  CHECK(r.c.on_completed(5, 2s).empty());
  CHECK(r.c.on_ack(5, ack_of(task, 7), 2s).empty());
  CHECK(r.c.on_ack(5, ack_of(source, 3), 2s).empty());
  CHECK(r.c.on_completed(5, 2s).empty());
  auto complete = only<coordinator::store_complete>(r.c.on_ack(5, ack_of(other, 9), 2s));
  REQUIRE(complete.contributions.size() == 3);
  CHECK(complete.contributions[0].who == source);
  CHECK(complete.contributions[1].who == task);
  CHECK(complete.contributions[1].delta_end == 7);
  CHECK(complete.contributions[2].who == other);
  CHECK_FALSE(complete.ended);
  CHECK(r.c.running());
  auto done = only<coordinator::announce_complete>(r.c.on_completed(5, 3s));
  CHECK(done.checkpoint == 5);
  CHECK_FALSE(r.c.running());
  CHECK(r.c.on_completed(5, 3s).empty());
  CHECK_FALSE(r.c.stopped());
}

TEST_CASE("the pause counts from the end and the interval from the begin") {
  auto o = options();
  o.min_pause = 2s;
  coordinator c{o, 1, {source}, 0s};
  REQUIRE(c.on_tick(1s).size() == 1);
  c.on_activity();
  REQUIRE(c.on_ack(1, ack_of(source), 1500ms).size() == 1);
  REQUIRE(c.on_completed(1, 1500ms).size() == 1);
  CHECK(c.next_tick() == duration{3500ms});
  CHECK(c.on_tick(3499ms).empty());
  CHECK(only<coordinator::send_barrier>(c.on_tick(3500ms)).checkpoint == 2);
}

TEST_CASE("a quiet job begins nothing until something happens") {
  running r;
  r.ack_all(5);
  REQUIRE(r.c.on_completed(5, 2s).size() == 1);
  CHECK(r.c.on_tick(100s).empty());
  CHECK_FALSE(r.c.next_tick());
  SECTION("a record was read") { r.c.on_activity(); }
  SECTION("a partition was discovered") { r.c.set_participants({source, task}); }
  CHECK(only<coordinator::send_barrier>(r.c.on_tick(100s)).checkpoint == 6);
}

TEST_CASE("activity behind the barrier of a running checkpoint is not forgotten") {
  running r;
  r.c.on_activity();
  r.ack_all(5);
  REQUIRE(r.c.on_completed(5, 2s).size() == 1);
  CHECK(r.c.on_tick(2s).size() == 1);
}

TEST_CASE("an ack of the checkpoint to come counts for nothing") {
  running r;
  CHECK(r.c.on_ack(6, ack_of(source), 2s).empty());
  CHECK(r.c.running()->missing.size() == 3);
}

TEST_CASE("a double ack counts once and the first is kept") {
  running r;
  CHECK(r.c.on_ack(5, ack_of(task, 1), 2s).empty());
  CHECK(r.c.on_ack(5, ack_of(task, 2), 2s).empty());
  CHECK(r.c.on_ack(5, ack_of(source), 2s).empty());
  auto complete = only<coordinator::store_complete>(r.c.on_ack(5, ack_of(other), 2s));
  CHECK(complete.contributions[1].delta_end == 1);
  CHECK(r.c.on_ack(5, ack_of(other), 2s).empty());
}

TEST_CASE("an unknown participant neither completes a checkpoint nor closes it") {
  running r;
  const participant_id stranger{"orders", 9};
  CHECK(r.c.on_ack(5, ack_of(stranger), 2s).empty());
  CHECK(r.c.on_declined(5, stranger, "?", 2s).empty());
  CHECK(r.c.running()->missing.size() == 3);
}

TEST_CASE("new participants take part from the next checkpoint on") {
  running r;
  const participant_id late{"orders", 1};
  auto more = all;
  more.insert(late);
  r.c.set_participants(more);
  CHECK(r.c.on_ack(5, ack_of(late), 2s).empty());
  r.ack_all(5);
  REQUIRE(r.c.on_completed(5, 2s).size() == 1);
  REQUIRE(r.c.on_tick(2s).size() == 1);
  CHECK(r.c.running()->missing.size() == 4);
}

TEST_CASE("time-out: the attempt is closed, its number is not used again") {
  running r;
  CHECK(r.c.on_tick(10999ms).empty());
  CHECK(only<coordinator::store_close>(r.c.on_tick(11s)).checkpoint == 5);
  CHECK(r.c.on_tick(12s).empty());
  CHECK_FALSE(r.c.next_tick());
  auto closed = only<coordinator::announce_closed>(r.c.on_closed(5, false, 12s));
  CHECK(closed.checkpoint == 5);
  CHECK(closed.why.find("timed out") != std::string::npos);
  CHECK(closed.why.find("orders") != std::string::npos);
  CHECK(only<coordinator::send_barrier>(r.c.on_tick(12s)).checkpoint == 6);
}

TEST_CASE("a late ack of a closed attempt counts neither for it nor for the next") {
  running r;
  CHECK(r.c.on_ack(5, ack_of(source), 2s).empty());
  CHECK(r.c.on_ack(5, ack_of(task), 2s).empty());
  REQUIRE(r.c.on_tick(11s).size() == 1);
  CHECK(r.c.on_ack(5, ack_of(other), 11s).empty()); // Between the question and the verdict.
  REQUIRE(r.c.on_closed(5, false, 12s).size() == 1);
  REQUIRE(r.c.on_tick(12s).size() == 1);
  CHECK(r.c.on_ack(5, ack_of(other), 12s).empty());
  CHECK(r.c.running()->missing.size() == 3);
}

TEST_CASE("closed but the store says complete: it counts as complete") {
  running r;
  REQUIRE(r.c.on_tick(11s).size() == 1);
  CHECK(only<coordinator::announce_complete>(r.c.on_closed(5, true, 12s)).checkpoint == 5);
  CHECK_FALSE(r.c.running());
  CHECK(r.c.on_closed(5, false, 12s).empty());
}

TEST_CASE("a task lost in alignment or a cancelled alignment closes the attempt at once") {
  running r;
  CHECK(r.c.on_declined(4, task, "older", 2s).empty());
  CHECK(only<coordinator::store_close>(r.c.on_declined(5, task, "alignment cancelled", 2s)).checkpoint == 5);
  CHECK(r.c.on_declined(5, other, "again", 2s).empty());
  CHECK(only<coordinator::announce_closed>(r.c.on_closed(5, false, 2s)).why.find("alignment cancelled") != std::string::npos);
}

TEST_CASE("after all acks neither a time-out nor a decline takes the checkpoint back") {
  running r;
  r.ack_all(5);
  CHECK(r.c.on_tick(100s).empty());
  CHECK(r.c.on_declined(5, task, "too late", 100s).empty());
  CHECK(r.c.on_completed(5, 101s).size() == 1);
}

TEST_CASE("a full disk closes the attempt, an unknown outcome fails the job") {
  running r;
  r.ack_all(5);
  SECTION("full") {
    CHECK(only<coordinator::store_close>(r.c.on_store_failed(5, {errc::store_full, "disk full"}, 2s)).checkpoint == 5);
    CHECK(only<coordinator::announce_closed>(r.c.on_closed(5, false, 2s)).why.find("disk full") != std::string::npos);
  }
  SECTION("refused because it is complete already") {
    REQUIRE(r.c.on_store_failed(5, {errc::invalid_argument, "not above"}, 2s).size() == 1);
    CHECK(std::holds_alternative<coordinator::announce_complete>(r.c.on_closed(5, true, 2s).at(0)));
  }
  SECTION("unknown") {
    auto failed = only<coordinator::fail_job>(r.c.on_store_failed(5, {errc::unknown_outcome, "sync"}, 2s));
    CHECK(failed.cause.code == errc::unknown_outcome);
    CHECK(r.c.on_tick(100s).empty());
    CHECK(r.c.on_completed(5, 100s).empty());
    CHECK(r.c.request_final(100s).empty());
    CHECK_FALSE(r.c.next_tick());
  }
  SECTION("the close fails too") {
    REQUIRE(r.c.on_store_failed(5, {errc::store_full, "disk full"}, 2s).size() == 1);
    CHECK(only<coordinator::fail_job>(r.c.on_store_failed(5, {errc::store_full, "disk full"}, 2s)).cause.code ==
          errc::store_full);
  }
}

TEST_CASE("closed attempts in a row fail the job, a complete one forgives them") {
  running r;
  auto close = [&](std::uint64_t k, duration now) {
    REQUIRE(r.c.on_declined(k, task, "no", now).size() == 1);
    return r.c.on_closed(k, false, now);
  };
  CHECK(close(5, 2s).size() == 1);
  REQUIRE(r.c.on_tick(2s).size() == 1);
  CHECK(close(6, 3s).size() == 1);
  REQUIRE(r.c.on_tick(3s).size() == 1);
  SECTION("the third fails it") {
    auto last = close(7, 4s);
    REQUIRE(last.size() == 2);
    CHECK(std::holds_alternative<coordinator::announce_closed>(last[0]));
    REQUIRE(std::holds_alternative<coordinator::fail_job>(last[1]));
    CHECK(retry_of(std::get<coordinator::fail_job>(last[1]).cause.code) != retry::never);
    CHECK(r.c.on_tick(9s).empty());
  }
  SECTION("forgiven") {
    r.ack_all(7);
    REQUIRE(r.c.on_completed(7, 4s).size() == 1);
    r.c.on_activity();
    REQUIRE(r.c.on_tick(5s).size() == 1);
    CHECK(close(8, 6s).size() == 1);
  }
}

TEST_CASE("a requested checkpoint begins at once, or when the running one ends") {
  coordinator c{options(), 1, {source}, 0s};
  CHECK(only<coordinator::send_barrier>(c.request_now(10ms)).checkpoint == 1);
  CHECK(c.request_now(20ms).empty());
  CHECK(c.on_ack(1, ack_of(source), 30ms).size() == 1);
  auto after = c.on_completed(1, 30ms);
  REQUIRE(after.size() == 2);
  CHECK(std::get<coordinator::announce_complete>(after[0]).checkpoint == 1);
  CHECK(std::get<coordinator::send_barrier>(after[1]).checkpoint == 2);
  CHECK(c.on_ack(2, ack_of(source), 40ms).size() == 1);
  CHECK(c.on_completed(2, 40ms).size() == 1);
}

TEST_CASE("the final barrier follows the running checkpoint and nothing follows it") {
  running r;
  CHECK(r.c.request_final(2s).empty());
  r.ack_all(5);
  auto after = r.c.on_completed(5, 3s);
  REQUIRE(after.size() == 2);
  CHECK_FALSE(std::get<coordinator::announce_complete>(after[0]).final_barrier);
  CHECK(std::get<coordinator::send_barrier>(after[1]).checkpoint == 6);
  CHECK(std::get<coordinator::send_barrier>(after[1]).final_barrier);
  SECTION("complete") {
    r.ack_all(6);
    CHECK(only<coordinator::announce_complete>(r.c.on_completed(6, 4s)).final_barrier);
    CHECK(r.c.stopped());
    r.c.on_activity();
    CHECK(r.c.on_tick(100s).empty());
    CHECK(r.c.request_now(100s).empty());
  }
  SECTION("closed: another final barrier at once") {
    REQUIRE(r.c.on_declined(6, task, "no", 4s).size() == 1);
    auto again = r.c.on_closed(6, false, 4s);
    REQUIRE(again.size() == 2);
    CHECK(std::get<coordinator::send_barrier>(again[1]).checkpoint == 7);
    CHECK(std::get<coordinator::send_barrier>(again[1]).final_barrier);
    CHECK_FALSE(r.c.stopped());
  }
}

TEST_CASE("finished participants stay part; ended only when all have finished") {
  running r;
  CHECK(r.c.on_ack(5, ack_of(source, 0, true), 2s).empty());
  CHECK(r.c.on_ack(5, ack_of(task, 0, true), 2s).empty());
  SECTION("one goes on") {
    CHECK_FALSE(only<coordinator::store_complete>(r.c.on_ack(5, ack_of(other), 2s)).ended);
    CHECK_FALSE(only<coordinator::announce_complete>(r.c.on_completed(5, 2s)).ended);
    r.c.on_activity();
    REQUIRE(r.c.on_tick(3s).size() == 1);
    CHECK(r.c.running()->missing.size() == 3);
  }
  SECTION("all finished") {
    CHECK(only<coordinator::store_complete>(r.c.on_ack(5, ack_of(other, 0, true), 2s)).ended);
    CHECK(only<coordinator::announce_complete>(r.c.on_completed(5, 2s)).ended);
    CHECK(r.c.stopped());
  }
}

TEST_CASE("a coordinator made anew between all acked and complete goes above what the store has") {
  running old;
  old.ack_all(5);
  // The question reached the store, the answer nobody. The next one begins above it and never hears of 5.
  coordinator next{options(), 6, all, 3s};
  CHECK(next.on_completed(5, 3s).empty());
  CHECK(next.on_ack(5, ack_of(source), 3s).empty());
  CHECK(next.on_closed(5, true, 3s).empty());
  CHECK(only<coordinator::send_barrier>(next.on_tick(4s)).checkpoint == 6);
}

TEST_CASE("a job without participants completes what it begins") {
  coordinator c{options(), 1, {}, 0s};
  auto began = c.on_tick(1s);
  REQUIRE(began.size() == 2);
  CHECK_FALSE(std::get<coordinator::store_complete>(began[1]).ended);
  CHECK_FALSE(std::get<coordinator::announce_complete>(c.on_completed(1, 1s).at(0)).ended);
}
