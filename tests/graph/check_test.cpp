#include "tests/catch.hpp"
#include "tests/graph/orders.hpp"

#include <weir/testing/local_run.hpp>

using namespace weir;
using namespace orders_example;
using namespace std::chrono_literals;

namespace {
bool names(const std::vector<error>& errors, const std::string& text) {
  for (const auto& e : errors)
    if (e.message.find(text) != std::string::npos)
      return true;
  return false;
}
const topic<order> in{{"main", "orders"}};
} // namespace

TEST_CASE("every error of a graph is reported at once, naming the operator") {
  job j{"bad name"};
  auto s = j.source("orders", topic<order>{{"", "orders"}});
  auto keyed = s.key_by(&order::customer);
  keyed.window("per minute", tumbling{1min}).aggregate(count());
  keyed.window("unfinished", tumbling{1min});
  keyed.window("gaps", sliding{1min, 2min}).aggregate(count());
  s.filter("orders", [](const order&) { return true; }).parallelism(0).sink("", in);
  auto errors = j.check();
  CHECK(names(errors, "job 'bad name'"));
  CHECK(names(errors, "operator 'orders': its topic names no connection"));
  CHECK(names(errors, "operator 'orders': two operators have this name"));
  CHECK(names(errors, "operator 'per minute': a name is"));
  CHECK(names(errors, "operator 'unfinished': its windows have no aggregate"));
  CHECK(names(errors, "operator 'gaps': the slide is longer"));
  CHECK(names(errors, "operator 'gaps': windows need event time"));
  CHECK(names(errors, "operator 'orders': parallelism must be at least 1"));
  CHECK(names(errors, "a sink of job 'bad name' has no name"));
  auto plan = j.plan();
  REQUIRE(!plan.ok());
  CHECK(plan.err().code == errc::invalid_graph);
  CHECK(std::count(plan.err().message.begin(), plan.err().message.end(), '\n') + 1 == static_cast<long>(errors.size()));
}

TEST_CASE("event time belongs in front of key_by and only once") {
  job j{"time"};
  auto timed = j.source("orders", in).event_time(&order::at, bounded_out_of_orderness{1s});
  timed.event_time(&order::at, bounded_out_of_orderness{1s}).sink("a", in);
  timed.map([](const order& o) { return o; }).parallelism(2).event_time(&order::at, bounded_out_of_orderness{1s}).sink("b", in);
  auto errors = j.check();
  CHECK(errors.size() == 2);
  CHECK(names(errors, "has event time already"));
  CHECK(names(errors, "must come before key_by"));
}

TEST_CASE("an alignment group needs a name and a drift above zero, and belongs to the source in the plan") {
  auto errors_with = [](align with) {
    job j{"aligned"};
    j.source("orders", in).event_time(&order::at, bounded_out_of_orderness{1s}, {}, std::move(with)).sink("a", in);
    return j.check();
  };
  CHECK(errors_with({"g", 1s}).empty());
  CHECK(names(errors_with({"", 1s}), "group of align has no valid name"));
  CHECK(names(errors_with({"two words", 1s}), "group of align has no valid name"));
  CHECK(names(errors_with({"g", 0s}), "max_drift of align must be above zero"));
  job j{"aligned"};
  auto timed = j.source("orders", in)
                   .filter([](const order&) { return true; })
                   .event_time(&order::at, bounded_out_of_orderness{1s}, idle_after{1s}, align{.group = "g", .max_drift = 1min});
  j.source("free", in).event_time(bounded_out_of_orderness{1s}).union_with(timed).sink("a", in);
  auto plan = j.plan();
  REQUIRE(plan);
  for (const auto& v : plan->vertices) {
    if (v.kind != vertex_kind::source)
      continue;
    REQUIRE(v.source.alignment.has_value() == (v.name == "orders"));
    if (v.source.alignment) {
      CHECK(v.source.alignment->group == "g");
      CHECK(v.source.alignment->max_drift == 1min);
    }
  }
}

TEST_CASE("a changed window size or key type changes a line of the fingerprint that names the operator") {
  auto fingerprint = [](duration size) {
    job j{"f"};
    j.source("orders", in)
        .event_time(&order::at, bounded_out_of_orderness{1s})
        .key_by(&order::customer)
        .window("per-minute", tumbling{size})
        .aggregate(sum(&order::amount_cents))
        .map([](const auto& w) { return w.key; })
        .sink("out", topic<std::string>{{"main", "out"}});
    return j.plan()->fingerprint;
  };
  CHECK(fingerprint(1min) ==
        "job f max_parallelism=128\n"
        "operator per-minute window tumbling 1m key=string state=sum:i64\n"
        "source orders connection=main topic=orders\n");
  CHECK(fingerprint(2min) != fingerprint(1min));
}

TEST_CASE("without chaining every operator but those bound to the source or a key is a vertex") {
  auto plan = make_order_totals().plan({.parallelism = 2, .chaining = false});
  REQUIRE(plan.ok());
  std::vector<std::string> vertices;
  for (const auto& v : plan->vertices)
    vertices.push_back(v.name);
  CHECK(vertices == std::vector<std::string>{"orders", "per-minute", "late", "total", "totals"});
  for (const auto& e : plan->edges)
    CHECK(e.from < e.to);
}
