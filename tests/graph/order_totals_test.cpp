#include "tests/catch.hpp"
#include "tests/graph/orders.hpp"

#include <weir/testing/local_run.hpp>

using namespace weir;
using namespace weir::testing;
using namespace orders_example;

TEST_CASE("the plan of order-totals is source, window, totals and late") {
  auto plan = make_order_totals().plan({.parallelism = 3});
  REQUIRE(plan.ok());
  REQUIRE(plan->vertices.size() == 4);
  CHECK(plan->vertices[0].name == "orders");
  CHECK(plan->vertices[0].kind == vertex_kind::source);
  CHECK(plan->vertices[0].operators.size() == 3);
  CHECK(plan->vertices[1].name == "per-minute");
  CHECK(plan->vertices[1].keyed);
  CHECK(plan->vertices[1].parallelism == 3);
  CHECK(plan->vertices[1].operators == std::vector<std::string>{"per-minute", "total"});
  CHECK(plan->vertices[2].name == "late");
  CHECK(plan->vertices[3].name == "totals");
  CHECK(plan->vertices[3].kind == vertex_kind::sink);
  CHECK(plan->vertices[3].parallelism == 3);
  REQUIRE(plan->edges.size() == 3);
  CHECK(plan->edges[0].route == routing::hash);
  CHECK(plan->edges[1].route == routing::forward);
  CHECK(plan->edges[2].route == routing::forward);
}

TEST_CASE("order-totals sums per customer and minute and sends late orders on as they came") {
  auto plan = make_order_totals().plan({.parallelism = 2});
  REQUIRE(plan.ok());
  local_run run(std::move(plan).value());
  REQUIRE(run.open().ok());
  auto feed = [&](const std::string& json) {
    auto fed = run.feed("orders", 0, {{std::string("k"), json, {{"trace", "1"}}, {}}});
    INFO((fed.ok() ? std::string() : fed.err().message));
    REQUIRE(fed.ok());
  };
  feed(order_json(1, "c-1", 100, "2026-01-01T00:00:03.250Z"));
  feed(order_json(2, "c-1", -30, "2026-01-01T00:00:59.999Z"));
  feed(order_json(3, "c-2", 0, "2026-01-01T00:00:10Z"));
  feed(order_json(4, "c-1", 7, "2026-01-01T00:01:00Z"));
  CHECK(run.written("totals").empty());
  feed(order_json(5, "c-1", 5, "2026-01-01T00:01:05Z"));
  REQUIRE(run.written("totals").size() == 2);
  auto late = order_json(6, "c-2", 1, "2026-01-01T00:00:59Z");
  feed(late);
  REQUIRE(run.written("late").size() == 1);
  CHECK(run.written("late")[0].key == "k");
  CHECK(run.written("late")[0].value == late);
  header_list expected{{"trace", "1"},
                       {"weir.origin.topic", "orders"},
                       {"weir.origin.partition", "0"},
                       {"weir.origin.offset", "5"},
                       {"weir.reason", "late"},
                       {"weir.operator", "per-minute"},
                       {"weir.watermark", "2026-01-01T00:00:59.999999Z"}};
  CHECK(run.written("late")[0].headers == expected);
  REQUIRE(run.end().ok());
  REQUIRE(run.written("totals").size() == 3);
  std::vector<std::string> values;
  for (const auto& r : run.written("totals"))
    values.push_back(*r.key + " " + *r.value + " " + to_string(r.time));
  std::sort(values.begin(), values.end());
  CHECK(
      values ==
      std::vector<std::string>{
          R"(c-1 {"customer":"c-1","window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T00:01:00Z","total_cents":70,"orders":2} 2026-01-01T00:00:59.999Z)",
          R"(c-1 {"customer":"c-1","window_start":"2026-01-01T00:01:00Z","window_end":"2026-01-01T00:02:00Z","total_cents":12,"orders":2} 2026-01-01T00:01:59.999Z)",
          R"(c-2 {"customer":"c-2","window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T00:01:00Z","total_cents":0,"orders":1} 2026-01-01T00:00:59.999Z)"});
  CHECK(run.state_entries() == 0);
}
