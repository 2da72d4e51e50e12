#include "tests/catch.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <weir/testing/local_run.hpp>
#include <weir/testing/operator_kit.hpp>
#include <weir/weir.hpp>

#include "services/click-sessions/click_sessions.hpp"

using namespace weir;
using namespace weir::testing;
using namespace std::chrono_literals;

namespace {

timestamp at(int ms) { return timestamp::from_ms(1'767'225'600'000 + ms); }

click_sessions_settings settings() {
  click_sessions_settings s;
  s.input = {"main", "clicks"};
  s.sessions = {"main", "sessions"};
  s.late = {"main", "clicks.late"};
  s.top_pages = {"main", "top-pages"};
  s.gap = 10s;
  s.top_count = 2;
  s.out_of_orderness = 2s;
  return s;
}

std::vector<input_record> records_of(const std::vector<click>& clicks) {
  std::vector<input_record> out;
  for (const auto& c : clicks) {
    std::string json;
    REQUIRE(encode_json(c, json).ok());
    out.push_back(value_record(json));
  }
  return out;
}

struct found {
  std::vector<std::string> sessions, late, top;
  std::size_t state_entries = 0;
};

found run(const std::vector<click>& clicks, bool one_by_one = true) {
  auto plan = make_click_sessions(settings()).plan({.parallelism = 2});
  REQUIRE(plan.ok());
  local_run run(std::move(plan).value());
  REQUIRE(run.open().ok());
  const auto records = records_of(clicks);
  if (one_by_one)
    for (const auto& r : records)
      REQUIRE(run.feed("clicks", 0, {r}).ok());
  else
    REQUIRE(run.feed("clicks", 0, records).ok());
  REQUIRE(run.end().ok());
  found out;
  for (const auto& row : run.written("sessions-out"))
    out.sessions.push_back(*row.value);
  for (const auto& row : run.written("late"))
    out.late.push_back(*row.value);
  for (const auto& row : run.written("top-pages-out"))
    out.top.push_back(*row.value);
  std::sort(out.sessions.begin(), out.sessions.end());
  std::sort(out.top.begin(), out.top.end());
  out.state_entries = run.state_entries();
  return out;
}

std::string session(const std::string& user, const std::string& start, const std::string& end, int clicks,
                    const std::string& entry, const std::string& exit) {
  return R"({"user":")" + user + R"(","start":"2026-01-01T00:00:)" + start + R"(Z","end":"2026-01-01T00:00:)" + end +
         R"(Z","clicks":)" + std::to_string(clicks) + R"(,"entry_page":")" + entry + R"(","exit_page":")" + exit + "\"}";
}

} // namespace

TEST_CASE("clicks at most the gap apart are one session, and one more microsecond makes two") {
  auto out = run({{1, "u", "/a", at(0)},
                  {2, "u", "/b", at(10'000)},
                  {3, "v", "/x", at(10'500)},
                  {4, "u", "/c", at(20'001)},
                  {5, "u", "/d", at(25'000)}});
  CHECK(out.sessions == std::vector<std::string>{session("u", "00", "10", 2, "/a", "/b"),
                                                 session("u", "20.001", "25", 2, "/c", "/d"),
                                                 session("v", "10.5", "10.5", 1, "/x", "/x")});
  CHECK(out.late.empty());
  CHECK(out.state_entries == 0);
}

TEST_CASE("a click out of order makes a session longer at its beginning, or joins two") {
  // Behind the first two the watermark is at 9 s: the one that joins them is in time.
  auto out = run({{1, "u", "/late-start", at(2'000)}, {2, "u", "/early", at(500)}, {3, "v", "/x", at(1'000)}});
  CHECK(out.sessions == std::vector<std::string>{session("u", "00.5", "02", 2, "/early", "/late-start"),
                                                 session("v", "01", "01", 1, "/x", "/x")});
  auto s = settings();
  s.out_of_orderness = 30s;
  auto plan = make_click_sessions(s).plan({.parallelism = 1});
  REQUIRE(plan.ok());
  local_run joined(std::move(plan).value());
  REQUIRE(joined.open().ok());
  REQUIRE(
      joined.feed("clicks", 0, records_of({{1, "u", "/1", at(0)}, {2, "u", "/3", at(20'000)}, {3, "u", "/2", at(10'000)}})).ok());
  REQUIRE(joined.end().ok());
  REQUIRE(joined.written("sessions-out").size() == 1);
  CHECK(joined.written("sessions-out")[0].value == session("u", "00", "20", 3, "/1", "/3"));
  CHECK(joined.written("sessions-out")[0].key == "u");
  CHECK(joined.written("sessions-out")[0].time == at(20'000));
}

TEST_CASE("a late click goes to its topic and is in no session and no view") {
  auto out = run({{1, "u", "/a", at(0)}, {2, "v", "/b", at(40'000)}, {3, "u", "/late", at(1'000)}});
  CHECK(out.late == std::vector<std::string>{R"({"click_id":3,"user":"u","page":"/late","at":"2026-01-01T00:00:01Z"})"});
  CHECK(out.sessions ==
        std::vector<std::string>{session("u", "00", "00", 1, "/a", "/a"), session("v", "40", "40", 1, "/b", "/b")});
  CHECK(
      out.top ==
      std::vector<std::string>{
          R"({"window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T00:01:00Z","pages":[{"page":"/a","views":1},{"page":"/b","views":1}]})"});
}

TEST_CASE("the most viewed pages of each minute come in order, pages of equal views by name") {
  std::vector<click> clicks;
  for (const auto* page : {"/z", "/b", "/a", "/b", "/z", "/c"})
    clicks.push_back({static_cast<std::int64_t>(clicks.size()), "u" + std::to_string(clicks.size()), page,
                      at(static_cast<int>(clicks.size()) * 1'000)});
  clicks.push_back({90, "u", "/only", at(119'999)});
  auto out = run(clicks);
  CHECK(
      out.top ==
      std::vector<std::string>{
          R"({"window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T00:01:00Z","pages":[{"page":"/b","views":2},{"page":"/z","views":2}]})",
          R"({"window_start":"2026-01-01T00:01:00Z","window_end":"2026-01-01T00:02:00Z","pages":[{"page":"/only","views":1}]})"});
  CHECK(out.state_entries == 0);
}

TEST_CASE("clicks out of order within the bound make the same sessions and top pages as in order") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  std::vector<std::pair<int, click>> arrivals;
  int ms = 0;
  for (int i = 0; i < 1'000; ++i) {
    ms += pick(0, 9) == 0 ? pick(0, 4) * 5'000 : pick(0, 800);
    arrivals.push_back({ms, {i, "u" + std::to_string(pick(0, 3)), "/p" + std::to_string(pick(0, 5)), at(ms)}});
  }
  auto clicks = [](const auto& from) {
    std::vector<click> out;
    for (const auto& a : from)
      out.push_back(a.second);
    return out;
  };
  auto in_order = run(clicks(arrivals));
  CHECK(in_order.sessions.size() > 20);
  CHECK(in_order.top.size() > 5);
  CHECK(in_order.late.empty());
  for (auto& a : arrivals)
    a.first += pick(0, 1'999);
  std::stable_sort(arrivals.begin(), arrivals.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (bool one_by_one : {true, false}) {
    auto mixed = run(clicks(arrivals), one_by_one);
    CHECK(mixed.sessions == in_order.sessions);
    CHECK(mixed.top == in_order.top);
    CHECK(mixed.late.empty());
  }
}

TEST_CASE("click-sessions gives the same answer in every way of driving it") {
  std::vector<click> clicks;
  for (int i = 0; i < 120; ++i)
    clicks.push_back({i, "u" + std::to_string(i % 5), "/p" + std::to_string(i * i % 7),
                      at(std::max(0, i * 1'500 + i / 20 * 15'000 - i * 7 % 5 * 400))});
  auto report = run_kit(make_click_sessions(settings()), {{"clicks", 0, records_of(clicks)}});
  CHECK(report.problem == "");
  CHECK(report.output["sessions-out"].size() > 10);
  CHECK(report.output["top-pages-out"].size() > 3);
  CHECK(report.output["late"].empty());
}
