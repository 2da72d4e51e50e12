#include "tests/catch.hpp"

#include <random>
#include <weir/testing/operator_kit.hpp>
#include <weir/weir.hpp>

using namespace weir;
using namespace weir::testing;
using namespace std::chrono_literals;

namespace {

struct event {
  std::string k;
  std::int64_t v = 0;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(event, (), (k, v, at))

struct row {
  std::string k;
  std::int64_t start = 0, end = 0, sum = 0, n = 0, least = 0, most = 0;
  double mean = 0;
};
BOOST_DESCRIBE_STRUCT(row, (), (k, start, end, sum, n, least, most, mean))

input_record record_of(const std::string& k, std::int64_t v, timestamp at) {
  std::string json;
  REQUIRE(encode_json(event{k, v, at}, json).ok());
  return value_record(json);
}

/// All aggregates at once over windows of one shape.
job windows_of(window_shape shape, duration bound, duration lateness = 0s, on_error policy = on_error::fail) {
  job j{"windows"};
  auto w = j.source("in", topic<event>{{"main", "in"}})
               .event_time(&event::at, bounded_out_of_orderness{bound})
               .key_by(&event::k)
               .window("w", shape);
  w.allowed_lateness(lateness);
  w.late("late", topic<raw_record>{{"main", "late"}});
  w.aggregate(sum(&event::v), count(), weir::min(&event::v), weir::max(&event::v), avg(&event::v))
      .on_error(policy)
      .map([](const auto& r) {
        return row{r.key,
                   r.start.us / 1000,
                   r.end.us / 1000,
                   r.template get<0>(),
                   r.template get<1>(),
                   r.template get<2>(),
                   r.template get<3>(),
                   r.template get<4>()};
      })
      .sink("out", topic<row>{{"main", "out"}}, key{&row::k});
  return j;
}

/// The definition: every record in every window [start, start + size) with start a multiple of slide.
std::vector<std::string> by_definition(const std::vector<event>& events, duration size, duration slide) {
  std::map<std::pair<std::string, std::int64_t>, row> rows;
  for (const auto& e : events) {
    auto first = e.at.us - size.count();
    auto start = first / slide.count() * slide.count() - slide.count();
    for (; start <= e.at.us; start += slide.count()) {
      if (start <= first)
        continue;
      auto [at, added] = rows.try_emplace({e.k, start});
      auto& r = at->second;
      r.k = e.k;
      r.start = start / 1000;
      r.end = (start + size.count()) / 1000;
      r.least = added ? e.v : std::min(r.least, e.v);
      r.most = added ? e.v : std::max(r.most, e.v);
      r.sum += e.v;
      ++r.n;
      r.mean = static_cast<double>(r.sum) / static_cast<double>(r.n);
    }
  }
  std::vector<std::string> texts;
  for (const auto& [id, r] : rows) {
    output_row o;
    o.key = r.k;
    std::string json;
    REQUIRE(encode_json(r, json).ok());
    o.value = json;
    o.time = timestamp{r.end * 1000} - 1ms;
    texts.push_back(to_text(o));
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

void compare_with_definition(window_shape shape, unsigned seed) {
  INFO("seed " << seed << " " << shape.text());
  std::mt19937 random(seed);
  std::vector<event> events;
  std::vector<input_record> records;
  // From before 1970 to after, out of order by less than the bound; amounts negative, zero and positive.
  std::int64_t base = -40'000;
  for (int i = 0; i < 120; ++i) {
    base += random() % 900;
    event e{"k" + std::to_string(random() % 5), static_cast<std::int64_t>(random() % 7) - 3,
            timestamp{(base - static_cast<std::int64_t>(random() % 3000)) * 1000}};
    events.push_back(e);
    records.push_back(record_of(e.k, e.v, e.at));
  }
  auto report = run_kit(windows_of(shape, 3s), {{"in", 0, records}});
  CHECK(report.problem == "");
  CHECK(report.output["out"] == by_definition(events, shape.size(), shape.slide()));
  CHECK(report.output["late"].empty());
}

} // namespace

TEST_CASE("tumbling windows equal their definition, before and after 1970, however they are driven") {
  compare_with_definition(tumbling{10s}, 1);
}

TEST_CASE("sliding windows equal their definition, also when the slide does not divide the size") {
  compare_with_definition(sliding{10s, 5s}, 2);
  compare_with_definition(sliding{7s, 3s}, 3);
}

TEST_CASE("no input makes no window") {
  auto report = run_kit(windows_of(tumbling{1min}, 5s), {}, {.expect_blocking = false});
  CHECK(report.problem == "");
  CHECK(report.output["out"].empty());
}

TEST_CASE("a record is late exactly when the last of its windows has fired, and totals and late records are the input") {
  auto t = [](int seconds) { return timestamp{} + std::chrono::seconds(seconds); };
  std::vector<kit_step> steps;
  for (auto r : {record_of("a", 1, t(1)), record_of("a", 2, t(15)), record_of("a", 4, t(19)),
                 // The watermark is 19 s - 1 us: 11 s is on time, 9 s is late.
                 record_of("a", 8, t(11)), record_of("a", 16, t(9))})
    steps.push_back({"in", 0, {r}});
  auto report = run_kit(windows_of(tumbling{10s}, 0s), steps, {.expect_blocking = false});
  CHECK(report.problem == "");
  REQUIRE(report.output["out"].size() == 2);
  CHECK(report.output["out"][0].find(R"("sum":1,"n":1)") != std::string::npos);
  CHECK(report.output["out"][1].find(R"("sum":14,"n":3)") != std::string::npos);
  REQUIRE(report.output["late"].size() == 1);
  CHECK(report.output["late"][0].find("weir.reason=late weir.operator=w weir.watermark=1970-01-01T00:00:18.999999Z") !=
        std::string::npos);

  // Sliding: 9 s is still in the window [5, 15), whose end the watermark has not reached at 14 s.
  steps = {{"in", 0, {record_of("a", 1, t(14))}}, {"in", 0, {record_of("a", 2, t(9))}}, {"in", 0, {record_of("a", 4, t(4))}}};
  report = run_kit(windows_of(sliding{10s, 5s}, 0s), steps, {.expect_blocking = false});
  CHECK(report.problem == "");
  CHECK(report.output["late"].size() == 1);
  CHECK(report.output["out"].size() == 2);
}

TEST_CASE("a record within the allowed lateness brings a new result, a later one is late") {
  auto t = [](int seconds) { return timestamp{} + std::chrono::seconds(seconds); };
  std::vector<kit_step> steps;
  for (auto r : {record_of("a", 1, t(1)), record_of("a", 2, t(12)), record_of("a", 4, t(2)), record_of("a", 8, t(20)),
                 record_of("a", 16, t(3))})
    steps.push_back({"in", 0, {r}});
  auto report = run_kit(windows_of(tumbling{10s}, 0s, 5s), steps, {.expect_blocking = false});
  CHECK(report.problem == "");
  REQUIRE(report.output["out"].size() == 4);
  CHECK(report.output["out"][0].find(R"("sum":1,"n":1)") != std::string::npos);
  CHECK(report.output["out"][1].find(R"("sum":5,"n":2)") != std::string::npos);
  CHECK(report.output["late"].size() == 1);
}

TEST_CASE("a sum that overflows is the error of one record and leaves the other aggregates alone") {
  auto most = std::numeric_limits<std::int64_t>::max();
  std::vector<input_record> records{record_of("a", most, {0}), record_of("a", 1, {1}), record_of("a", -1, {2})};
  auto report = run_kit(windows_of(tumbling{1s}, 0s, 0s, on_error::skip), {{"in", 0, records}}, {.expect_blocking = false});
  CHECK(report.problem == "");
  REQUIRE(report.output["out"].size() == 1);
  CHECK(report.output["out"][0].find(R"("n":2)") != std::string::npos);
  auto failed = run_kit(windows_of(tumbling{1s}, 0s), {{"in", 0, records}}, {.expect_blocking = false});
  REQUIRE(failed.output.count("(error)") == 1);
  CHECK(failed.output["(error)"][0] == "operator 'w', topic 'in', partition 0, offset 1: the sum does not fit into 64 bits");
}

TEST_CASE("reduce keeps the order of arrival within a window") {
  job j{"reduce"};
  j.source("in", topic<event>{{"main", "in"}})
      .event_time(&event::at, bounded_out_of_orderness{1s})
      .key_by(&event::k)
      .window("w", tumbling{10s})
      .reduce([](const event& a, const event& b) {
        return event{a.k, a.v * 10 + b.v, b.at};
      })
      .map([](const auto& r) { return r.template get<0>(); })
      .sink("out", topic<event>{{"main", "out"}});
  std::vector<input_record> records;
  for (int i = 1; i <= 5; ++i)
    records.push_back(record_of("a", i, {i * 1000}));
  auto report = run_kit(j, {{"in", 0, records}}, {.expect_blocking = false});
  CHECK(report.problem == "");
  REQUIRE(report.output["out"].size() == 1);
  CHECK(report.output["out"][0].find(R"("v":12345)") != std::string::npos);
}
