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

TEST_CASE("an answer lets its key's events go on only as far as there is credit, and the rest when it comes back") {
  service_task t(plan_of(make_steps()), 1);
  t.give(events({{"a", {1, true}}, {"b", {2}}, {"a", {3}}, {"a", {4}}, {"a", {5}}}));
  t.work();
  CHECK(t.published == std::vector<std::string>{number(2)}); // What was free is used up.
  t.give(events({{"c", {6}}}));
  t.answer(answered());
  CHECK(t.published == std::vector<std::string>{number(2), number(1)});
  // A question finds no credit either, and is no reason to go on.
  t.call([](service_port& p) { return p.asked(1, make_ask(sum_of, std::string("a"), step{}, false)); });
  REQUIRE(t.services.replies.size() == 1);
  CHECK(read_answer<taken>(t.services.replies[0].second)->sum == 1);
  CHECK(t.published.size() == 2);
  t.core->add_credit(0, 1 << 20);
  t.work();
  CHECK(t.published == std::vector<std::string>{number(2), number(1), number(3), number(4), number(5), number(6)});
}

TEST_CASE("events behind a key that wait for credit go on with it, not by the clock") {
  service_task t(plan_of(make_steps()), 1);
  t.give(events({{"a", {1, true}}, {"b", {2}}, {"a", {3}}, {"a", {4}}}));
  t.work();
  t.answer(answered());
  CHECK(t.published.size() == 2);
  CHECK_FALSE(t.elapse(1h));
  t.core->add_credit(0, 1 << 20);
  t.work();
  CHECK(t.published.size() == 4);
}

TEST_CASE("the input is not over before what waited behind a key for credit is handled") {
  service_task t(plan_of(make_steps()), 1);
  t.give(events({{"a", {1, true}}, {"b", {2}}, {"a", {3}}, {"a", {4}}}));
  t.work();
  t.end();
  CHECK(t.host.ended == 0);
  t.answer(answered());
  CHECK(t.host.ended == 0);
  CHECK(t.published.size() == 2);
  t.core->add_credit(0, 1 << 20);
  t.work();
  CHECK(t.published == std::vector<std::string>{number(2), number(1), number(3), number(4)});
  CHECK(t.host.ended == 1);
}

TEST_CASE("rows that wait for credit do not go on by a call from beside the channels") {
  service_task t(plan_of(make_steps()), 1);
  auto many = std::make_unique<batch<service_event>>();
  for (int i = 0; i < 3000; ++i)
    add_event(*many, 0, "k" + std::to_string(i), step{i});
  t.give(std::move(many));
  t.work();
  const auto before = t.published.size();
  REQUIRE(before < 3000);
  for (std::uint64_t i = 0; i < 10; ++i)
    t.call([i](service_port& p) { return p.asked(i, make_ask(sum_of, std::string("k0"), step{}, false)); });
  CHECK(t.services.replies.size() == 10);
  CHECK(t.published.size() == before);
  t.core->add_credit(0, 1 << 20);
  t.work();
  CHECK(t.published.size() == 3000);
}

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

TEST_CASE("timers wait while handlers await at the limit, and do not begin without credit") {
  steps s{"timed"};
  auto out = s.publishes("out", topic<taken>{{"main", "out"}});
  s.on("in", topic<step>{{"main", "in"}}, [=](const step& e, steps::context& ctx) -> async<> {
    if (e.asks)
      static_cast<void>(co_await ctx.ask(other, std::string("x"), step{}));
    else
      ctx.set_timer("t", 1s);
    ctx.publish(out, taken{e.number});
  });
  s.on_timer([=](const std::string&, steps::context& ctx) -> async<> {
    static_cast<void>(co_await ctx.ask(other, std::string("x"), step{}));
    ctx.publish(out, taken{100});
  });
  s.awaiting_handlers(1);
  SECTION("at the limit") {
    service_task t(plan_of(s));
    t.give(events({{"a", {1}}, {"b", {2, true}}}));
    t.work();
    REQUIRE(t.services.asks.size() == 1);
    t.elapse(2s);
    CHECK(t.services.asks.size() == 1);
    t.answer(answered());
    CHECK(t.services.asks.size() == 1); // The timer's.
    t.answer(answered());
    CHECK(t.published == std::vector<std::string>{number(1), number(2), number(100)});
  }
  SECTION("without credit") {
    service_task t(plan_of(s), 1);
    t.give(events({{"a", {1}}}));
    t.work();
    REQUIRE(t.published.size() == 1);
    t.elapse(2s);
    CHECK(t.services.asks.empty());
    t.core->add_credit(0, 1 << 20);
    t.work();
    CHECK(t.services.asks.size() == 1);
  }
}

TEST_CASE("the handler at hand is known by name, also when it goes on with an answer") {
  std::vector<std::string> running;
  const service_task* self = nullptr;
  service_task t(plan_of(make_steps(&running, &self)));
  self = &t;
  t.give(events({{"a", {1, true}}}));
  t.work();
  CHECK(t.services.running == nullptr);
  t.answer(answered());
  CHECK(running == std::vector<std::string>{"in", "in"});
  CHECK(t.services.running == nullptr);
}

TEST_CASE("durable questions count as open until their checkpoint is complete") {
  auto s = make_steps();
  s.awaiting_handlers(2);
  service_task t(plan_of(s));
  auto ask = [&t](std::uint64_t token) {
    t.call([token](service_port& p) { return p.asked(token, make_ask(sum_of, std::string("a"), step{}, true)); });
  };
  ask(1);
  t.barrier(1);
  ask(2);
  CHECK(t.services.replies.empty());
  ask(3);
  REQUIRE(t.services.replies.size() == 1);
  CHECK(t.services.replies[0].first == 3);
  CHECK(t.services.replies[0].second.err().code == ask_errc::unavailable);
  t.core->on_complete(1);
  REQUIRE(t.services.replies.size() == 2);
  CHECK(t.services.replies[1].first == 1);
  CHECK(t.services.replies[1].second.ok());
  ask(4);
  CHECK(t.services.replies.size() == 2);
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
