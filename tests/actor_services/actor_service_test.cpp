#include <limits>
#include <weir/services/actor_service.hpp>
#include <weir/testing/local_run.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::testing;
using namespace std::chrono_literals;

namespace {

struct deposit {
  std::string account;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(deposit, (), (account, cents))
struct account_state {
  std::int64_t balance = 0;
  std::int64_t events = 0;
};
BOOST_DESCRIBE_STRUCT(account_state, (), (balance, events))
struct booked {
  std::string account;
  std::int64_t balance = 0;
};
BOOST_DESCRIBE_STRUCT(booked, (), (account, balance))
struct nothing {
  bool really = true;
};
BOOST_DESCRIBE_STRUCT(nothing, (), (really))
struct level {
  std::int64_t balance = 0;
};
BOOST_DESCRIBE_STRUCT(level, (), (balance))

struct measured {
  double value = 0;
};
BOOST_DESCRIBE_STRUCT(measured, (), (value))

const request<std::string, nothing, level> balance_of{"bank", "balance"};
const request<std::string, deposit, level> pay_in{"bank", "pay-in"};
const request<std::string, nothing, level> limit_of{"limits", "limit"};

using bank = actor_service<std::string, account_state>;

input_record event(const std::string& account, std::int64_t cents) {
  return value_record(R"({"account":")" + account + R"(","cents":)" + std::to_string(cents) + "}", timestamp{1'000'000});
}

/// Books deposits; a deposit of 13 throws as long as `broken`.
struct world {
  explicit world(local_options o = {}, bool asks = false) : options(std::move(o)) {
    auto out = b.publishes("booked", topic<booked>{{"main", "booked"}});
    if (asks) {
      b.on("deposits", topic<deposit>{{"main", "deposits"}}, &deposit::account,
           [out, this](const deposit& d, bank::context& ctx) -> async<> {
             ++started[d.account];
             auto limit = co_await ctx.ask(limit_of, d.account, nothing{});
             if (!limit)
               throw std::runtime_error(limit.err().message);
             if (d.cents <= limit->balance)
               ctx.state().balance += d.cents;
             ctx.publish(out, booked{d.account, ctx.peek().balance});
           });
    } else {
      b.on("deposits", topic<deposit>{{"main", "deposits"}}, &deposit::account,
           [out, this](const deposit& d, bank::context& ctx) {
             auto& s = ctx.state();
             s.balance += d.cents;
             ++s.events;
             ctx.publish(out, booked{d.account, s.balance});
             if (d.cents == 1000)
               ctx.set_timer("bonus", 10s);
             if (d.cents == 1001)
               ctx.cancel_timer("bonus");
             if (d.cents == 1002)
               ctx.set_timer("other", 10s);
             if (d.cents == 1003)
               ctx.set_timer("bonus", 20s);
             if (d.cents == 13 && broken)
               throw std::runtime_error("unlucky");
           });
    }
    commands = b.commands("commands", topic<deposit>{{"main", "bank.commands"}}, [out](const deposit& d, bank::context& ctx) {
      ctx.state().balance += d.cents;
      ctx.publish(out, booked{ctx.key(), ctx.state().balance});
    });
    b.on_timer([out](const std::string& name, bank::context& ctx) {
      ctx.state().balance += 7;
      ctx.publish(out, booked{ctx.key() + "/" + name, ctx.state().balance});
    });
    b.answers(balance_of, [](const nothing& q, bank::reader& ctx) {
      if (!q.really)
        throw std::runtime_error("not really");
      return level{ctx.state().balance};
    });
    b.answers(pay_in, [this](const deposit& d, bank::reader& ctx) {
      ctx.append(*commands, d);
      return level{ctx.state().balance};
    });
    b.on_failure({2, 1s});
  }
  local_run& start() {
    plan_options p;
    p.parallelism = 2;
    auto planned = b.plan(p);
    INFO((planned ? "" : planned.err().message));
    REQUIRE(planned.ok());
    run.emplace(*planned, options);
    REQUIRE(run->open().ok());
    return *run;
  }
  std::vector<std::string> written() const {
    std::vector<std::string> all;
    for (const auto& r : run->written("booked"))
      all.push_back(r.key.value_or("?") + "=" + r.value.value_or("?"));
    return all;
  }
  local_options options;
  bank b{"bank"};
  std::optional<command_topic<deposit>> commands;
  bool broken = true;
  std::map<std::string, int> started;
  std::optional<local_run> run;
};

local_options encoded() {
  local_options o;
  o.encode_channels = true;
  return o;
}

} // namespace

TEST_CASE("events change the state of their key in order and publish under it, on both transports") {
  for (bool encode : {false, true}) {
    local_options o;
    o.encode_channels = encode;
    world w(o);
    auto& run = w.start();
    REQUIRE(run.feed("deposits", 0, {event("a", 5), event("b", 1), event("a", 6)}).ok());
    REQUIRE(run.restart().ok());
    REQUIRE(run.feed("deposits", 0, {event("a", 7)}).ok());
    auto all = w.written();
    std::sort(all.begin(), all.end());
    CHECK(all == std::vector<std::string>{R"(a={"account":"a","balance":11})", R"(a={"account":"a","balance":18})",
                                          R"(a={"account":"a","balance":5})", R"(b={"account":"b","balance":1})"});
  }
}

TEST_CASE("a question reads the state; one of another form, of no name, or that throws is told so") {
  world w;
  auto& run = w.start();
  REQUIRE(run.feed("deposits", 0, {event("a", 5)}).ok());
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 5);
  CHECK(run.ask(balance_of, std::string("new"), nothing{})->balance == 0);
  CHECK(run.ask(balance_of, std::string("a"), nothing{false}).err().code == ask_errc::failed);
  const request<std::string, nothing, level> other{"bank", "other"};
  CHECK(run.ask(other, std::string("a"), nothing{}).err().code == ask_errc::no_question);
  const request<std::string, deposit, level> form{"bank", "balance"};
  CHECK(run.ask(form, std::string("a"), deposit{}).err().code == ask_errc::incompatible);
  auto m = make_ask(balance_of, std::string("a"), nothing{}, false);
  m.payload = "\xff\xff";
  CHECK((*run.ask(m)).err().code == ask_errc::incompatible);
}

TEST_CASE("a handler that throws leaves no trace, is called again, and then parks its key while others go on") {
  world w;
  auto& run = w.start();
  REQUIRE(run.feed("deposits", 0, {event("a", 1), event("a", 13), event("a", 2), event("b", 3)}).ok());
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 1);
  CHECK(run.ask(balance_of, std::string("b"), nothing{})->balance == 3);
  CHECK(run.parked().empty());
  REQUIRE(run.elapse(2s).ok());
  REQUIRE(run.parked().size() == 1);
  auto p = run.parked().front();
  CHECK(p.key == "a");
  CHECK(p.reason.find("unlucky") != std::string::npos);
  CHECK(p.event == "deposits at deposits/0/1");
  CHECK(p.waiting == 2);
  CHECK(run.counter("bank.handler_failures") == 2);

  SECTION("it stays parked over a restart, and what waits keeps its order") {
    REQUIRE(run.restart().ok());
    REQUIRE(run.feed("deposits", 0, {event("a", 4)}).ok());
    REQUIRE(run.parked().size() == 1);
    CHECK(run.parked().front().waiting == 3);
    CHECK(run.parked().front().reason == p.reason);
    w.broken = false;
    REQUIRE(*run.release(p.encoded_key, unpark::retry));
    CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 1 + 13 + 2 + 4);
    CHECK(run.parked().empty());
  }
  SECTION("skipping drops the failed event alone") {
    REQUIRE(*run.release(p.encoded_key, unpark::skip));
    CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 3);
    CHECK_FALSE(*run.release(p.encoded_key, unpark::skip));
  }
  SECTION("one that fails again is parked again") {
    REQUIRE(*run.release(p.encoded_key, unpark::retry));
    REQUIRE(run.elapse(2s).ok());
    CHECK(run.parked().size() == 1);
  }
}

TEST_CASE("more events behind one key than the limit fail the service with a message") {
  world w;
  w.b.waiting_events(2);
  auto& run = w.start();
  auto r = run.feed("deposits", 0, {event("a", 13), event("a", 1), event("a", 2)});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::too_large);
  CHECK(r.err().message.find("key a") != std::string::npos);
}

TEST_CASE("while a handler awaits, its key waits and others go on; what a restart interrupts runs again from the start") {
  auto o = encoded();
  o.hold_answers = true;
  o.answer = [](const ask_message& m) {
    CHECK(m.service == "limits");
    CHECK(m.chain.size() == 1);
    CHECK(m.chain[0].service == "bank");
    return ask_outcome(detail::to_bytes(level{100}));
  };
  world w(o, true);
  auto& run = w.start();
  REQUIRE(run.feed("deposits", 0, {event("a", 5), event("a", 500), event("b", 6)}).ok());
  CHECK(run.open_asks() == 2);
  CHECK(w.written().empty());
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 0);

  SECTION("answers end the handlers, in the order of each key") {
    REQUIRE(run.answer_asks().ok());
    CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 5);
    CHECK(w.started["a"] == 2);
    CHECK(w.written().size() == 3);
  }
  SECTION("a restart runs them again") {
    REQUIRE(run.restart().ok());
    REQUIRE(run.elapse(1ms).ok());
    CHECK(w.started["a"] == 2);
    REQUIRE(run.answer_asks().ok());
    CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 5);
    CHECK(run.ask(balance_of, std::string("b"), nothing{})->balance == 6);
    CHECK(w.written().size() == 3);
  }
}

TEST_CASE("the same ask of the same event has the same id after a restart") {
  local_options o;
  o.hold_answers = true;
  std::vector<std::string> ids;
  o.answer = [&ids](const ask_message& m) {
    ids.push_back(m.id);
    return ask_outcome(ask_error{ask_errc::unavailable, "later"});
  };
  world w(o, true);
  auto& run = w.start();
  REQUIRE(run.feed("deposits", 0, {event("a", 5)}).ok());
  REQUIRE(run.answer_asks().ok());
  REQUIRE(run.restart().ok());
  REQUIRE(run.elapse(1ms).ok());
  REQUIRE(run.answer_asks().ok());
  REQUIRE(ids.size() == 2);
  CHECK(ids[0] == ids[1]);
  CHECK(ids[0] == "bank/deposits/0/0#0");
}

TEST_CASE("an ask that would come back to a waiting key is refused as a circle") {
  world w;
  auto& run = w.start();
  auto m = make_ask(balance_of, std::string("a"), nothing{}, false);
  m.chain = {{"bank", encoded_key(std::string("a"))}, {"limits", "x"}};
  auto outcome = run.ask(m);
  REQUIRE(outcome.ok());
  CHECK(outcome->err().code == ask_errc::circle);
  m.chain = {{"bank", encoded_key(std::string("b"))}};
  CHECK((*run.ask(m)).ok());
}

TEST_CASE("a command that a question appends comes back as an event, once per id") {
  world w;
  auto& run = w.start();
  auto m = make_ask(pay_in, std::string("a"), deposit{"a", 9}, false);
  m.id = "one";
  REQUIRE((*run.ask(m)).ok());
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 9);
  REQUIRE((*run.ask(m)).ok());
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 9);
  REQUIRE(run.restart().ok());
  REQUIRE((*run.ask(m)).ok());
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 9);
  m.id = "two";
  REQUIRE((*run.ask(m)).ok());
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 18);
}

TEST_CASE("a timer fires by its name, survives a restart, and one that is cancelled does not") {
  world w;
  auto& run = w.start();
  REQUIRE(run.feed("deposits", 0, {event("a", 1000), event("b", 1000), event("b", 1001)}).ok());
  REQUIRE(run.restart().ok());
  REQUIRE(run.elapse(9s).ok());
  CHECK(w.written().size() == 3);
  REQUIRE(run.elapse(2s).ok());
  CHECK(w.written().size() == 4);
  CHECK(run.ask(balance_of, std::string("a"), nothing{})->balance == 1007);
  CHECK(run.ask(balance_of, std::string("b"), nothing{})->balance == 2001);
}

TEST_CASE("timers of a key at one time fire each by its name, and one that is set again fires at its new time only") {
  world w;
  auto& run = w.start();
  REQUIRE(
      run.feed("deposits", 0, {event("a", 1000), event("a", 1002), event("b", 1000), event("b", 1003), event("aa", 1002)}).ok());
  REQUIRE(run.restart().ok());
  REQUIRE(run.elapse(11s).ok());
  auto fired = w.written();
  fired.erase(fired.begin(), fired.begin() + 5);
  std::sort(fired.begin(), fired.end());
  REQUIRE(fired.size() == 3);
  CHECK(fired[0].find("a/bonus") != std::string::npos);
  CHECK(fired[1].find("a/other") != std::string::npos);
  CHECK(fired[2].find("aa/other") != std::string::npos);
  CHECK(run.ask(balance_of, std::string("b"), nothing{})->balance == 2003);
  REQUIRE(run.elapse(10s).ok());
  CHECK(run.ask(balance_of, std::string("b"), nothing{})->balance == 2010);
  REQUIRE(run.elapse(100s).ok());
  CHECK(w.written().size() == 9);
}

TEST_CASE("a durable answer is given when its checkpoint is complete") {
  world w;
  auto& run = w.start();
  auto m = make_ask(balance_of, std::string("a"), nothing{}, true);
  auto early = run.ask(m);
  REQUIRE(early.ok());
  CHECK(early->err().code == ask_errc::timed_out);
  run.checkpoint(1);
}

TEST_CASE("a start handler that throws fails the service by name") {
  world w;
  w.b.on_start([](const logger&) { throw std::runtime_error("no licence"); });
  local_run run(*w.b.plan({}), {});
  auto r = run.open();
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::user_code_failed);
  CHECK(r.err().message.find("no licence") != std::string::npos);
}

TEST_CASE("a service that subscribes to nothing, or answers a question twice, is refused before it starts") {
  bank none{"bank"};
  CHECK_FALSE(none.plan().ok());
  world w;
  w.b.answers(balance_of, [](const nothing&, bank::reader&) { return level{}; });
  auto planned = w.b.plan();
  REQUIRE_FALSE(planned.ok());
  CHECK(planned.err().message.find("answered twice") != std::string::npos);
}

TEST_CASE("a publication's own headers and time see the record; a publish that throws adds nothing, and the handler may go on") {
  actor_service<std::string, account_state> s{"bank"};
  sink_options<raw_record> options;
  options.headers = [](const raw_record& r) { return header_list{{"of", r.key}, {"size", std::to_string(r.value->size())}}; };
  options.time = [](const raw_record&, timestamp t) { return timestamp{t.us + 1}; };
  auto out = s.publishes("out", topic<measured>{{"main", "out"}}, options);
  s.on("in", topic<deposit>{{"main", "in"}}, &deposit::account, [out](const deposit& d, bank::context& ctx) {
    CHECK_THROWS_AS(ctx.publish(out, "other", measured{std::numeric_limits<double>::quiet_NaN()}), std::invalid_argument);
    ctx.publish(out, measured{static_cast<double>(d.cents)});
    ctx.publish(out, "other", measured{0.5});
  });
  local_run run(*s.plan(), encoded());
  REQUIRE(run.open().ok());
  REQUIRE(run.feed("in", 0, {event("a", 2)}).ok());
  const auto& written = run.written("out");
  REQUIRE(written.size() == 2);
  CHECK(written[0].key == "a");
  CHECK(written[0].value->starts_with(R"({"value":2)"));
  CHECK(written[0].headers.at(0).second == "a");
  CHECK(written[0].headers.at(1).second == std::to_string(written[0].value->size()));
  CHECK(written[0].time == timestamp{1'000'001});
  CHECK(written[1].key == "other");
  CHECK(written[1].headers.at(0).second == "other");
}
