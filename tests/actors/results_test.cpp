#include <random>
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"

using namespace job_test;
using weir::job_phase;

namespace results_test {

struct event {
  std::string name;
  std::int64_t number = 0;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(event, (), (name, number, at))

struct sum_row {
  std::string name;
  weir::timestamp start;
  std::int64_t sum = 0, count = 0;
};
BOOST_DESCRIBE_STRUCT(sum_row, (), (name, start, sum, count))

std::string event_json(const std::string& name, std::int64_t number, std::int64_t second) {
  return R"({"name":")" + name + R"(","number":)" + std::to_string(number) + R"(,"at":")" +
         weir::to_string(weir::timestamp{(1'767'225'600 + second) * 1'000'000}) + "\"}";
}

weir::job filter_and_map() {
  weir::job job{"filter-and-map"};
  job.source("in", weir::topic<event>{{"main", "in"}})
      .filter([](const event& e) { return e.number % 3 == 0; })
      .map([](const event& e) { return e.name + "=" + std::to_string(e.number * 2); })
      .sink("out", weir::topic<std::string>{{"main", "out"}});
  return job;
}

weir::job windows() {
  weir::job job{"windows"};
  job.source("in", weir::topic<event>{{"main", "in"}})
      .event_time(&event::at, weir::bounded_out_of_orderness{5s})
      .key_by(&event::name)
      .window("ten", weir::tumbling{10s})
      .late("late", weir::topic<weir::raw_record>{{"main", "late"}})
      .aggregate(weir::sum(&event::number), weir::count())
      .map([](const auto& w) {
        return sum_row{w.key, w.start, w.template get<0>(), w.template get<1>()};
      })
      .sink("out", weir::topic<sum_row>{{"main", "out"}}, weir::key{&sum_row::name});
  return job;
}

std::string sum_json(const std::string& name, std::int64_t start_second, std::int64_t sum, std::int64_t count) {
  return R"({"name":")" + name + R"(","start":")" + weir::to_string(weir::timestamp{(1'767'225'600 + start_second) * 1'000'000}) +
         R"(","sum":)" + std::to_string(sum) + R"(,"count":)" + std::to_string(count) + "}";
}

static const weir::output_tag<event> odd{"odd"};

/// Counts per key; says "quiet" when nothing came for 30 s of event time; odd numbers also go aside.
struct count_and_watch : weir::process_function<std::string, event, std::string> {
  weir::value_state<std::int64_t> seen{*this, "seen"};
  weir::value_state<weir::timestamp> due{*this, "due"};

  void process(const event& e, context& ctx) {
    auto n = seen.get(ctx) + 1;
    seen.set(ctx, n);
    ctx.emit(e.name + "#" + std::to_string(n));
    // The order between the topics is open, so the latest time counts and not the last.
    auto old = due.find(ctx);
    auto next = std::max(e.at + 30s, old.value_or(e.at));
    if (old)
      ctx.erase_timer(*old);
    due.set(ctx, next);
    ctx.set_timer(next);
    if (e.number % 2 != 0)
      ctx.side(odd, e);
  }
  void on_timer(weir::timestamp at, context& ctx) {
    due.clear(ctx);
    ctx.emit(ctx.key() + " quiet at " + std::to_string((at - weir::timestamp{1'767'225'600'000'000}).count() / 1'000'000));
  }
};

weir::job process_union_and_sides() {
  weir::job job{"process"};
  auto left = job.source("left", weir::topic<event>{{"main", "left"}}).event_time(&event::at, weir::bounded_out_of_orderness{1s});
  auto right =
      job.source("right", weir::topic<event>{{"main", "right"}}).event_time(&event::at, weir::bounded_out_of_orderness{1s});
  auto counted = left.union_with(right).key_by(&event::name).process("count", count_and_watch{});
  counted.sink("counts", weir::topic<std::string>{{"main", "counts"}});
  counted.side(odd).sink("odd", weir::topic<event>{{"main", "odd"}}, weir::key{&event::name});
  left.sink("copy", weir::topic<event>{{"main", "copy"}});
  return job;
}

} // namespace results_test
using namespace results_test;

TEST_CASE("filter and map give the same records in every layout") {
  for (const auto& l : layouts()) {
    INFO(text(l));
    world w;
    w.topic("in", 3);
    std::vector<std::string> expected;
    for (std::int32_t p = 0; p < 3; ++p) {
      std::vector<std::string> values;
      for (int i = 0; i < 200; ++i) {
        auto number = p * 1000 + i;
        values.push_back(event_json("n", number, i));
        if (number % 3 == 0)
          expected.push_back("n=" + std::to_string(number * 2));
      }
      w.put("in", p, values);
    }
    std::sort(expected.begin(), expected.end());
    auto end = w.run_to_end(w.spec(filter_and_map(), l));
    INFO(cause(end));
    REQUIRE(end.phase == job_phase::ended);
    CHECK(w.values("out") == expected);
  }
}

TEST_CASE("windows give one right total for each key and window in every layout, and late records come out unchanged") {
  // Two partitions; per partition the time rises with a disorder of less than the bound, so only what is made late is late.
  for (const auto& l : layouts()) {
    INFO(text(l));
    world w;
    w.topic("in", 2);
    std::mt19937 random(7);
    std::map<std::pair<std::string, std::int64_t>, std::pair<std::int64_t, std::int64_t>> totals;
    for (std::int32_t p = 0; p < 2; ++p) {
      std::vector<std::string> values;
      for (int i = 0; i < 400; ++i) {
        std::int64_t second = i / 4 + static_cast<std::int64_t>(random() % 5);
        auto name = "k" + std::to_string(random() % 7);
        auto number = static_cast<std::int64_t>(random() % 1000) - 500;
        values.push_back(event_json(name, number, second));
        auto& t = totals[{name, second / 10 * 10}];
        t.first += number;
        ++t.second;
      }
      w.put("in", p, values);
    }
    auto s = w.spec(windows(), l);
    {
      running job({s});
      // The windows up to second 80 have fired in both partitions when these come.
      REQUIRE(job.until([](const weir::job_status& now) {
        return now.records_in == 800 && now.watermark && *now.watermark >= weir::timestamp{(1'767'225'600 + 90) * 1'000'000LL};
      }));
      w.put("in", 0, {event_json("k1", 5, 3), event_json("new", 6, 79)});
      REQUIRE(job.until([&](const weir::job_status&) { return w.size("late") == 2; }));
      auto end = job.stop();
      INFO(cause(end));
      REQUIRE(end.phase == job_phase::stopped);
      CHECK_FALSE(end.output_unpublished);
    }
    auto end = w.run_to_end(s);
    INFO(cause(end));
    REQUIRE(end.phase == job_phase::ended);
    std::vector<std::string> expected;
    for (const auto& [k, v] : totals)
      expected.push_back(sum_json(k.first, k.second, v.first, v.second));
    std::sort(expected.begin(), expected.end());
    CHECK(w.values("out") == expected);
    auto late = w.read("late");
    REQUIRE(late.size() == 2);
    std::sort(late.begin(), late.end(), [](const auto& a, const auto& b) { return *a.value < *b.value; });
    CHECK(late[0].value == event_json("k1", 5, 3));
    CHECK(late[1].value == event_json("new", 6, 79));
    CHECK(late[0].header("weir.reason") == "late");
    CHECK(late[0].header("weir.origin.partition") == "0");
    CHECK(late[0].header("weir.origin.offset") == "400");
  }
}

TEST_CASE("a process function with timers, a union, a side output and several sinks give the same in every layout") {
  for (const auto& l : layouts()) {
    INFO(text(l));
    world w;
    w.topic("left", 2);
    w.topic("right", 1);
    std::vector<std::string> counts, odds, copies;
    std::map<std::string, std::int64_t> seen;
    auto add = [&](const std::string& topic, std::int32_t partition, std::vector<event> events) {
      std::vector<std::string> values;
      for (auto& e : events) {
        auto json = event_json(e.name, e.number, e.at.us);
        values.push_back(json);
        counts.push_back(e.name + "#" + std::to_string(++seen[e.name]));
        if (e.number % 2 != 0)
          odds.push_back(json);
        if (topic == "left")
          copies.push_back(json);
      }
      w.put(topic, partition, values);
    };
    // The time of an event is given in seconds of the test here. "a" is in every topic, the others in one each.
    std::vector<event> first, second, third;
    for (int i = 0; i < 100; ++i) {
      first.push_back({i % 2 ? "a" : "b", i, {i}});
      second.push_back({"c", i, {i}});
      third.push_back({i % 3 ? "a" : "d", i, {i}});
    }
    add("left", 0, first);
    add("left", 1, second);
    add("right", 0, third);
    // Each key is last seen in second 98 or 99 and stays quiet from then on.
    for (auto* quiet : {"a quiet at 129", "b quiet at 128", "c quiet at 129", "d quiet at 129"})
      counts.push_back(quiet);
    auto end = w.run_to_end(w.spec(process_union_and_sides(), l));
    INFO(cause(end));
    REQUIRE(end.phase == job_phase::ended);
    std::sort(counts.begin(), counts.end());
    std::sort(odds.begin(), odds.end());
    std::sort(copies.begin(), copies.end());
    CHECK(w.values("counts") == counts);
    CHECK(w.values("odd") == odds);
    CHECK(w.values("copy") == copies);
    for (const auto& r : w.read("odd"))
      CHECK(r.value->find("\"name\":\"" + *r.key + "\"") != std::string::npos);
  }
}

TEST_CASE("the smallest channels and outbox only slow a job down") {
  for (auto encode : {false, true}) {
    INFO(text({2, encode, true}));
    world w;
    w.topic("in", 2);
    std::vector<std::string> expected, values;
    for (int i = 0; i < 3000; ++i) {
      values.push_back(event_json("k" + std::to_string(i % 50), 3 * i, i));
      expected.push_back("k" + std::to_string(i % 50) + "=" + std::to_string(6 * i));
      expected.push_back(expected.back());
    }
    w.put("in", 0, values);
    w.put("in", 1, values);
    std::sort(expected.begin(), expected.end());
    auto s = w.spec(filter_and_map(), {2, encode, true});
    s.channel_bytes = 64;
    s.outbox_limit = 512;
    auto end = w.run_to_end(s);
    INFO(cause(end));
    REQUIRE(end.phase == job_phase::ended);
    CHECK(w.values("out") == expected);
  }
}

TEST_CASE("a checkpoint every 10 ms under load changes nothing in the result") {
  world w;
  w.topic("in", 2);
  std::map<std::pair<std::string, std::int64_t>, std::pair<std::int64_t, std::int64_t>> totals;
  auto s = w.spec(windows(), {2, false, true});
  s.checkpoint.interval = 10ms;
  std::uint64_t checkpoints = 0;
  {
    running job({s});
    for (int round = 0; round < 40; ++round) {
      for (std::int32_t p = 0; p < 2; ++p) {
        std::vector<std::string> values;
        for (int i = 0; i < 100; ++i) {
          auto name = "k" + std::to_string((i * 7 + p) % 11);
          values.push_back(event_json(name, i, round));
          auto& t = totals[{name, round / 10 * 10}];
          t.first += i;
          ++t.second;
        }
        w.put("in", p, values);
      }
      // Each round is read in at least one checkpoint of its own.
      auto before = job.status().checkpoint;
      REQUIRE(job.until([&](const weir::job_status& now) { return now.checkpoint > before; }));
    }
    REQUIRE(job.until([](const weir::job_status& now) { return now.records_in == 8000; }));
    checkpoints = job.status().checkpoint;
    REQUIRE(job.stop().phase == job_phase::stopped);
  }
  CHECK(checkpoints >= 40);
  REQUIRE(w.run_to_end(s).phase == job_phase::ended);
  std::vector<std::string> expected;
  for (const auto& [k, v] : totals)
    expected.push_back(sum_json(k.first, k.second, v.first, v.second));
  std::sort(expected.begin(), expected.end());
  CHECK(w.values("out") == expected);
}

TEST_CASE("the guarantees at-least-once and none write every record too when nothing fails") {
  for (auto guarantee : {weir::delivery::at_least_once, weir::delivery::none}) {
    world w;
    w.topic("in", 2);
    std::vector<std::string> expected;
    for (std::int32_t p = 0; p < 2; ++p) {
      std::vector<std::string> values;
      for (int i = 0; i < 1000; ++i)
        values.push_back(std::to_string(p) + "-" + std::to_string(i));
      w.put("in", p, values);
      expected.insert(expected.end(), values.begin(), values.end());
    }
    std::sort(expected.begin(), expected.end());
    weir::job job{"direct"};
    weir::sink_options<std::string> options;
    options.guarantee = guarantee;
    job.source("in", weir::topic<std::string>{{"main", "in"}}).sink("out", weir::topic<std::string>{{"main", "out"}}, options);
    auto end = w.run_to_end(w.spec(job));
    INFO(cause(end));
    REQUIRE(end.phase == job_phase::ended);
    // `none` promises nothing at the end of the job either: what was handed over arrives, but nobody waited for it.
    if (guarantee == weir::delivery::at_least_once)
      CHECK(w.values("out") == expected);
    else
      CHECK(w.size("out") <= expected.size());
  }
}

TEST_CASE("operators that are not chained to fewer partitions than there are tasks hold neither checkpoints nor windows up") {
  world w;
  w.topic("in", 1);
  weir::job job{"narrow"};
  job.source("in", weir::topic<event>{{"main", "in"}})
      .event_time(&event::at, weir::bounded_out_of_orderness{5s})
      .map("plus",
           [](const event& e) {
             return event{e.name, e.number + 1, e.at};
           })
      .key_by(&event::name)
      .window("ten", weir::tumbling{10s})
      .aggregate(weir::sum(&event::number), weir::count())
      .map("row",
           [](const auto& r) {
             return sum_row{r.key, r.start, r.template get<0>(), r.template get<1>()};
           })
      .sink("out", weir::topic<sum_row>{{"main", "out"}});
  running r({w.spec(job, {3, false, false})});
  w.put("in", 0, {event_json("a", 1, 0), event_json("b", 10, 1), event_json("a", 2, 9), event_json("a", 5, 16)});
  REQUIRE(r.until([&](const weir::job_status&) { return w.size("out") == 2; }));
  CHECK(w.values("out") == std::vector<std::string>{sum_json("a", 0, 5, 2), sum_json("b", 0, 11, 1)});
  auto before = r.status().checkpoint;
  w.put("in", 0, {event_json("a", 5, 27)});
  REQUIRE(r.until([&](const weir::job_status& now) { return w.size("out") == 3 && now.checkpoint > before; }));
  CHECK(r.stop().phase == job_phase::stopped);
}
