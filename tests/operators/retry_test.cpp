#include "tests/catch.hpp"

#include <weir/testing/local_run.hpp>
#include <weir/testing/operator_kit.hpp>
#include <weir/weir.hpp>

// Error policies of user code that throws: what they do with the record, and that a call that threw leaves no trace.

using namespace weir;
using namespace weir::testing;
using namespace std::chrono_literals;

namespace {

struct item {
  std::string k;
  std::int64_t v = 0; ///< Calls that throw before one does not; 100 or above: all of them.
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(item, (), (k, v, at))

input_record record_of(const std::string& k, std::int64_t v, int second) {
  std::string json;
  REQUIRE(encode_json(item{k, v, timestamp{second * 1'000'000}}, json).ok());
  return value_record(json);
}

/// Throws as often in a row as a row says. A copy of it counts for itself, as each task has its own.
class flaky {
 public:
  void operator()(const item& i) const {
    if (failed_ < i.v) {
      ++failed_;
      if (i.v >= 100)
        failed_ = 0;
      throw std::runtime_error("not yet");
    }
    failed_ = 0;
  }

 private:
  mutable std::int64_t failed_ = 0;
};

/// Changes everything it can before it throws. `never` is set by calls that throw only.
struct leaving_traces : process_function<std::string, item, std::string> {
  value_state<std::int64_t> total{*this, "total"};
  value_state<std::int64_t> never{*this, "never"};
  flaky may_throw;

  void process(const item& i, context& ctx) {
    auto before = total.get(ctx);
    total.set(ctx, before + 1);
    ctx.emit("total " + std::to_string(before + 1) + (never.find(ctx) ? " never" : ""));
    ctx.side(output_tag<std::string>{"side"}, ctx.key());
    if (i.v > 0) {
      never.set(ctx, 1);
      total.clear(ctx);
      total.set(ctx, before + 1);
      ctx.set_timer(i.at + 1s);
      ctx.erase_timer(i.at + 10s);
      ctx.set_processing_timer(ctx.clock().now() + 1s);
    }
    may_throw(i);
    if (i.v > 0) {
      never.clear(ctx);
      ctx.erase_timer(i.at + 1s);
      ctx.erase_processing_timer(ctx.clock().now() + 1s);
    }
    ctx.set_timer(i.at + 10s);
  }
  void on_timer(timestamp t, context& ctx) {
    ctx.emit((ctx.is_processing_time() ? "wall " : "timer ") + std::to_string(t.us / 1'000'000) + " " +
             std::to_string(total.get(ctx)));
  }
};

/// One job with user code in every kind of operator; which of them throws is said by `where`.
job make_job(const std::string& where, const on_error& policy) {
  job j{"retry"};
  auto throws_in = [where](const char* here) {
    return [may_throw = flaky{}, on = where == here](const item& i) {
      if (on)
        may_throw(i);
    };
  };
  auto in = j.source("in", topic<item>{{"main", "in"}})
                .event_time(
                    [f = throws_in("event_time")](const item& i) {
                      f(i);
                      return i.at;
                    },
                    bounded_out_of_orderness{0s})
                .on_error(policy);
  auto rows = in.map("map",
                     [f = throws_in("map")](const item& i) {
                       f(i);
                       return i;
                     })
                  .on_error(policy)
                  .filter("filter",
                          [f = throws_in("filter")](const item& i) {
                            f(i);
                            return true;
                          })
                  .on_error(policy)
                  .flat_map("flat_map",
                            [f = throws_in("flat_map")](const item& i, collector<item>& to) {
                              to.emit(i);
                              f(i);
                              to.emit(i);
                            })
                  .on_error(policy);
  in.key_by(&item::k)
      .window("window", tumbling{1min})
      .aggregate(sum([f = throws_in("window")](const item& i) {
                   f(i);
                   return std::int64_t{1};
                 }),
                 count())
      .on_error(policy)
      .map("text", [](const auto& w) { return w.key + std::to_string(w.template get<0>()); })
      .sink("windows", topic<std::string>{{"main", "windows"}});
  rows.sink("out", topic<item>{{"main", "out"}}, weir::key([f = throws_in("sink")](const item& i) {
              f(i);
              return i.k;
            }),
            {.errors = policy});
  return j;
}

std::vector<kit_step> some_rows() {
  return {{"in",
           0,
           {record_of("a", 0, 0), record_of("a", 2, 1), record_of("b", 1, 2), record_of("a", 0, 3), record_of("b", 3, 4),
            record_of("b", 0, 5)}}};
}

const char* const places[] = {"map", "filter", "flat_map", "event_time", "window", "sink"};

} // namespace

TEST_CASE("what user code of any operator refuses at first is as if it never had, with and without a pause") {
  auto expected = run_kit(make_job("nowhere", on_error::fail), some_rows(), {.expect_blocking = false});
  REQUIRE(expected.problem == "");
  REQUIRE(expected.output["out"].size() == 12);
  REQUIRE(expected.output.count("(error)") == 0);
  for (const auto* where : places)
    for (auto pause : {duration{0}, duration{50ms}}) {
      INFO(where << ", pause " << pause.count() << " us");
      auto report = run_kit(make_job(where, on_error::retry(4, pause)), some_rows(), {.expect_blocking = false});
      CHECK(report.problem == "");
      CHECK(report.output == expected.output);
    }
}

TEST_CASE("what user code refuses to the last attempt goes by the policy behind the retry, in every operator") {
  auto steps = some_rows();
  steps[0].records.push_back(record_of("a", 100, 6));
  steps[0].records.push_back(record_of("b", 1, 7));
  auto without = some_rows();
  without[0].records.push_back(record_of("b", 1, 7));
  auto rest = run_kit(make_job("nowhere", on_error::fail), without, {.expect_blocking = false});
  for (const auto* where : places)
    for (auto pause : {duration{0}, duration{50ms}}) {
      INFO(where << ", pause " << pause.count() << " us");
      const auto in_the_end = [&](const on_error& then) {
        return run_kit(make_job(where, on_error::retry(4, pause, then)), steps, {.expect_blocking = false});
      };
      auto sound = [&](const kit_output& o, const char* sink) {
        // What the window refuses is a row of the other output all the same.
        auto kept = o.at(sink).size() - rest.output.at(sink).size();
        CHECK(kept == ((std::string(where) == "window" && std::string(sink) == "out") ? 2 : 0));
      };
      auto skipped = in_the_end(on_error::skip);
      CHECK(skipped.problem == "");
      sound(skipped.output, "out");
      auto letters = in_the_end(on_error::dead_letter({"main", "dead"}));
      CHECK(letters.problem == "");
      sound(letters.output, "out");
      const auto& dead = letters.output["dead-letters.dead"];
      auto twice = std::string(where) == "sink";
      REQUIRE(dead.size() == (twice ? 2u : 1u));
      CHECK(dead[0].find("weir.origin.offset=6 weir.reason=user-code") != std::string::npos);
      CHECK(dead[0].find("weir.error=not yet") != std::string::npos);
      auto failed = in_the_end(on_error::fail);
      REQUIRE(failed.output["(error)"].size() == 1);
      CHECK(failed.output["(error)"][0].find("offset 6: not yet") != std::string::npos);
    }
}

TEST_CASE("a process function's call that throws leaves no state, no timer and no output, whatever the policy") {
  auto run = [](const on_error& policy, std::vector<input_record> records) {
    job j{"traces"};
    auto made = j.source("in", topic<item>{{"main", "in"}})
                    .event_time(&item::at, bounded_out_of_orderness{0s})
                    .key_by(&item::k)
                    .process("traces", leaving_traces{})
                    .on_error(policy);
    made.sink("out", topic<std::string>{{"main", "out"}});
    made.side(output_tag<std::string>{"side"}).sink("side", topic<std::string>{{"main", "side"}});
    return run_kit(j, {{"in", 0, std::move(records)}, {"", 0, {}, 1min}}, {.expect_blocking = false});
  };
  const std::vector<input_record> good{record_of("a", 0, 0), record_of("a", 0, 2), record_of("b", 0, 3)};
  const std::vector<input_record> late{record_of("a", 0, 0), record_of("a", 2, 2), record_of("b", 3, 3)};
  const std::vector<input_record> bad{record_of("a", 0, 0),   record_of("a", 100, 1), record_of("a", 0, 2),
                                      record_of("b", 100, 2), record_of("b", 0, 3),   record_of("c", 100, 4)};
  auto expected = run(on_error::fail, good);
  REQUIRE(expected.problem == "");
  REQUIRE(expected.output.count("(error)") == 0);
  for (auto pause : {duration{0}, duration{20ms}}) {
    INFO("pause " << pause.count() << " us");
    auto retried = run(on_error::retry(4, pause), late);
    CHECK(retried.problem == "");
    CHECK(retried.output == expected.output);
    auto skipped = run(on_error::retry(3, pause, on_error::skip), bad);
    CHECK(skipped.problem == "");
    CHECK(skipped.output == expected.output);
  }
  auto skipped = run(on_error::skip, bad);
  CHECK(skipped.problem == "");
  CHECK(skipped.output == expected.output);
  auto letters = run(on_error::dead_letter({"main", "dead"}), bad);
  CHECK(letters.problem == "");
  CHECK(letters.output["out"] == expected.output["out"]);
  CHECK(letters.output["dead-letters.dead"].size() == 3);
}

TEST_CASE("retries are counted and paced") {
  auto plan = make_job("map", on_error::retry(4, 50ms)).plan({.parallelism = 1});
  INFO((plan.ok() ? std::string() : plan.err().message));
  REQUIRE(plan.ok());
  local_run run(std::move(plan).value());
  REQUIRE(run.open().ok());
  auto before = run.time().now();
  REQUIRE(run.feed("in", 0, some_rows()[0].records).ok());
  CHECK(run.counter("map.retries") == 6);
  CHECK(run.time().now() - before == duration{300ms});
}

TEST_CASE("what does not parse or is too large is not tried again") {
  job j{"no-retry"};
  j.source("in", topic<item>{{"main", "in"}}, {.errors = on_error::retry(5, 1s, on_error::skip)})
      .map([](const item& i) { return std::string(static_cast<std::size_t>(i.v), 'x'); })
      .sink("out", topic<std::string>{{"main", "out"}}, {.errors = on_error::retry(5, 1s, on_error::skip)});
  auto plan = j.plan({.parallelism = 1});
  INFO((plan.ok() ? std::string() : plan.err().message));
  REQUIRE(plan.ok());
  local_options o;
  o.max_record_bytes = {{"out", 10}};
  local_run run(std::move(plan).value(), o);
  REQUIRE(run.open().ok());
  auto before = run.time().now();
  REQUIRE(run.feed("in", 0, {record_of("a", 5, 0), value_record("{no json"), record_of("a", 50, 1)}).ok());
  CHECK(run.written("out").size() == 1);
  CHECK(run.counter("in.skipped") == 1);
  CHECK(run.counter("out.skipped") == 1);
  CHECK(run.time().now() == before);
}

TEST_CASE("a retry without attempts, or that would hold a task up for minutes, is refused by name") {
  auto problem = [](const on_error& policy) {
    auto found = make_job("nowhere", policy).check();
    return found.empty() ? std::string() : found[0].message;
  };
  CHECK(problem(on_error::retry(61, 1s)) == "");
  CHECK(problem(on_error::retry(0)).find("at least one attempt") != std::string::npos);
  CHECK(problem(on_error::retry(62, 1s)).find("one minute") != std::string::npos);
  CHECK(problem(on_error::retry(2, duration{-1})).find("one minute") != std::string::npos);
}
