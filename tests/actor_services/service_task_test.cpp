#include "tests/actor_services/service_task.hpp"

using namespace weir;
using namespace service_test;
using namespace std::chrono_literals;

namespace {

struct step {
  std::int64_t number = 0;
  bool asks = false;
};
BOOST_DESCRIBE_STRUCT(step, (), (number, asks))
struct taken {
  std::int64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(taken, (), (sum))
using steps = actor_service<std::string, taken>;

const request<std::string, step, taken> sum_of{"a-service-of-a-long-name", "sum"};
const request<std::string, step, taken> other{"other", "sum"};

/// Publishes the number of each step; one that `asks` waits for an answer first.
steps make_steps(std::vector<std::string>* running = nullptr, const service_task* const* task = nullptr) {
  steps s{"a-service-of-a-long-name"};
  auto out = s.publishes("out", topic<taken>{{"main", "out"}});
  auto note = [running, task] {
    if (running != nullptr)
      running->push_back((*task)->services.running == nullptr ? "nothing" : *(*task)->services.running);
  };
  s.on("in", topic<step>{{"main", "in"}}, [=](const step& e, steps::context& ctx) -> async<> {
    note();
    if (e.asks)
      static_cast<void>(co_await ctx.ask(other, std::string("x"), step{}));
    note();
    ctx.state().sum += e.number;
    ctx.publish(out, taken{e.number});
  });
  s.answers(sum_of, [](const step&, steps::reader& ctx) { return ctx.state(); });
  return s;
}

job_plan plan_of(const steps& s) {
  auto p = s.plan();
  REQUIRE(p.ok());
  return std::move(p).value();
}

using given = std::vector<std::pair<std::string, step>>;
std::unique_ptr<batch<service_event>> events(const given& all) {
  auto b = std::make_unique<batch<service_event>>();
  for (const auto& [key, e] : all)
    add_event(*b, 0, key, e);
  return b;
}
ask_outcome answered() { return ask_outcome(detail::to_bytes(taken{1})); }
std::string number(std::int64_t n) { return R"({"sum":)" + std::to_string(n) + "}"; }

} // namespace

TEST_CASE("at the limit of awaiting handlers the task wants no time and begins nothing; an answer begins the next") {
  auto s = make_steps();
  std::vector<std::string> staged;
  {
    service_task t(plan_of(s));
    t.give(events({{"a", {1, true}}, {"b", {2, true}}, {"c", {3, true}}}));
    t.work();
    REQUIRE(t.services.asks.size() == 3);
    t.barrier(1);
    staged = t.host.deltas;
  }
  s.awaiting_handlers(1);
  service_task t(plan_of(s), 1 << 20, staged);
  CHECK(t.elapse(1ms));
  CHECK(t.services.asks.size() == 1);
  CHECK_FALSE(t.elapse(1h));
  t.answer(answered());
  CHECK(t.services.asks.size() == 1);
  t.answer(answered());
  t.answer(answered());
  CHECK(t.published.size() == 3);
  CHECK(t.services.asks.empty());
}

TEST_CASE("a stop handler's logger still carries the names of its task") {
  static std::string last;
  auto s = make_steps();
  s.on_stop([](const logger& log) {
    redirect_log([](std::string_view line) { last = line; });
    configure_logging(log_level::info, log_format::text);
    log.info("stopped");
    configure_logging(log_level::off, log_format::text);
    redirect_log(nullptr);
  });
  auto t = std::make_unique<service_task>(plan_of(s));
  t.reset();
  CHECK(last.find("a-service-of-a-long-name a-service-of-a-long-name") != std::string::npos);
}
