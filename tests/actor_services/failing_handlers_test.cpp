#include "tests/actor_services/service_task.hpp"

using namespace weir;
using namespace service_test;
using namespace std::chrono_literals;

namespace {

struct entry {
  std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(entry, (), (number))
struct sum {
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(sum, (), (total))
using sums = actor_service<std::string, sum>;

const request<std::string, entry, sum> sum_of{"sums", "sum"};

/// Adds up. A timer, set by 1, adds 100 and throws for key "a" as long as `broken`; 2 asks its own key, 3 another key of the
/// service, and both throw behind the answer while `broken`.
struct declared {
  bool broken = true;
  sums s{"sums"};
  publication<sum> out = s.publishes("out", topic<sum>{{"main", "out"}});
  std::vector<ask_errc> refused;

  declared() {
    s.on("in", topic<entry>{{"main", "in"}}, [this](const entry& e, sums::context& ctx) -> async<> {
      ctx.state().total += e.number;
      ctx.publish(out, ctx.state());
      if (e.number == 1)
        ctx.set_timer("late", 1s);
      if (e.number < 2)
        co_return;
      const auto whom = e.number == 2 ? ctx.key() : std::string("other");
      auto answer = co_await ctx.ask(sum_of, whom, entry{});
      if (!answer)
        refused.push_back(answer.err().code);
      if (broken)
        throw std::runtime_error("broken behind the answer");
    });
    s.on_timer([this](const std::string&, sums::context& ctx) {
      ctx.state().total += 100;
      ctx.publish(out, ctx.state());
      if (ctx.key() == "a" && broken)
        throw std::runtime_error("broken timer");
    });
    s.answers(sum_of, [](const entry&, sums::reader& ctx) { return ctx.state(); });
    s.on_failure({2, 10ms});
  }
  [[nodiscard]] job_plan plan() const {
    auto p = s.plan();
    REQUIRE(p.ok());
    return std::move(p).value();
  }
};

std::unique_ptr<batch<service_event>> events(const std::vector<std::pair<std::string, std::int64_t>>& all) {
  auto b = std::make_unique<batch<service_event>>();
  for (const auto& [key, n] : all)
    add_event(*b, 0, key, entry{n});
  return b;
}
std::string total(std::int64_t n) { return R"({"total":)" + std::to_string(n) + "}"; }
ask_outcome answered(std::int64_t n) { return ask_outcome(detail::to_bytes(sum{n})); }

std::int64_t sum_now(service_task& t, const std::string& key) {
  t.services.replies.clear();
  t.call([&](service_port& p) { return p.asked(99, make_ask(sum_of, key, entry{}, false)); });
  REQUIRE(t.services.replies.size() == 1);
  return read_answer<sum>(t.services.replies[0].second)->total;
}

std::vector<std::string> lines;
/// Keeps what is logged meanwhile.
struct logged {
  logged() {
    lines.clear();
    redirect_log([](std::string_view line) { lines.emplace_back(line); });
    configure_logging(log_level::warning, log_format::text);
  }
  ~logged() { redirect_log(nullptr); }
  logged(const logged&) = delete;
  logged& operator=(const logged&) = delete;
  [[nodiscard]] std::size_t with(const std::string& what) const {
    std::size_t n = 0;
    for (const auto& l : lines)
      n += l.find(what) != std::string::npos ? 1 : 0;
    return n;
  }
};

} // namespace

TEST_CASE("a handler that throws in a timer leaves no trace, is called again, and then parks its key while others go on") {
  logged log;
  declared d;
  service_task t(d.plan());
  t.give(events({{"a", 1}, {"b", 1}}));
  t.work();
  REQUIRE(t.elapse(1s));
  CHECK(t.published == std::vector<std::string>{total(1), total(1), total(101)}); // Of b.
  CHECK(sum_now(t, "a") == 1);
  CHECK(t.core->service()->parked().empty());
  REQUIRE(t.elapse(10ms));
  auto parked = t.core->service()->parked();
  REQUIRE(parked.size() == 1);
  CHECK(parked[0].key == "a");
  CHECK(parked[0].event == "timer 'late'");
  CHECK(parked[0].reason == "broken timer");
  CHECK(log.with("a key is parked") == 1);

  d.broken = false;
  t.call([&](service_port& p) -> result<> {
    WEIR_ASSIGN(auto released, p.release(parked[0].encoded_key, unpark::retry));
    CHECK(released);
    return success();
  });
  CHECK(sum_now(t, "a") == 101);
  CHECK(t.core->service()->parked().empty());
}

TEST_CASE("a handler that throws at stop is logged with its cause, and the stop goes on") {
  logged log;
  declared d;
  auto gone_on = false;
  d.s.on_stop([](const logger&) { throw std::runtime_error("the port is gone"); });
  d.s.on_stop([&](const logger&) { gone_on = true; });
  auto t = std::make_unique<service_task>(d.plan());
  CHECK(lines.empty());
  t.reset();
  CHECK(gone_on);
  CHECK(log.with("the stop handler of a service failed") == 1);
  CHECK(log.with("the port is gone") == 1);
  CHECK(log.with("sums") == 1);
}

TEST_CASE("a handler that throws behind an answer leaves no trace and asks again under the same id") {
  logged log;
  declared d;
  service_task t(d.plan());
  t.give(events({{"a", 3}}));
  t.work();
  REQUIRE(t.services.asks.size() == 1);
  const auto id = t.services.asks[0].second.id;
  t.answer(answered(5));
  CHECK(t.published.empty());
  CHECK(sum_now(t, "a") == 0);
  d.broken = false;
  REQUIRE(t.elapse(10ms));
  REQUIRE(t.services.asks.size() == 1);
  CHECK(t.services.asks[0].second.id == id);
  t.answer(answered(5));
  CHECK(t.published == std::vector<std::string>{total(3)});
}

TEST_CASE("an ask to itself is refused as a circle, one to another key of the service is answered") {
  declared d;
  d.broken = false;
  service_task t(d.plan());
  // The asks of one task come to itself, as they do when it owns the asked key.
  auto loop = [&t] {
    REQUIRE(t.services.asks.size() == 1);
    t.services.replies.clear();
    auto m = t.services.asks[0].second;
    t.call([&](service_port& p) { return p.asked(1, m); });
    REQUIRE(t.services.replies.size() == 1);
    t.answer(t.services.replies[0].second);
  };
  t.give(events({{"a", 2}}));
  t.work();
  loop();
  CHECK(d.refused == std::vector<ask_errc>{ask_errc::circle});
  t.give(events({{"a", 3}}));
  t.work();
  loop();
  CHECK(d.refused.size() == 1);
  CHECK(t.published == std::vector<std::string>{total(2), total(5)});
}

TEST_CASE("a reply that comes late, twice, or to a question that nobody asked goes nowhere") {
  declared d;
  d.broken = false;
  service_task t(d.plan());
  t.give(events({{"a", 3}}));
  t.work();
  REQUIRE(t.services.asks.size() == 1);
  const auto call = t.services.asks[0].first;
  t.answer(ask_error{ask_errc::timed_out, "no answer within 5000 ms"});
  CHECK(d.refused == std::vector<ask_errc>{ask_errc::timed_out});
  t.give(events({{"a", 3}}));
  t.work();
  t.call([&](service_port& p) { return p.answered(call, answered(7)); });
  t.call([&](service_port& p) { return p.answered(call + 1000, answered(7)); });
  CHECK(t.published == std::vector<std::string>{total(3)});
  CHECK(t.services.asks.size() == 1); // The second event still waits for its own.
  t.answer(answered(7));
  CHECK(t.published == std::vector<std::string>{total(3), total(6)});
  CHECK(d.refused.size() == 1);
}
