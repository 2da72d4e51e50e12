#include <caf/scoped_actor.hpp>
#include "actors/coordinator_actor.hpp"
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"

using namespace job_test;
using weir::errc;
namespace msg = weir::msg;

// The coordinator's actor between a reader, a task, a store, a publisher and a supervisor that are the test.

namespace coordinator_test {

const weir::participant_id reader_id{"source:in", 0};
const weir::participant_id task_id{"out", 0};

struct fixture {
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor reader{system}, task{system}, store{system}, publisher{system}, supervisor{system};
  std::shared_ptr<weir::job_shared> shared = std::make_shared<weir::job_shared>();
  caf::actor coordinator;

  explicit fixture(weir::duration timeout = 1h, unsigned tolerated = 1000, weir::duration interval = 1ms,
                   std::shared_ptr<weir::memory_gate> gate = nullptr) {
    if (!std::getenv("WEIR_TEST_LOG"))
      weir::configure_logging(weir::log_level::off, weir::log_format::text);
    weir::coordinator_options o;
    o.timing.interval = interval;
    o.timing.timeout = timeout;
    o.timing.tolerated_failures = tolerated;
    o.participants = {reader_id, task_id};
    o.shared = shared;
    o.supervisor = caf::actor_cast<caf::actor>(supervisor);
    o.store = caf::actor_cast<caf::actor>(store);
    o.incarnation = 4;
    o.gate = std::move(gate);
    coordinator = system.spawn(weir::coordinator_actor, o);
    weir::checkpoint_audience audience;
    audience.readers = {caf::actor_cast<caf::actor>(reader)};
    audience.tasks = {caf::actor_cast<caf::actor>(task)};
    audience.publisher = caf::actor_cast<caf::actor>(publisher);
    send(std::move(audience));
  }
  ~fixture() { supervisor->send_exit(coordinator, caf::exit_reason::user_shutdown); }

  template <class M>
  void send(M m) {
    store->send(coordinator, std::move(m));
  }
  /// The next message of an actor of the test, which must be of this kind.
  template <class M>
  M next(caf::scoped_actor& of) {
    std::optional<M> got;
    of->receive([&](M& m) { got = std::move(m); },
                caf::after(patience) >> [&] { throw std::runtime_error("the message does not come"); });
    return std::move(*got);
  }
  /// Whether the coordinator has nothing more to say to it, now that it has done all it was told.
  bool silent(caf::scoped_actor& of) {
    store->request(coordinator, caf::infinite, msg::wake{})
        .receive([] {}, [](const caf::error&) { throw std::runtime_error("the coordinator is gone"); });
    auto nothing = false;
    of->receive(
        caf::others >> [](caf::message_view&) -> caf::result<caf::message> { return caf::message{}; },
        caf::after(0s) >> [&] { nothing = true; });
    return nothing;
  }
  void acknowledge(std::uint64_t k, bool reader_finished, bool task_finished) {
    weir::reader_snapshot at;
    at.next_offset = 42;
    send(msg::acknowledge{k, {reader_id, weir::encode(at), 0, 0, reader_finished}});
    send(msg::acknowledge{k, {task_id, "", 3, 2, task_finished}});
  }
  /// The store takes checkpoint k.
  weir::checkpoint_manifest complete(std::uint64_t k) {
    auto m = next<msg::store_complete>(store).manifest;
    CHECK(m.number == k);
    send(msg::store_completed{k, weir::success()});
    CHECK(next<msg::complete>(publisher).checkpoint == k);
    return m;
  }
};

} // namespace coordinator_test
using namespace coordinator_test;

TEST_CASE("a checkpoint behind the end of all inputs is the last: the supervisor hears it once and no barrier follows") {
  // Asked to drain never, while that checkpoint runs, or behind it: the supervisor asks when the tasks say that they ended.
  auto asked = GENERATE(0, 1, 2);
  CAPTURE(asked);
  fixture f;
  CHECK(f.next<msg::barrier>(f.reader).checkpoint == 1);
  f.acknowledge(1, true, true);
  if (asked == 1)
    f.send(msg::drain{});
  auto manifest = f.complete(1);
  CHECK(manifest.ended);
  CHECK(manifest.incarnation == 4);
  CHECK(manifest.contributions.size() == 2);
  auto drained = f.next<msg::drained>(f.supervisor);
  CHECK(drained.checkpoint == 1);
  CHECK(drained.ended);
  if (asked == 2)
    f.send(msg::drain{});
  f.shared->activity = true;
  CHECK(f.silent(f.reader));
  CHECK(f.silent(f.supervisor));
}

TEST_CASE("while one participant has not finished checkpoints go on, and a drain ends them without the inputs having ended") {
  fixture f;
  f.next<msg::barrier>(f.reader);
  f.acknowledge(1, true, false);
  CHECK_FALSE(f.complete(1).ended);
  f.shared->activity = true;
  auto second = f.next<msg::barrier>(f.reader);
  CHECK(second.checkpoint == 2);
  CHECK_FALSE(second.final_barrier);
  f.acknowledge(2, true, false);
  f.send(msg::drain{});
  f.complete(2);
  auto last = f.next<msg::barrier>(f.reader);
  CHECK(last.checkpoint == 3);
  CHECK(last.final_barrier);
  CHECK(f.silent(f.supervisor));
  f.acknowledge(3, true, false);
  CHECK_FALSE(f.complete(3).ended);
  auto drained = f.next<msg::drained>(f.supervisor);
  CHECK(drained.checkpoint == 3);
  CHECK_FALSE(drained.ended);
}

TEST_CASE("the publisher is told the offsets of the readers with the checkpoint, and of nobody else") {
  fixture f;
  f.next<msg::barrier>(f.reader);
  f.acknowledge(1, false, false);
  f.next<msg::store_complete>(f.store);
  f.send(msg::store_completed{1, weir::success()});
  auto complete = f.next<msg::complete>(f.publisher);
  REQUIRE(complete.positions);
  CHECK(*complete.positions == msg::source_positions{{"in", {{0, 42}}}});
  CHECK(f.silent(f.task));
}

TEST_CASE("an attempt that is closed is counted with its reason, the tasks hear of it, and one too many fails the job") {
  fixture f(1ms, 1);
  for (std::uint64_t k = 1; k <= 2; ++k) {
    CHECK(f.next<msg::barrier>(f.reader).checkpoint == k);
    CHECK(f.next<msg::store_close>(f.store).checkpoint == k);
    f.send(msg::store_closed{k, false});
    CHECK(f.next<msg::closed>(f.task).checkpoint == k);
    auto status = f.shared->status();
    CHECK(status.checkpoints_closed == k);
    CHECK(status.closed_why.find("checkpoint " + std::to_string(k) + " timed out: 2 participants") != std::string::npos);
  }
  auto failed = f.next<msg::failed>(f.supervisor);
  CHECK(failed.where == "checkpoint coordinator");
  CHECK(failed.cause.code == errc::unavailable);
  CHECK(f.silent(f.reader));
}

TEST_CASE("an attempt that the store had completed before the close counts as complete") {
  fixture f(1ms);
  f.next<msg::barrier>(f.reader);
  CHECK(f.next<msg::store_close>(f.store).checkpoint == 1);
  f.send(msg::store_closed{1, true});
  CHECK(f.next<msg::complete>(f.publisher).checkpoint == 1);
  CHECK(f.shared->status().checkpoints_closed == 0);
  CHECK(f.silent(f.supervisor));
}

TEST_CASE("while the memory gate is closed checkpoints follow each other without the interval and without anything read") {
  // Closed by what was restored, before the coordinator begins, or later by a task that says so.
  auto before = GENERATE(true, false);
  CAPTURE(before);
  auto gate = std::make_shared<weir::memory_gate>(100, 50);
  if (before)
    gate->report(0, 200);
  fixture f(1h, 1000, 1h, gate);
  if (!before) {
    CHECK(f.silent(f.reader));
    gate->report(0, 200);
    f.send(msg::hurry{});
  }
  for (std::uint64_t k = 1; k <= 3; ++k) {
    CHECK(f.next<msg::barrier>(f.reader).checkpoint == k);
    f.acknowledge(k, false, false);
    f.complete(k);
  }
  CHECK(f.next<msg::barrier>(f.reader).checkpoint == 4);
  gate->report(200, 0);
  f.acknowledge(4, false, false);
  f.complete(4);
  // One more may have been asked for while the gate was closed.
  if (!f.silent(f.reader)) {
    f.acknowledge(5, false, false);
    f.complete(5);
  }
  CHECK(f.silent(f.reader));
}
