#include <algorithm>
#include <atomic>
#include <thread>
#include <weir/services/actor_service.hpp>
#include "tests/actors/job_checks.hpp"
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"

using namespace job_test;
using weir::job_phase;

namespace service_test {

struct event {
  std::string key;
  std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(event, (), (key, number))
struct total {
  std::int64_t sum = 0, events = 0;
};
BOOST_DESCRIBE_STRUCT(total, (), (sum, events))
struct question {
  std::int64_t add = 0;
};
BOOST_DESCRIBE_STRUCT(question, (), (add))

using counter = weir::actor_service<std::string, total>;

const weir::request<std::string, question, total> total_of{"counter", "total"};
const weir::request<std::string, question, total> add_to{"counter", "add"};
const weir::request<std::string, question, total> relayed{"relay", "relayed"};
const weir::request<std::string, question, total> circle{"relay", "circle"};

std::string json(const std::string& key, std::int64_t number) {
  return R"({"key":")" + key + R"(","number":)" + std::to_string(number) + "}";
}

/// Sums per key; 13 throws as long as `broken`; 99 never returns until `release`.
counter make_counter(std::atomic<bool>* broken = nullptr, std::atomic<bool>* release = nullptr) {
  counter c{"counter"};
  auto out = c.publishes("sums", weir::topic<total>{{"main", "sums"}});
  auto add = [out](std::int64_t n, counter::context& ctx) {
    ctx.state().sum += n;
    ++ctx.state().events;
    ctx.publish(out, ctx.state());
  };
  c.on("in", weir::topic<event>{{"main", "in"}}, &event::key, [=](const event& e, counter::context& ctx) {
    add(e.number, ctx);
    if (e.number == 13 && broken != nullptr && *broken)
      throw std::runtime_error("unlucky");
    while (e.number == 99 && release != nullptr && !*release)
      std::this_thread::yield();
  });
  auto commands = c.commands("commands", weir::topic<question>{{"main", "counter.commands"}},
                             [=](const question& q, counter::context& ctx) { add(q.add, ctx); });
  c.answers(total_of, [](const question&, counter::reader& ctx) { return ctx.state(); });
  c.answers(add_to, [commands](const question& q, counter::reader& ctx) {
    ctx.append(commands, q);
    return ctx.state();
  });
  c.on_failure({2, 1ms});
  return c;
}

/// Awaits the counter's answer for each event; asks on.
counter make_relay() {
  counter r{"relay"};
  auto out = r.publishes("relayed", weir::topic<total>{{"main", "relayed"}});
  r.on("events", weir::topic<event>{{"main", "asked"}}, &event::key,
       [out](const event& e, counter::context& ctx) -> weir::async<> {
         auto answer = co_await ctx.ask(total_of, e.key, question{});
         ctx.state().sum = answer ? answer->sum : -static_cast<std::int64_t>(answer.err().code);
         ctx.publish(out, ctx.state());
       });
  r.answers(relayed, [](const question& q, counter::reader& ctx) -> weir::async<total> {
    auto answer = co_await ctx.ask(total_of, ctx.key(), q);
    if (!answer)
      throw std::runtime_error(answer.err().message);
    co_return *answer;
  });
  r.answers(circle, [](const question& q, counter::reader& ctx) -> weir::async<total> {
    auto answer = co_await ctx.ask(circle, ctx.key(), q);
    co_return total{answer ? 0 : static_cast<std::int64_t>(answer.err().code), 0};
  });
  return r;
}

/// Services in one runtime, by name.
class services {
 public:
  services(world& w, std::vector<counter> all, const layout& l = {},
           decltype(weir::runtime_options::ask_elsewhere) elsewhere = {}) {
    std::vector<weir::job_spec> specs;
    for (auto& c : all) {
      auto s = w.empty_spec(l);
      weir::plan_options o;
      o.parallelism = l.parallelism;
      s.plan = must(c.plan(o));
      specs.push_back(std::move(s));
    }
    runtime_ = must(weir::start_runtime({2, std::move(elsewhere)}, std::move(specs)));
  }
  weir::runtime* operator->() { return runtime_.get(); }
  bool until(const std::function<bool()>& condition) {
    auto end = weir::system_clock().monotonic() + patience;
    while (weir::system_clock().monotonic() < end) {
      if (condition())
        return true;
      (void)runtime_->wait(2ms);
    }
    return false;
  }
  bool all_running() {
    return until([this] {
      for (auto& s : runtime_->status())
        if (s.phase != job_phase::running)
          return false;
      return true;
    });
  }
  std::vector<weir::job_end> stop() {
    runtime_->request_stop();
    return runtime_->wait(patience);
  }

 private:
  std::unique_ptr<weir::runtime> runtime_;
};

std::int64_t sum_of(services& s, const std::string& key) {
  auto a = s->ask(total_of, key, question{});
  return a ? a->sum : -static_cast<std::int64_t>(a.err().code);
}

bool is_stuck(services& s) {
  auto operators = s->status()[0].operators;
  return std::any_of(operators.begin(), operators.end(), [](const auto& o) { return !o.stuck.empty(); });
}

} // namespace service_test
using namespace service_test;

TEST_CASE("an actor service keeps its state over a stop, whatever its layout, and every event counts once") {
  for (const auto& l : layouts()) {
    INFO(text(l));
    world w;
    w.topic("in", 2);
    for (int i = 0; i < 300; ++i)
      w.put("in", i % 2, {json("k" + std::to_string(i % 7), 1)});
    {
      services s(w, {make_counter()}, l);
      REQUIRE(s.until([&] { return w.size("sums") == 300; }));
      CHECK(sum_of(s, "k0") == 43);
      auto ends = s.stop();
      REQUIRE(ends.size() == 1);
      CHECK(ends[0].phase == job_phase::stopped);
    }
    w.put("in", 0, {json("k0", 100)});
    services s(w, {make_counter()}, l);
    REQUIRE(s.until([&] { return w.size("sums") == 301; }));
    CHECK(sum_of(s, "k0") == 143);
    s.stop();
  }
}

TEST_CASE("a service that publishes nothing keeps its state and answers") {
  world w;
  w.topic("in");
  w.put("in", 0, {json("a", 5), json("a", 6)});
  auto silent = [] {
    counter c{"counter"};
    c.on("in", weir::topic<event>{{"main", "in"}}, &event::key,
         [](const event& e, counter::context& ctx) { ctx.state().sum += e.number; });
    c.answers(total_of, [](const question&, counter::reader& ctx) { return ctx.state(); });
    return c;
  };
  for (int start = 0; start < 2; ++start) {
    services s(w, {silent()});
    REQUIRE(s.until([&] { return sum_of(s, "a") == 11; }));
    CHECK(s.stop()[0].phase == job_phase::stopped);
  }
}

TEST_CASE("asks between services: answered, to nobody, through another, in a circle") {
  world w;
  w.topic("in");
  w.topic("asked");
  w.put("in", 0, {json("a", 5)});
  services s(w, {make_counter(), make_relay()}, {2, true, true});
  REQUIRE(s.all_running());
  REQUIRE(s.until([&] { return w.size("sums") == 1; }));
  w.put("asked", 0, {json("a", 0), json("b", 0)});
  REQUIRE(s.until([&] { return w.size("relayed") == 2; }));
  CHECK(w.values("relayed") == std::vector<std::string>{R"({"sum":0,"events":0})", R"({"sum":5,"events":0})"});
  CHECK(s->ask(relayed, std::string("a"), question{})->sum == 5);
  CHECK(s->ask(circle, std::string("a"), question{})->sum == static_cast<int>(weir::ask_errc::circle));
  CHECK(s->ask(total_of.at("nobody"), std::string("a"), question{}).err().code == weir::ask_errc::no_service);
  s.stop();
}

TEST_CASE("asks of services of another runtime go where they are told to, and may outlive who asked") {
  world w, other;
  w.topic("asked");
  other.topic("in");
  other.put("in", 0, {json("a", 5)});
  std::atomic<bool> release = true;
  services owner(other, {make_counter(nullptr, &release)});
  REQUIRE(owner.all_running());
  REQUIRE(owner.until([&] { return other.size("sums") == 1; }));
  std::atomic<int> passed_on = 0;
  {
    services asker(w, {make_relay()}, {2, true, true},
                   [&](weir::ask_message m, weir::duration timeout, std::function<void(weir::ask_outcome)> done) {
                     ++passed_on;
                     owner->ask(std::move(m), timeout, std::move(done));
                   });
    REQUIRE(asker.all_running());
    w.put("asked", 0, {json("a", 0), json("b", 0)});
    REQUIRE(asker.until([&] { return w.size("relayed") == 2; }));
    CHECK(w.values("relayed") == std::vector<std::string>{R"({"sum":0,"events":0})", R"({"sum":5,"events":0})"});
    CHECK(passed_on == 2);
    CHECK(asker->ask(relayed, std::string("a"), question{})->sum == 5);
    // Of the runtime itself: what is not there is not looked for elsewhere.
    CHECK(asker->ask(total_of, std::string("a"), question{}).err().code == weir::ask_errc::no_service);
    release = false;
    other.put("in", 0, {json("a", 99)});
    REQUIRE(owner.until([&] { return is_stuck(owner); }));
    w.put("asked", 0, {json("a", 0)});
    REQUIRE(asker.until([&] { return passed_on == 4; }));
  }
  release = true;
  REQUIRE(owner.until([&] { return sum_of(owner, "a") == 104; }));
  owner.stop();
}

TEST_CASE("a command is in the topic before its answer, counts once, and a durable answer outlives the process") {
  world w;
  w.topic("in");
  {
    services s(w, {make_counter()});
    REQUIRE(s.all_running());
    weir::ask_options durable;
    durable.timeout = patience;
    REQUIRE(s->ask(add_to, std::string("a"), question{3}, durable).ok());
    CHECK(w.size("counter.commands") == 1);
    REQUIRE(s.until([&] { return sum_of(s, "a") == 3; }));
    s.stop();
  }
  services s(w, {make_counter()});
  REQUIRE(s.until([&] { return sum_of(s, "a") == 3; }));
  s.stop();
}

TEST_CASE("an ask after its time-out is an error, and the late reply goes nowhere") {
  world w;
  w.topic("in");
  std::atomic<bool> release = false;
  services s(w, {make_counter(nullptr, &release)});
  REQUIRE(s.all_running());
  w.put("in", 0, {json("a", 99)});
  REQUIRE(s.until([&] { return is_stuck(s); }));
  auto late = s->ask(total_of, std::string("a"), question{}, {50ms, false});
  CHECK(late.err().code == weir::ask_errc::timed_out);
  release = true;
  REQUIRE(s.until([&] { return sum_of(s, "a") == 99; }));
  s.stop();
}

TEST_CASE("a handler that never returns is shown by name, and another service goes on") {
  world w;
  w.topic("in");
  w.topic("asked");
  std::atomic<bool> release = false;
  services s(w, {make_counter(nullptr, &release), make_relay()});
  REQUIRE(s.all_running());
  w.put("in", 0, {json("a", 99)});
  std::string stuck;
  REQUIRE(s.until([&] {
    auto operators = s->status()[0].operators;
    for (auto& o : operators)
      if (!o.stuck.empty())
        stuck = o.stuck;
    return !stuck.empty();
  }));
  INFO(stuck);
  CHECK(stuck.find("handler 'in'") != std::string::npos);
  w.put("asked", 0, {json("b", 0)});
  // The answer times out; the relay's own handler ends by its rule and its job completes checkpoints meanwhile.
  auto before = s->status()[1].checkpoint;
  REQUIRE(s.until([&] { return s->status()[1].checkpoint > before; }));
  release = true;
  REQUIRE(s.until([&] { return w.size("relayed") == 1; }));
  s.stop();
}

TEST_CASE("a parked key is in the status, stays over a restart of the process, and goes on when it is released") {
  world w;
  w.topic("in");
  std::atomic<bool> broken = true;
  w.put("in", 0, {json("a", 1), json("a", 13), json("a", 2), json("b", 4)});
  {
    services s(w, {make_counter(&broken)});
    REQUIRE(s.until([&] { return s->status()[0].parked.size() == 1 && s->status()[0].parked[0].waiting == 2; }));
    CHECK(sum_of(s, "a") == 1);
    CHECK(sum_of(s, "b") == 4);
    CHECK(s.stop()[0].phase == job_phase::stopped);
  }
  services s(w, {make_counter(&broken)});
  REQUIRE(s.until([&] { return s->status()[0].parked.size() == 1; }));
  auto p = s->status()[0].parked[0];
  CHECK(p.service == "counter");
  CHECK(p.reason.find("unlucky") != std::string::npos);
  broken = false;
  CHECK(s->release("counter", p.encoded_key, weir::unpark::retry));
  REQUIRE(s.until([&] { return sum_of(s, "a") == 16; }));
  REQUIRE(s.until([&] { return s->status()[0].parked.empty(); }));
  CHECK_FALSE(s->release("counter", p.encoded_key, weir::unpark::retry));
  s.stop();
}
