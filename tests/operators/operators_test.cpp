#include "tests/catch.hpp"

#include <weir/testing/operator_kit.hpp>
#include <weir/weir.hpp>

using namespace weir;
using namespace weir::testing;
using namespace std::chrono_literals;

namespace {

struct item {
  std::string k;
  std::int64_t v = 0;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(item, (), (k, v, at))

const output_tag<std::string> big{"big"};

/// Counts per key, says so 10 s of event time after the key's last record, and once by the wall clock.
struct counter_function : process_function<std::string, item, std::string> {
  value_state<std::int64_t> total{*this, "total"};
  value_state<timestamp> due{*this, "due"};

  void process(const item& i, context& ctx) {
    if (i.v == 13)
      throw std::runtime_error("thirteen");
    ctx.emit(ctx.key() + "+" + std::to_string(i.v));
    if (i.v == 14)
      throw std::runtime_error("fourteen");
    if (i.v > 100)
      ctx.side(big, ctx.key() + " is big");
    total.set(ctx, total.get(ctx) + i.v);
    if (auto old = due.find(ctx))
      ctx.erase_timer(*old);
    due.set(ctx, i.at + 10s);
    ctx.set_timer(i.at + 10s);
    ctx.set_processing_timer(ctx.clock().now() + 1min);
    ++ctx.counter("seen");
  }
  void on_timer(timestamp t, context& ctx) {
    if (ctx.is_processing_time())
      return ctx.emit(ctx.key() + " wall " + std::to_string(total.get(ctx)));
    ctx.emit(ctx.key() + "=" + std::to_string(total.get(ctx)) + "@" + std::to_string(t.us / 1000000));
    total.clear(ctx);
    due.clear(ctx);
  }
};

input_record record_of(const std::string& k, std::int64_t v, int second) {
  std::string json;
  REQUIRE(encode_json(item{k, v, timestamp{second * 1'000'000}}, json).ok());
  return value_record(json);
}

stream<item> items(job& j, source_options options = {}) {
  return j.source("in", topic<item>{{"main", "in"}}, options).event_time(&item::at, bounded_out_of_orderness{0s});
}

std::vector<std::string> values(const std::vector<std::string>& rows) {
  std::vector<std::string> out;
  for (const auto& r : rows) {
    auto begin = r.find(" | ") + 3;
    out.push_back(r.substr(begin, r.rfind(" @") - begin));
  }
  return out;
}

} // namespace

TEST_CASE("a process function's state, timers and side outputs survive every way of driving it") {
  job j{"process"};
  auto counted = items(j).key_by(&item::k).process("counts", counter_function{});
  counted.sink("out", topic<std::string>{{"main", "out"}});
  counted.side(big).sink("big", topic<std::string>{{"main", "big"}});
  std::vector<kit_step> steps{
      {"in", 0, {record_of("a", 1, 0), record_of("b", 200, 1), record_of("a", 2, 5), record_of("c", 3, 6), record_of("d", 1, 7)}},
      {"", 0, {}, 2min},
      {"in", 0, {record_of("a", 4, 30), record_of("e", 1, 60)}}};
  auto report = run_kit(j, steps);
  CHECK(report.problem == "");
  CHECK(values(report.output["out"]) == std::vector<std::string>{"a wall 3", "a+1", "a+2", "a+4", "a=7@40", "b wall 200", "b+200",
                                                                 "b=200@11", "c wall 3", "c+3", "c=3@16", "d wall 1", "d+1",
                                                                 "d=1@17", "e+1", "e=1@70"});
  CHECK(values(report.output["big"]) == std::vector<std::string>{"b is big"});
}

TEST_CASE("map, filter, flat_map, union and a fork give the same rows chained, apart and out of credit") {
  job j{"stateless"};
  auto in = items(j);
  auto even = in.filter("even", [](const item& i) { return i.v % 2 == 0; });
  auto copies = in.flat_map("copies", [](const item& i, collector<item>& to) {
    for (int n = 0; n < i.v; ++n)
      to.emit(i);
  });
  even.union_with(copies)
      .map("text", [](const item& i) { return i.k + std::to_string(i.v); })
      .sink("out", topic<std::string>{{"main", "out"}});
  std::vector<input_record> records;
  std::size_t rows = 0;
  for (int i = 0; i < 40; ++i) {
    records.push_back(record_of("k" + std::to_string(i % 3), i, i));
    rows += static_cast<std::size_t>(i + (i % 2 == 0 ? 1 : 0));
  }
  auto report = run_kit(j, {{"in", 0, records}});
  CHECK(report.problem == "");
  CHECK(report.output["out"].size() == rows);
}

TEST_CASE("what user code refuses fails, is skipped or becomes a dead letter with its origin, and emits nothing") {
  auto run = [](on_error policy) {
    job j{"policies"};
    items(j, {.errors = policy})
        .key_by(&item::k)
        .process("counts", counter_function{})
        .on_error(policy)
        .sink("out", topic<std::string>{{"main", "out"}});
    auto bad = value_record("{no json");
    bad.key = "key";
    return run_kit(j,
                   {{"in", 0, {record_of("a", 1, 0), bad, record_of("a", 13, 1), record_of("a", 14, 1), record_of("a", 2, 2)}}},
                   {.expect_blocking = false});
  };
  auto skipped = run(on_error::skip);
  CHECK(skipped.problem == "");
  CHECK(values(skipped.output["out"]) == std::vector<std::string>{"a+1", "a+2", "a=3@12"});

  auto failed = run(on_error::fail);
  REQUIRE(failed.output["(error)"].size() == 1);
  CHECK(failed.output["(error)"][0].find("operator 'in', topic 'in', partition 0, offset 1: ") == 0);

  auto letters = run(on_error::dead_letter({"main", "dead"}));
  CHECK(letters.problem == "");
  const auto& dead = letters.output["dead-letters.dead"];
  REQUIRE(dead.size() == 3);
  CHECK(dead[2].find("key | {no json") == 0);
  CHECK(dead[2].find("weir.origin.topic=in weir.origin.partition=0 weir.origin.offset=1 weir.reason=decode weir.operator=in") !=
        std::string::npos);
  CHECK(dead[0].find("weir.reason=user-code weir.operator=counts weir.error=thirteen") != std::string::npos);
}

TEST_CASE("a row the sink's topic cannot take goes by the sink's policy") {
  auto run = [](on_error policy) {
    job j{"sizes"};
    items(j)
        .map([](const item& i) { return std::string(static_cast<std::size_t>(i.v), 'x'); })
        .sink("out", topic<std::string>{{"main", "out"}}, {.errors = policy});
    return run_kit(j, {{"in", 0, {record_of("a", 5, 0), record_of("b", 50, 1), record_of("c", 6, 2)}}},
                   {.expect_blocking = false, .max_record_bytes = {{"out", 10}}});
  };
  auto letters = run(on_error::dead_letter({"main", "dead"}));
  CHECK(letters.problem == "");
  CHECK(letters.output["out"].size() == 2);
  REQUIRE(letters.output["dead-letters.dead"].size() == 1);
  const auto& dead = letters.output["dead-letters.dead"][0];
  CHECK(dead.find(R"((null) | {"k":"b","v":50,)") == 0);
  CHECK(dead.find("weir.origin.offset=1 weir.reason=too-large weir.operator=out weir.error=the record has 50 bytes") !=
        std::string::npos);
  auto failed = run(on_error::fail);
  REQUIRE(failed.output["(error)"].size() == 1);
  CHECK(failed.output["(error)"][0] == "operator 'out', topic 'in', partition 0, offset 1: the record has 50 bytes");
}

TEST_CASE("raw records pass through untouched and tombstones go by their rule") {
  job j{"raw"};
  j.source("in", topic<raw_record>{{"main", "in"}}).sink("out", topic<raw_record>{{"main", "out"}});
  input_record tombstone;
  tombstone.key = "k";
  tombstone.headers = {{"h", std::nullopt}, {"h", "2"}};
  tombstone.time = {5000};
  auto report = run_kit(j, {{"in", 0, {tombstone, value_record("v", {7000})}}}, {.expect_blocking = false});
  CHECK(report.problem == "");
  CHECK(report.output["out"] == std::vector<std::string>{"(null) | v @7000", "k | (null) @5000 h=(null) h=2"});

  auto skip = [](tombstones rule) {
    job s{"skip"};
    s.source("in", topic<item>{{"main", "in"}}, {.without_value = rule}).sink("out", topic<item>{{"main", "out"}});
    return run_kit(s, {{"in", 0, {input_record{}}}}, {.expect_blocking = false});
  };
  CHECK(skip(tombstones::skip).output["out"].empty());
  CHECK(skip(tombstones::refuse).output.count("(error)") == 1);
}

TEST_CASE("an error of the state store ends the task and is no record's fault") {
  memory_state state;
  state.fail_after(0);
  auto h = state.declare({"op", "s", state_kind::value, "i64"});
  REQUIRE(h.ok());
  CHECK(state.get(*h, 0, "k").err().code == errc::store_corrupt);
  CHECK(state.declare({"op", "s", state_kind::value, "i64"}).err().code == errc::already_exists);
}
