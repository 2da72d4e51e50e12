#include "tests/catch.hpp"

#include <algorithm>
#include <random>
#include <weir/testing/local_run.hpp>
#include <weir/testing/operator_kit.hpp>
#include <weir/weir.hpp>

#include "services/fraud-detection/fraud_detection.hpp"

using namespace weir;
using namespace weir::testing;
using namespace std::chrono_literals;

namespace {

timestamp at(int ms) { return timestamp::from_ms(1'767'225'600'000 + ms); }

fraud_detection_settings settings() {
  fraud_detection_settings s;
  s.input = {"main", "charges"};
  s.output = {"main", "fraud-alerts"};
  s.late = {"main", "charges.late"};
  s.small_amount_cents = 100;
  s.small_charges = 3;
  s.large_amount_cents = 1'000;
  s.within = 10s;
  s.out_of_orderness = 2s;
  return s;
}

input_record record_of(const charge& c) {
  std::string json;
  REQUIRE(encode_json(c, json).ok());
  return value_record(json);
}

std::vector<input_record> records_of(const std::vector<charge>& charges) {
  std::vector<input_record> out;
  for (const auto& c : charges)
    out.push_back(record_of(c));
  return out;
}

struct found {
  std::vector<std::string> alerts, late;
  std::size_t state_entries = 0;
};

// In one feed, or each charge on its own, so that the watermark follows at once.
found run(const std::vector<charge>& charges, bool one_by_one = true) {
  auto plan = make_fraud_detection(settings()).plan({.parallelism = 2});
  REQUIRE(plan.ok());
  local_run run(std::move(plan).value());
  REQUIRE(run.open().ok());
  if (one_by_one)
    for (const auto& c : charges)
      REQUIRE(run.feed("charges", 0, {record_of(c)}).ok());
  else
    REQUIRE(run.feed("charges", 0, records_of(charges)).ok());
  REQUIRE(run.end().ok());
  found out;
  for (const auto& row : run.written("alerts"))
    out.alerts.push_back(*row.key + " " + *row.value);
  for (const auto& row : run.written("late"))
    out.late.push_back(*row.value);
  std::sort(out.alerts.begin(), out.alerts.end());
  out.state_entries = run.state_entries();
  return out;
}

std::vector<std::int64_t> alerted(const std::vector<charge>& charges) {
  std::vector<std::int64_t> out;
  for (const auto& text : run(charges).alerts) {
    fraud_alert alert;
    REQUIRE(decode_json(text.substr(text.find(' ') + 1), alert).ok());
    out.push_back(alert.charge_id);
  }
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace

TEST_CASE("small charges and then a large one are one alert that says what it counted") {
  auto out = run({{1, "a", 100, at(0)},
                  {2, "a", 1, at(1'000)},
                  {3, "b", 50, at(1'500)},
                  {4, "a", 70, at(2'000)},
                  {5, "a", 1'000, at(3'000)},
                  {6, "b", 5'000, at(4'000)}});
  CHECK(
      out.alerts ==
      std::vector<std::string>{
          R"(a {"card":"a","charge_id":5,"at":"2026-01-01T00:00:03Z","amount_cents":1000,"small_charges":3,"small_total_cents":171,"first_small_at":"2026-01-01T00:00:00Z"})"});
  CHECK(out.late.empty());
  CHECK(out.state_entries == 0);
}

TEST_CASE("the small charges of an alert count for no other one") {
  CHECK(alerted({{1, "a", 1, at(0)},
                 {2, "a", 2, at(1)},
                 {3, "a", 3, at(2)},
                 {4, "a", 2'000, at(3)},
                 {5, "a", 3'000, at(4)},
                 {6, "a", 4, at(5)},
                 {7, "a", 5, at(6)},
                 {8, "a", 4'000, at(7)},
                 {9, "a", 6, at(8)},
                 {10, "a", 5'000, at(9)}}) == std::vector<std::int64_t>{4, 10});
}

TEST_CASE("neither refunds nor middling charges count, and the bounds are part of what they bound") {
  CHECK(alerted({{1, "a", 0, at(0)}, {2, "a", -50, at(1)}, {3, "a", 101, at(2)}, {4, "a", 999, at(3)}, {5, "a", 9'000, at(4)}})
            .empty());
  CHECK(alerted({{1, "a", 1, at(0)}, {2, "a", 100, at(1)}, {3, "a", 1, at(2)}, {4, "a", 999, at(3)}, {5, "a", 1'000, at(4)}}) ==
        std::vector<std::int64_t>{5});
}

TEST_CASE("a small charge counts for exactly the time set and then leaves the state") {
  const std::vector<charge> small{{1, "a", 1, at(0)}, {2, "a", 1, at(5'000)}, {3, "a", 1, at(6'000)}};
  auto reached = small, missed = small;
  reached.push_back({4, "a", 1'000, at(10'000)});
  missed.push_back({4, "a", 1'000, at(10'001)});
  CHECK(alerted(reached) == std::vector<std::int64_t>{4});
  CHECK(alerted(missed).empty());

  auto plan = make_fraud_detection(settings()).plan({.parallelism = 1});
  REQUIRE(plan.ok());
  local_run run(std::move(plan).value());
  REQUIRE(run.open().ok());
  REQUIRE(run.feed("charges", 0, records_of(small)).ok());
  CHECK(run.state_entries() > 0);
  REQUIRE(run.feed("charges", 0, records_of({{9, "other", 500, at(60'000)}})).ok());
  CHECK(run.state_entries() == 0);
}

TEST_CASE("at one time the charges count in the order of their numbers") {
  CHECK(alerted({{1, "a", 1, at(0)}, {2, "a", 1, at(0)}, {3, "a", 1, at(0)}, {4, "a", 1'000, at(0)}}) ==
        std::vector<std::int64_t>{4});
  CHECK(alerted({{4, "a", 1, at(0)}, {2, "a", 1, at(0)}, {3, "a", 1, at(0)}, {1, "a", 1'000, at(0)}}).empty());
}

TEST_CASE("charges out of order within the bound make the same alerts as in order") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  std::vector<std::pair<int, charge>> arrivals; // When it comes, at most the bound behind its time.
  for (int i = 0; i < 1'500; ++i) {
    const auto ms = i * 60 - i * 60 % 500;
    const auto kind = pick(0, 9);
    const auto cents = kind < 6 ? pick(-5, 110) : kind < 8 ? pick(101, 999) : pick(950, 2'000);
    arrivals.push_back({ms, {i, "card" + std::to_string(pick(0, 4)), cents, at(ms)}});
  }
  auto ordered = arrivals;
  for (auto& a : arrivals)
    a.first += pick(0, 1'999);
  std::stable_sort(arrivals.begin(), arrivals.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  auto charges = [](const auto& from) {
    std::vector<charge> out;
    for (const auto& a : from)
      out.push_back(a.second);
    return out;
  };
  REQUIRE(charges(arrivals).front().charge_id + charges(arrivals).size() > 0);
  auto in_order = run(charges(ordered));
  CHECK(in_order.alerts.size() > 20);
  CHECK(in_order.late.empty());
  auto mixed = run(charges(arrivals));
  CHECK(mixed.alerts == in_order.alerts);
  CHECK(mixed.late.empty());
  CHECK(run(charges(arrivals), false).alerts == in_order.alerts);
}

TEST_CASE("a charge behind the watermark goes to the late topic and counts for nothing") {
  auto out =
      run({{1, "a", 1, at(0)}, {2, "a", 1, at(1)}, {3, "b", 700, at(5'000)}, {4, "a", 1, at(2)}, {5, "a", 1'000, at(6'000)}});
  CHECK(out.alerts.empty());
  CHECK(out.late == std::vector<std::string>{R"({"charge_id":4,"card":"a","amount_cents":1,"at":"2026-01-01T00:00:00.002Z"})"});
}

TEST_CASE("fraud-detection gives the same answer in every way of driving it") {
  std::vector<charge> charges;
  for (int i = 0; i < 120; ++i) {
    const auto ms = i * 300 - i * 7 % 5 * 400;
    charges.push_back({i, "card" + std::to_string(i % 3), i % 13 == 12 ? 5'000 : 1 + i % 150, at(std::max(ms, 0))});
  }
  auto report = run_kit(make_fraud_detection(settings()), {{"charges", 0, records_of(charges)}});
  CHECK(report.problem == "");
  CHECK(report.output["alerts"].size() > 3);
  CHECK(report.output["late"].empty());
}

TEST_CASE("a record that is no charge fails, is skipped or goes to the dead letters by setting") {
  auto rows = [](bad_record policy) -> std::pair<bool, std::size_t> {
    auto s = settings();
    s.on_bad_record = policy;
    if (policy == bad_record::dead_letter)
      s.dead_letters = topic_ref{"main", "charges.dead"};
    auto plan = make_fraud_detection(s).plan({.parallelism = 1});
    REQUIRE(plan.ok());
    local_run run(std::move(plan).value());
    REQUIRE(run.open().ok());
    auto fed = run.feed("charges", 0, {value_record("{\"charge_id\":\"x\"}"), record_of({1, "a", 1, at(0)})});
    std::size_t letters = 0;
    if (fed && policy == bad_record::dead_letter)
      for (const auto& v : run.plan().vertices)
        if (v.kind == vertex_kind::sink && v.name != "alerts" && v.name != "late")
          letters += run.written(v.name).size();
    return {fed.ok(), letters};
  };
  CHECK(rows(bad_record::fail) == std::pair(false, std::size_t{0}));
  CHECK(rows(bad_record::skip) == std::pair(true, std::size_t{0}));
  CHECK(rows(bad_record::dead_letter) == std::pair(true, std::size_t{1}));
}
