#include "tests/catch.hpp"
#include "tests/graph/orders.hpp"

#include <set>
#include <weir/testing/local_run.hpp>

using namespace weir;
using namespace orders_example;
using namespace std::chrono_literals;

namespace through_test {

const topic<order> in{{"main", "orders"}};
const topic<order> by_customer{{"main", "orders.by-customer"}};

struct number_orders : process_function<std::string, order, std::string> {
  value_state<std::int64_t> seen{*this, "seen"};
  void process(const order& o, context& ctx) {
    auto n = seen.get(ctx) + 1;
    seen.set(ctx, n);
    ctx.emit(o.customer + "#" + std::to_string(n) + ":" + std::to_string(o.amount_cents));
  }
};

job numbered(bool through) {
  job j{"numbered"};
  auto keyed = j.source("orders", in).key_by(&order::customer);
  if (through)
    keyed.through("by-customer", by_customer)
        .key_by(&order::customer)
        .process("number", number_orders{})
        .sink("out", topic<std::string>{{"main", "out"}});
  else
    keyed.process("number", number_orders{}).sink("out", topic<std::string>{{"main", "out"}});
  return j;
}

std::string line(int i) {
  return order_json(i, "c" + std::to_string(i % 7), i,
                    "2026-01-01T00:00:" + std::string(i < 10 ? "0" : "") + std::to_string(i) + "Z");
}

std::multiset<std::string> results(const testing::local_run& run) {
  std::multiset<std::string> all;
  for (const auto& r : run.written("out"))
    all.insert(r.value.value_or(""));
  return all;
}

std::multiset<std::string> run(bool through, int parallelism, bool restart) {
  plan_options o;
  o.parallelism = parallelism;
  auto plan = numbered(through).plan(o);
  REQUIRE(plan.ok());
  testing::local_run local(*plan, {.partitions = 3});
  REQUIRE(local.open().ok());
  for (int i = 0; i < 60; ++i) {
    // One partition: the order per key is that of the input.
    REQUIRE(local.feed("orders", 0, {testing::value_record(line(i))}).ok());
    if (restart && i % 20 == 7)
      REQUIRE(local.restart().ok());
  }
  return results(local);
}

bool names(const std::vector<error>& errors, const std::string& text) {
  return std::any_of(errors.begin(), errors.end(), [&](auto& e) { return e.message.find(text) != std::string::npos; });
}

} // namespace through_test
using namespace through_test;

TEST_CASE("what goes through a topic by key is counted as if it had not, in order per key") {
  const auto expected = run(false, 1, false);
  REQUIRE(expected.size() == 60);
  REQUIRE(expected.contains("c3#2:10"));
  for (int parallelism : {1, 2, 3})
    for (bool restart : {false, true}) {
      CAPTURE(parallelism, restart);
      CHECK(run(true, parallelism, restart) == expected);
    }
}

TEST_CASE("event time is said again behind through, by the topic's time stamp or a field, and windows close by it") {
  job j{"windows"};
  j.source("orders", in)
      .event_time(&order::at, bounded_out_of_orderness{0s})
      .key_by(&order::customer)
      .through("by-customer", by_customer)
      .event_time(bounded_out_of_orderness{1s})
      .key_by(&order::customer)
      .window("per-20s", tumbling{20s})
      .aggregate(count())
      .map([](const auto& w) {
        return w.key + "@" + std::to_string(w.start.us / 1'000'000 % 60) + "=" + std::to_string(w.template get<0>());
      })
      .sink("out", topic<std::string>{{"main", "out"}});
  auto plan = j.plan();
  REQUIRE(plan.ok());
  testing::local_run local(*plan);
  REQUIRE(local.open().ok());
  for (int i = 0; i < 42; ++i)
    REQUIRE(local.feed("orders", 0, {testing::value_record(line(i))}).ok());
  // 41 s less a second of disorder: the windows that end at 20 s and at 40 s.
  CHECK(local.written("out").size() == 14);
  CHECK(results(local).contains("c0@0=3"));
  REQUIRE(local.end().ok());
  CHECK(local.written("out").size() == 16);
}

TEST_CASE("a window behind through needs event time of its own") {
  job j{"untimed"};
  j.source("orders", in)
      .event_time(&order::at, bounded_out_of_orderness{0s})
      .key_by(&order::customer)
      .through("by-customer", by_customer)
      .key_by(&order::customer)
      .window("w", tumbling{1min})
      .aggregate(count())
      .map([](const auto& w) { return w.key; })
      .sink("out", topic<std::string>{{"main", "out"}});
  CHECK(names(j.check(), "operator 'w': windows need event time"));
}

TEST_CASE("through is refused with a bounded source, without partitions, with a topic or under a name that is taken") {
  source_options bounded;
  bounded.bounded = true;
  job j{"bounded"};
  auto keyed = j.source("orders", in, bounded).key_by(&order::customer);
  keyed.through("by-customer", by_customer).sink("out", in);
  CHECK(j.check().size() == 1);
  CHECK(names(j.check(), "operator 'by-customer': through() has no end"));

  job two{"shared"};
  auto rows = two.source("orders", in);
  rows.key_by(&order::customer).through("by-customer", by_customer).sink("out", in);
  rows.sink("copy", by_customer);
  CHECK(two.check().size() == 1);
  CHECK(names(two.check(), "operator 'copy': topic 'orders.by-customer' belongs to through() 'by-customer'"));

  job k{"wrong"};
  k.source("orders", in).key_by(&order::customer).through("orders", by_customer, {.partitions = 0}).sink("out", in);
  CHECK(k.check().size() == 2);
  CHECK(names(k.check(), "operator 'orders': through() needs at least one partition"));
  CHECK(names(k.check(), "operator 'orders': two operators have this name"));
}
