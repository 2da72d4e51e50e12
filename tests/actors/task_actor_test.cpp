#include "actors/task_actor.hpp"
#include <caf/scheduler/test_coordinator.hpp>
#include <functional>
#include <weir/services/actor_service.hpp>
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"
#include "tests/state/map_base.hpp"

using namespace std::chrono_literals;
namespace msg = weir::msg;

// The actor of an actor service's task under a scheduler that the test turns by hand.

namespace task_actor_test {

struct entry {
  std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(entry, (), (number))

using summing = weir::actor_service<std::string, entry>;
const weir::request<std::string, entry, entry> sum_of{"sums", "sum"};

/// Sums per key; a negative number sets a timer in an hour.
summing make_summing(const std::function<void()>& on_event) {
  summing s{"sums"};
  s.on("in", weir::topic<entry>{{"main", "in"}}, [&on_event](const entry& e, summing::context& ctx) {
    if (on_event)
      on_event();
    ctx.state().number += e.number;
    if (e.number < 0)
      ctx.set_timer("late", 1h);
  });
  s.on_timer([](const std::string&, summing::context&) {});
  s.answers(sum_of, [](const entry&, summing::reader& ctx) { return ctx.state(); });
  return s;
}

struct by_hand : caf::actor_system_config {
  by_hand() { set("scheduler.policy", caf::atom("testing")); }
};

/// The task, one input channel (1), and the test in the place of all others.
struct fixture {
  by_hand config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  caf::scoped_actor self{system};
  map_base base;
  std::function<void()> on_event; ///< Called in the handler.
  weir::job_plan plan = job_test::must(make_summing(on_event).plan());
  std::shared_ptr<weir::job_shared> shared = std::make_shared<weir::job_shared>();
  std::vector<std::string> topics{"in"};
  weir::participant_id who{"sums", 0};
  std::size_t vertex = 0;
  weir::task_meter meter;
  caf::actor task;

  /// Installed and told to go.
  fixture() : fixture(true) {
    install();
    self->send(task, msg::go{});
    scheduler.run();
  }
  /// Only spawned.
  explicit fixture(bool) {
    if (!std::getenv("WEIR_TEST_LOG"))
      weir::configure_logging(weir::log_level::off, weir::log_format::text);
    while (!plan.vertices[vertex].is_service)
      ++vertex;
    shared->lay_out(plan, std::vector<std::size_t>(plan.vertices.size(), 1));
    weir::task_options o;
    o.who = who;
    o.shared = shared;
    o.supervisor = o.coordinator = o.store = caf::actor_cast<caf::actor>(self);
    o.transport = &weir::memory_transport();
    o.meter = meter = shared->meter(vertex, 0);
    o.directory = std::make_shared<weir::service_directory>();
    task = system.spawn(weir::task_actor, o);
    scheduler.run();
  }
  void install() {
    auto p = std::make_shared<weir::task_core::parts>();
    p->who = who;
    p->inputs = {{1, 0}};
    p->output = std::make_unique<weir::output_router>([](const weir::out_channel&, std::vector<weir::frame>) {});
    weir::task_state_options s;
    s.last_key_group = 127;
    p->state = weir::make_task_state(s, base.reader());
    p->operators = plan.vertices[vertex].make_chain();
    p->context.job = "sums";
    p->context.last_key_group = 127;
    p->context.time = &weir::system_clock();
    p->context.source_topics = &topics;
    std::map<std::uint32_t, weir::upstream> inputs;
    inputs[1] = {caf::actor_cast<caf::actor>(self), nullptr};
    self->send(task,
               msg::install_task{
                   std::move(p), {}, 0, std::move(inputs), std::make_shared<std::vector<weir::command_appender::target>>()});
    scheduler.run();
  }
  ~fixture() {
    self->send_exit(task, caf::exit_reason::user_shutdown);
    scheduler.run();
  }

  /// One message with this many frames of this many events of one key.
  void send_frames(int n, int events, std::int64_t number) {
    std::vector<weir::frame> frames;
    while (n-- > 0) {
      auto rows = std::make_unique<weir::batch<weir::service_event>>();
      for (int i = 0; i < events; ++i)
        weir::add_event(*rows, {0, std::make_shared<const entry>(entry{number})}, weir::encoded_key(std::string("a")), {}, {});
      frames.emplace_back(weir::data_frame{std::move(rows)});
    }
    self->send(task, msg::frames{1, weir::memory_transport().wrap(std::move(frames), nullptr)});
  }
  using asking = decltype(msg::send_ask(std::declval<caf::blocking_actor*>(), caf::actor(), weir::duration{}, {}));
  /// Asks for the sum, as services and programs do.
  asking ask() {
    auto m = weir::make_ask(sum_of, std::string("a"), entry{}, false);
    m.id = "test";
    return msg::send_ask(&*self, task, 1h, std::move(m));
  }
  static std::int64_t answer_of(asking& a) {
    std::int64_t seen = -1;
    a.receive([&](msg::ask_reply& r) { seen = weir::read_answer<entry>(r.outcome)->number; },
              [](const caf::error&) { throw std::runtime_error("no answer"); });
    return seen;
  }
  /// Delayed messages that wait for their time.
  [[nodiscard]] std::size_t timers() { return scheduler.clock().schedule().size(); }
};

} // namespace task_actor_test
using namespace task_actor_test;

TEST_CASE("hints that there may be something to do do not multiply a task's timers") {
  fixture f;
  f.send_frames(1, 1, -1);
  f.scheduler.run();
  const auto timers = f.timers();
  CHECK(timers >= 1);
  for (int i = 0; i < 10; ++i) {
    f.self->send(f.task, msg::wake{});
    f.scheduler.run();
  }
  CHECK(f.timers() == timers);
  // One whose time the wall clock has not reached is scheduled again, once.
  f.scheduler.trigger_timeouts();
  f.scheduler.run();
  CHECK(f.timers() == 1);
}

TEST_CASE("a task does nothing before it is told to go, though frames come and it has timers to look at") {
  fixture f(false);
  f.install();
  f.send_frames(1, 1, -1);
  f.scheduler.run();
  CHECK(f.timers() == 0);
  CHECK(f.meter.figures().records_in == 0);
  f.self->send(f.task, msg::go{});
  f.scheduler.run();
  CHECK(f.timers() > 0);
  CHECK(f.meter.figures().records_in == 1);
}

TEST_CASE("a frame for a task that is not installed fails the job: it is never dropped") {
  fixture f(false);
  f.send_frames(1, 1, 1);
  f.scheduler.run();
  auto failed = false;
  f.self->receive(
      [&](const msg::failed& m) {
        failed = true;
        CHECK(m.cause.code == weir::errc::internal);
      },
      caf::others >> [](caf::message_view&) -> caf::result<caf::message> { return caf::message{}; }, caf::after(0s) >> [] {});
  CHECK(failed);
}

TEST_CASE("a question does not wait behind the messages with data that are under way to its task") {
  fixture f;
  constexpr int messages = 200;
  for (int i = 0; i < messages; ++i)
    f.send_frames(1, 1, 1);
  auto asked = f.ask();
  f.scheduler.run();
  auto seen = f.answer_of(asked);
  CHECK(seen >= 0);
  CHECK(seen < messages / 4);
}

TEST_CASE("a question waits for one frame at most of those that its task has already") {
  fixture f;
  constexpr int frames = 100, rows = 300;
  std::optional<fixture::asking> asked;
  f.on_event = [&] {
    if (!asked)
      asked.emplace(f.ask());
  };
  f.send_frames(frames, rows, 1);
  f.scheduler.run();
  REQUIRE(asked);
  CHECK(f.answer_of(*asked) == rows);
}
