#include "tests/actors/job_checks.hpp"

using namespace job_test;
using weir::job_phase;

// Watermark alignment: partitions whose time runs ahead wait for the slowest of their group.

namespace alignment_test {

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

constexpr std::int64_t day = 1'767'225'600;
weir::timestamp at_second(std::int64_t s) { return {(day + s) * 1'000'000}; }
/// The watermark behind an event at that second.
weir::timestamp watermark_of(std::int64_t s) { return at_second(s) - 1s - weir::duration{1}; }

std::string event_json(const std::string& name, std::int64_t second) {
  return R"({"name":")" + name + R"(","number":)" + std::to_string(second) + R"(,"at":")" + weir::to_string(at_second(second)) +
         "\"}";
}
/// One event a second.
std::vector<std::string> seconds(const std::string& name, std::int64_t n) {
  std::vector<std::string> out;
  for (std::int64_t s = 0; s < n; ++s)
    out.push_back(event_json(name, s));
  return out;
}

/// Minutes by name; what comes late is kept.
weir::job minutes(std::optional<weir::idle_after> idle, weir::align with) {
  weir::job job{"minutes"};
  job.source("in", weir::topic<event>{{"main", "in"}})
      .event_time(&event::at, weir::bounded_out_of_orderness{1s}, idle, std::move(with))
      .key_by(&event::name)
      .window("minute", weir::tumbling{1min})
      .late("late", weir::topic<weir::raw_record>{{"main", "late"}})
      .aggregate(weir::sum(&event::number), weir::count())
      .map([](const auto& w) {
        return sum_row{w.key, w.start, w.template get<0>(), w.template get<1>()};
      })
      .sink("out", weir::topic<sum_row>{{"main", "out"}}, weir::key{&sum_row::name});
  return job;
}

std::vector<std::string> expected_minutes(const std::map<std::string, std::vector<std::int64_t>>& events) {
  std::map<std::pair<std::string, std::int64_t>, std::pair<std::int64_t, std::int64_t>> totals;
  for (const auto& [name, all] : events)
    for (auto s : all) {
      totals[{name, s / 60 * 60}].first += s;
      ++totals[{name, s / 60 * 60}].second;
    }
  std::vector<std::string> out;
  for (const auto& [k, v] : totals)
    out.push_back(R"({"name":")" + k.first + R"(","start":")" + weir::to_string(at_second(k.second)) + R"(","sum":)" +
                  std::to_string(v.first) + R"(,"count":)" + std::to_string(v.second) + "}");
  std::sort(out.begin(), out.end());
  return out;
}

/// The partition of a source; none while the graph is not built.
const weir::partition_status* find(const weir::job_status& s, const std::string& source, std::int32_t partition) {
  for (const auto& p : s.partitions)
    if (p.source == source && p.partition == partition)
      return &p;
  return nullptr;
}
bool waits_for(const weir::partition_status* p, const std::string& source, std::int32_t partition) {
  return p != nullptr && p->waits_for && p->waits_for->source == source && p->waits_for->partition == partition;
}

constexpr std::int64_t hours = 8000; ///< Seconds of event time in the fast partition: 2.2 hours.
constexpr weir::duration drift = 10min;
/// Event time of what is read at once: 1,024 records.
constexpr weir::duration one_poll = 1024s;

} // namespace alignment_test
using namespace alignment_test;

TEST_CASE("a partition hours ahead is held until the slow one comes near, over a restart too, and every window is right") {
  for (const auto& l : {layout{1, false, true}, layout{2, true, false}}) {
    INFO(text(l));
    world w;
    w.topic("in", 2);
    w.put("in", 0, seconds("fast", hours));
    auto s = w.spec(minutes({}, weir::align{.group = "g", .max_drift = drift}), l);
    std::map<std::string, std::vector<std::int64_t>> events;
    for (std::int64_t i = 0; i < hours; ++i)
      events["fast"].push_back(i);
    // A step: the slow partition's next event, and the job until it is read and the fast one waits as near as it may.
    auto step = [&](running& job, std::int64_t second) {
      w.put("in", 1, {event_json("slow", second)});
      events["slow"].push_back(second);
      auto now = watermark_of(second);
      REQUIRE(job.until([&](const weir::job_status& j) {
        const auto *fast = find(j, "in", 0), *slow = find(j, "in", 1);
        return waits_for(fast, "in", 1) && slow->watermark == now && fast->watermark && *fast->watermark > now + drift;
      }));
      // Open windows hold no more than this stretch of event time.
      auto fast = *find(job.status(), "in", 0);
      CHECK(*fast.watermark <= now + drift + one_poll);
      CHECK(fast.next_offset <= second + 600 + 1024 + 1);
    };
    {
      running job({s});
      REQUIRE(job.until([](const weir::job_status& j) { return waits_for(find(j, "in", 0), "in", 1); }));
      CHECK(find(job.status(), "in", 0)->next_offset <= 1024);
      CHECK_FALSE(find(job.status(), "in", 1)->waits_for);
      for (auto second : {100, 900, 2000})
        step(job, second);
      // Checkpoints go on while it waits, and so does a stop.
      auto end = job.stop();
      check_phase(end, job_phase::stopped);
      CHECK_FALSE(end.output_unpublished);
    }
    std::int64_t stood = 0;
    {
      running job({s});
      REQUIRE(job.until([](const weir::job_status& j) { return waits_for(find(j, "in", 0), "in", 1); }));
      stood = find(job.status(), "in", 0)->next_offset;
      CHECK(find(job.status(), "in", 0)->records == 0);
      step(job, 4000);
      CHECK(find(job.status(), "in", 0)->next_offset > stood);
      check_phase(job.stop(), job_phase::stopped);
    }
    // The slow one ends: it holds nobody any more.
    check_phase(w.run_to_end(s), job_phase::ended);
    CHECK(w.values("out") == expected_minutes(events));
    CHECK(w.size("late") == 0);
  }
}

TEST_CASE("a silent partition lets the others go on once it is idle") {
  world w;
  w.topic("in", 2);
  w.put("in", 0, seconds("fast", hours));
  running job({w.spec(minutes(weir::idle_after{50ms}, weir::align{.group = "g", .max_drift = drift}))});
  REQUIRE(job.until([](const weir::job_status& j) {
    const auto *fast = find(j, "in", 0), *silent = find(j, "in", 1);
    return fast != nullptr && fast->next_offset == hours && silent->idle;
  }));
  check_phase(job.stop(), job_phase::stopped);
}

TEST_CASE("sources of different topics wait for each other within their group, and not for another group") {
  world w;
  for (auto* topic : {"ahead", "behind", "other"})
    w.topic(topic);
  w.put("ahead", 0, seconds("a", 3000));
  w.put("other", 0, seconds("o", 3000));
  w.put("behind", 0, seconds("b", 10));
  weir::job job{"groups"};
  auto source = [&](const std::string& name, const std::string& group) {
    return job.source(name, weir::topic<event>{{"main", name}})
        .event_time(&event::at, weir::bounded_out_of_orderness{1s}, {}, weir::align{.group = group, .max_drift = drift})
        .map([](const event& e) { return e.name; });
  };
  source("ahead", "one").union_with(source("behind", "one")).sink("out", weir::topic<std::string>{{"main", "out"}});
  source("other", "two").sink("others", weir::topic<std::string>{{"main", "others"}});
  auto s = w.spec(job);
  {
    running r({s});
    REQUIRE(r.until([](const weir::job_status& j) {
      const auto* other = find(j, "other", 0);
      return waits_for(find(j, "ahead", 0), "behind", 0) && other != nullptr && other->next_offset == 3000;
    }));
    CHECK(find(r.status(), "ahead", 0)->next_offset <= 1024);
    check_phase(r.stop(), job_phase::stopped);
  }
  check_phase(w.run_to_end(s), job_phase::ended);
  CHECK(w.size("out") == 3010);
  CHECK(w.size("others") == 3000);
}

TEST_CASE("many partitions that wait for each other all the time come to their end, exactly once") {
  constexpr std::int32_t partitions = 6;
  world w;
  w.topic("in", partitions);
  std::map<std::string, std::vector<std::int64_t>> events;
  for (std::int32_t p = 0; p < partitions; ++p) {
    auto name = "k" + std::to_string(p);
    // Different densities, so that different ones are ahead at different times.
    std::vector<std::string> values;
    std::int64_t second = 0;
    while (second < 20'000) {
      values.push_back(event_json(name, second));
      events[name].push_back(second);
      second += 1 + (second / 3000 + p) % partitions * 3;
    }
    w.put("in", p, values);
  }
  auto s = w.spec(minutes({}, weir::align{.group = "g", .max_drift = 1min}), {2, false, true});
  {
    // Cut off in the middle.
    auto cut = s;
    cut.shutdown_timeout = weir::duration{0};
    running job({cut});
    REQUIRE(job.until([](const weir::job_status& j) { return j.records_in > 5000 && j.checkpoint > 1; }));
  }
  check_phase(w.run_to_end(s), job_phase::ended);
  CHECK(w.values("out") == expected_minutes(events));
  CHECK(w.size("late") == 0);
}
