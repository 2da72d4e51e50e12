#include "tests/catch.hpp"

#include <functional>
#include <map>

#include "tests/e2e/charges.hpp"
#include "tests/e2e/clicks.hpp"

// Right outputs of fraud-detection and click-sessions pass; each kind of damage is named.

using namespace weir::e2e;

namespace {

topic_record record(const std::string& key, const std::string& value, std::int64_t offset, std::int64_t time_ms = 0) {
  topic_record r;
  r.key = key;
  r.value = value;
  r.offset = offset;
  r.timestamp_ms = time_ms;
  return r;
}

std::string at(int second) {
  return "2026-01-01T00:" + std::string(second / 60 < 10 ? "0" : "") + std::to_string(second / 60) +
         (second % 60 < 10 ? ":0" : ":") + std::to_string(second % 60) + "Z";
}
constexpr std::int64_t begin_ms = 1'767'225'600'000;

world_facts fraud() {
  world_facts f;
  f.input_topic = "charges";
  std::int64_t id = 0;
  auto add = [&](int second, std::int64_t cents) {
    ++id;
    f.topics["charges"].push_back(record("a",
                                         "{\"charge_id\":" + std::to_string(id) + ",\"card\":\"a\",\"amount_cents\":" +
                                             std::to_string(cents) + ",\"at\":\"" + at(second) + "\"}",
                                         id));
  };
  add(0, 1);
  add(10, 2);
  add(12, 3);
  add(20, 50'000);
  add(100, 4);
  add(50, 5); // Late: it counts for nothing.
  add(101, 4);
  add(102, 4);
  add(110, 60'000);
  f.topics["charges.late"].push_back(record("a", *f.topics["charges"][5].value, 0));
  f.topics["fraud-alerts"] = {
      record(
          "a",
          R"({"card":"a","charge_id":4,"at":"2026-01-01T00:00:20Z","amount_cents":50000,"small_charges":3,"small_total_cents":6,"first_small_at":"2026-01-01T00:00:00Z"})",
          0, begin_ms + 20'000),
      record(
          "a",
          R"({"card":"a","charge_id":9,"at":"2026-01-01T00:01:50Z","amount_cents":60000,"small_charges":3,"small_total_cents":12,"first_small_at":"2026-01-01T00:01:40Z"})",
          1, begin_ms + 110'000)};
  f.partitions["fraud-alerts"] = 1;
  return f;
}

world_facts clicks() {
  world_facts f;
  f.input_topic = "clicks";
  std::int64_t id = 0;
  for (auto [second, page] : {std::pair(0, "/a"), {300, "/b"}, {601, "/c"}, {100, "/late"}}) {
    ++id;
    f.topics["clicks"].push_back(record(
        "u", "{\"click_id\":" + std::to_string(id) + ",\"user\":\"u\",\"page\":\"" + page + "\",\"at\":\"" + at(second) + "\"}",
        id));
  }
  f.topics["clicks.late"].push_back(record("u", *f.topics["clicks"][3].value, 0));
  f.topics["sessions"] = {
      record(
          "u",
          R"({"user":"u","start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:05:00Z","clicks":2,"entry_page":"/a","exit_page":"/b"})",
          0, begin_ms + 300'000),
      record(
          "u",
          R"({"user":"u","start":"2026-01-01T00:10:01Z","end":"2026-01-01T00:10:01Z","clicks":1,"entry_page":"/c","exit_page":"/c"})",
          1, begin_ms + 601'000)};
  for (auto [minute, next, page, offset] :
       {std::tuple("00:00", "01:00", "/a", 0), {"05:00", "06:00", "/b", 1}, {"10:00", "11:00", "/c", 2}}) {
    const std::string start = std::string("2026-01-01T00:") + minute + "Z";
    f.topics["top-pages"].push_back(record(start,
                                           "{\"window_start\":\"" + start + "\",\"window_end\":\"2026-01-01T00:" + next +
                                               "Z\",\"pages\":[{\"page\":\"" + page + "\",\"views\":1}]}",
                                           offset, *parse_time(start) + 59'999));
  }
  f.partitions["sessions"] = f.partitions["top-pages"] = 1;
  return f;
}

std::string all(const verdict& v) {
  std::string out;
  for (const auto& c : v.complaints)
    out += c + "\n";
  return out;
}

void replace(topic_record& r, const std::string& from, const std::string& to) {
  const auto where = r.value->find(from);
  REQUIRE(where != std::string::npos);
  r.value->replace(where, from.size(), to);
}

struct damage {
  const char* sentence;
  std::function<void(world_facts&)> change;
};

} // namespace

TEST_CASE("right alerts, sessions and top pages pass") {
  CHECK(all(judge_charges(fraud())) == "");
  CHECK(judge_charges(fraud()).totals == 2);
  CHECK(all(judge_clicks(clicks())) == "");
  CHECK(judge_clicks(clicks()).totals == 5);
}

TEST_CASE("the judge of fraud-detection names each damage") {
  const std::vector<damage> damages = {
      {"is missing", [](auto& f) { f.topics["fraud-alerts"].pop_back(); }},
      {"is there twice", [](auto& f) { f.topics["fraud-alerts"].push_back(f.topics["fraud-alerts"].back()); }},
      {"and must be", [](auto& f) { replace(f.topics["fraud-alerts"][0], "\"small_charges\":3", "\"small_charges\":4"); }},
      {"follows from no input", [](auto& f) { replace(f.topics["fraud-alerts"][0], "\"charge_id\":4", "\"charge_id\":5"); }},
      {"does not belong there", [](auto& f) { f.topics["fraud-alerts"][0].value = "{}"; }},
      {"has the key", [](auto& f) { f.topics["fraud-alerts"][0].key = "b"; }},
      {"has the time stamp", [](auto& f) { ++f.topics["fraud-alerts"][0].timestamp_ms; }},
      {"out of order for its key", [](auto& f) { std::swap(f.topics["fraud-alerts"][0], f.topics["fraud-alerts"][1]); }},
      {"Java producer", [](auto& f) { f.topics["fraud-alerts"][0].partition = f.topics["fraud-alerts"][1].partition = 1; }},
      {"a transaction is open", [](auto& f) { f.open_transactions.push_back("fraud-alerts/0"); }},
      {"is there twice, again", [](auto& f) { f.topics["charges.late"].push_back(f.topics["charges.late"][0]); }},
      {"never in the input", [](auto& f) { replace(f.topics["charges.late"][0], "\"charge_id\":6", "\"charge_id\":60"); }},
      {"another key or value", [](auto& f) { replace(f.topics["charges.late"][0], "\"amount_cents\":5", "\"amount_cents\":6"); }},
      {"within the bound of its partition", [](auto& f) { f.topics["charges.late"][0].value = f.topics["charges"][2].value; }},
      {"twice: it cannot be judged", [](auto& f) { f.topics["charges"].push_back(f.topics["charges"][0]); }},
  };
  for (const auto& d : damages) {
    auto f = fraud();
    d.change(f);
    const auto said = all(judge_charges(f));
    INFO(said);
    CHECK(said.find(d.sentence) != std::string::npos);
  }
}

TEST_CASE("the judge of click-sessions names each damage") {
  const std::vector<damage> damages = {
      {"sessions u from 2026-01-01T00:10:01Z is missing", [](auto& f) { f.topics["sessions"].pop_back(); }},
      {"top-pages 2026-01-01T00:10:00Z is missing", [](auto& f) { f.topics["top-pages"].pop_back(); }},
      {"is there twice", [](auto& f) { f.topics["top-pages"].push_back(f.topics["top-pages"][0]); }},
      {"and must be", [](auto& f) { replace(f.topics["sessions"][0], "\"clicks\":2", "\"clicks\":3"); }},
      {"and must be", [](auto& f) { replace(f.topics["sessions"][0], "\"exit_page\":\"/b\"", "\"exit_page\":\"/a\""); }},
      {"and must be", [](auto& f) { replace(f.topics["top-pages"][0], "\"views\":1", "\"views\":2"); }},
      {"out of order for its key", [](auto& f) { std::swap(f.topics["sessions"][0], f.topics["sessions"][1]); }},
      {"has the time stamp", [](auto& f) { --f.topics["top-pages"][1].timestamp_ms; }},
      {"another key or value", [](auto& f) { f.topics["clicks.late"][0].key = "v"; }},
      // A late click that counts after all belongs to a session and to a minute.
      {"and must be", [](auto& f) { f.topics["clicks.late"].clear(); }},
  };
  for (const auto& d : damages) {
    auto f = clicks();
    d.change(f);
    const auto said = all(judge_clicks(f));
    INFO(said);
    CHECK(said.find(d.sentence) != std::string::npos);
  }
}
