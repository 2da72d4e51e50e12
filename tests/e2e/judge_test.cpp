#include "tests/e2e/judge.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "tests/catch.hpp"
#include "tests/e2e/orders.hpp"

namespace e2e = weir::e2e;

namespace {

constexpr std::int32_t partitions = 4;

std::int64_t time_of(const std::string& order) {
  const auto begin = order.find("\"at\":\"") + 6;
  return e2e::parse_time(order.substr(begin, order.size() - begin - 2)).value();
}

// A right output for `orders`: nothing is late but what `late` chooses. Written out here, apart from the judge.
struct world {
  e2e::run_facts facts;

  static world make(std::uint64_t seed, std::size_t count) {
    world w;
    e2e::order_maker maker(seed, 7, 40);
    std::map<std::int32_t, std::int64_t> next;
    std::map<std::pair<std::int64_t, std::string>, std::pair<std::int64_t, std::int64_t>> totals;
    std::map<std::int32_t, std::int64_t> newest;
    for (const auto& line : maker.next(count)) {
      e2e::topic_record r;
      r.partition = e2e::java_partition(line.key, partitions);
      r.offset = next[r.partition]++;
      r.key = line.key;
      r.value = line.json;
      r.headers = {{"trace", "a"}, {"trace", "b"}};
      w.facts.orders.push_back(r);
      const auto at = time_of(line.json);
      const auto amount_at = line.json.find("amount_cents\":") + 14;
      auto& seen = newest.try_emplace(r.partition, at).first->second;
      const bool late = at < seen - 60'000;
      seen = std::max(seen, at);
      if (late) {
        r.headers.insert(r.headers.end(), {{"weir.origin.topic", "orders"},
                                           {"weir.origin.partition", std::to_string(r.partition)},
                                           {"weir.origin.offset", std::to_string(r.offset)},
                                           {"weir.reason", "late"}});
        r.offset = static_cast<std::int64_t>(w.facts.late.size());
        r.partition = 0;
        w.facts.late.push_back(r);
      } else {
        auto& [cents, orders] = totals[{at / 60'000 * 60'000, line.key}];
        cents += std::stoll(line.json.substr(amount_at));
        ++orders;
      }
    }
    next.clear();
    for (const auto& [which, sum] : totals) {
      e2e::topic_record r;
      r.partition = e2e::java_partition(which.second, partitions);
      r.offset = next[r.partition]++;
      r.key = which.second;
      r.timestamp_ms = which.first + 59'999;
      r.value = R"({"customer":")" + which.second + R"(","window_start":")" + e2e::format_time(which.first) +
                R"(","window_end":")" + e2e::format_time(which.first + 60'000) + R"(","total_cents":)" +
                std::to_string(sum.first) + R"(,"orders":)" + std::to_string(sum.second) + "}";
      w.facts.totals.push_back(r);
    }
    w.facts.totals_partitions = partitions;
    return w;
  }
};

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

// The first two totals of the customer with the most windows, as indices.
std::pair<std::size_t, std::size_t> two_of_a_key(const e2e::run_facts& f) {
  for (std::size_t i = 0; i < f.totals.size(); ++i)
    for (std::size_t j = i + 1; j < f.totals.size(); ++j)
      if (f.totals[i].key == f.totals[j].key)
        return {i, j};
  FAIL("no customer has two windows");
  return {};
}

} // namespace

TEST_CASE("the judge finds nothing wrong with a right output") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto w = world::make(seed, 12'000);
    INFO("seed " << seed);
    const auto v = e2e::judge(w.facts);
    for (const auto& sentence : v.complaints)
      UNSCOPED_INFO(sentence);
    CHECK(v.right());
    CHECK(v.orders == 12'000);
    CHECK(v.totals > 20);
    CHECK(v.late > 5);
  }
}

TEST_CASE("the judge names every kind of damage") {
  const auto whole = world::make(7, 12'000);
  struct damage {
    std::string name;
    std::string complaint; // What the first sentence must say.
    std::function<void(e2e::run_facts&)> apply;
  };
  const std::vector<damage> damages = {
      {"a total is missing", "is missing", [](auto& f) { f.totals.erase(f.totals.begin() + 5); }},
      {"every total is missing", "is missing", [](auto& f) { f.totals.clear(); }},
      {"a total is there twice", "is there twice",
       [](auto& f) {
         f.totals.push_back(f.totals[5]);
         f.totals.back().offset = 1'000'000;
       }},
      {"a sum is wrong by one", "and must be",
       [](auto& f) { replace(*f.totals[3].value, "\"total_cents\":", "\"total_cents\":1"); }},
      {"a count is wrong", "and must be", [](auto& f) { replace(*f.totals[3].value, "\"orders\":", "\"orders\":1"); }},
      {"an order was counted twice", "and must be",
       [](auto& f) {
         // What a replay without exactly-once does: one order more in sum and count.
         auto& v = *f.totals[0].value;
         const auto at = v.rfind(':') + 1;
         const auto count = std::stoll(v.substr(at));
         v = v.substr(0, at) + std::to_string(count + 1) + "}";
       }},
      {"the fields are in another order", "and must be",
       [](auto& f) {
         auto& v = *f.totals[3].value;
         const auto at = v.rfind(",\"orders\"");
         const auto sum = v.find("\"total_cents\"");
         v = v.substr(0, sum) + v.substr(at + 1, v.size() - at - 2) + "," + v.substr(sum, at - sum) + "}";
       }},
      {"a fraction that is zero is written", "and must be", [](auto& f) { replace(*f.totals[3].value, ":00Z", ":00.000Z"); }},
      {"a total has no key", "has the key", [](auto& f) { f.totals[3].key.reset(); }},
      {"a total has a JSON string as its key", "has the key", [](auto& f) { f.totals[3].key = "\"" + *f.totals[3].key + "\""; }},
      {"a total has the window's end as its time stamp", "has the time stamp", [](auto& f) { ++f.totals[3].timestamp_ms; }},
      {"a total lies in another partition", "where a Java producer would not",
       [](auto& f) { f.totals[3].partition = (f.totals[3].partition + 1) % partitions; }},
      {"a total of a customer that never ordered", "belongs to no order",
       [](auto& f) { replace(*f.totals[3].value, "\"customer\":\"c-", "\"customer\":\"d-"); }},
      {"a window beside the minute", "belongs to no order", [](auto& f) { replace(*f.totals[3].value, ":00Z", ":01Z"); }},
      {"the output holds what is no JSON", "what is no total", [](auto& f) { f.totals[3].value = "{"; }},
      {"the output holds a tombstone", "what is no total", [](auto& f) { f.totals[3].value.reset(); }},
      {"two windows of a key are swapped", "out of order",
       [](auto& f) {
         const auto [i, j] = two_of_a_key(f);
         std::swap(f.totals[i].value, f.totals[j].value);
         std::swap(f.totals[i].timestamp_ms, f.totals[j].timestamp_ms);
       }},
      {"a late record is lost", "and must be", [](auto& f) { f.late.pop_back(); }},
      {"a late record is there twice", "is there twice",
       [](auto& f) {
         f.late.push_back(f.late.back());
         ++f.late.back().offset;
       }},
      {"an order is late and in a total", "late though it came within the bound",
       [](auto& f) {
         auto r = f.orders[100];
         r.headers.insert(r.headers.end(), {{"weir.origin.topic", "orders"},
                                            {"weir.origin.partition", std::to_string(r.partition)},
                                            {"weir.origin.offset", std::to_string(r.offset)},
                                            {"weir.reason", "late"}});
         f.late.push_back(r);
       }},
      {"a late record lost a header of its own", "lost headers",
       [](auto& f) { f.late[0].headers.erase(f.late[0].headers.begin()); }},
      {"a late record does not say where it came from", "where it came from", [](auto& f) { f.late[0].headers.resize(2); }},
      {"a late record names another offset", "where it came from", [](auto& f) { f.late[0].headers[4].second += "0"; }},
      {"a late record gives no reason", "does not say why", [](auto& f) { f.late[0].headers.pop_back(); }},
      {"a late record was written anew", "another key or value", [](auto& f) { *f.late[0].value += " "; }},
      {"a late record lost its key", "another key or value", [](auto& f) { f.late[0].key.reset(); }},
      {"the late topic holds what was no order", "never an order", [](auto& f) { f.late[0].value = R"({"order_id":99999999})"; }},
      {"a transaction is open", "a transaction is open in order-totals/2",
       [](auto& f) { f.open_transactions.push_back("order-totals/2"); }},
      {"an order of the input is unread", "and must be", [](auto& f) { f.orders.pop_back(); }},
      {"the input has an order twice", "it cannot be judged", [](auto& f) { f.orders.push_back(f.orders.front()); }},
  };
  for (const auto& d : damages) {
    INFO(d.name);
    auto facts = whole.facts;
    d.apply(facts);
    const auto v = e2e::judge(facts);
    CHECK_FALSE(v.right());
    for (const auto& sentence : v.complaints)
      UNSCOPED_INFO(sentence);
    CHECK(std::any_of(v.complaints.begin(), v.complaints.end(),
                      [&](const auto& sentence) { return sentence.find(d.complaint) != std::string::npos; }));
  }
}

TEST_CASE("late records of a key that were swapped are out of order") {
  auto facts = world::make(11, 40'000).facts;
  for (std::size_t i = 0; i < facts.late.size(); ++i)
    for (std::size_t j = i + 1; j < facts.late.size(); ++j)
      if (facts.late[i].key == facts.late[j].key) {
        std::swap(facts.late[i], facts.late[j]);
        const auto v = e2e::judge(facts);
        REQUIRE_FALSE(v.right());
        CHECK(v.complaints.front().find("out of order for its key") != std::string::npos);
        return;
      }
  FAIL("no customer has two late orders");
}

TEST_CASE("the judge counts all complaints and keeps the first fifty") {
  auto facts = world::make(5, 12'000).facts;
  const auto totals = facts.totals.size();
  facts.totals.clear();
  const auto v = e2e::judge(facts);
  CHECK(v.complaint_count == totals);
  CHECK(v.complaints.size() == std::min<std::size_t>(totals, 50));
}

TEST_CASE("times are read and written as the contract says") {
  CHECK(e2e::parse_time("1970-01-01T00:00:00Z") == 0);
  CHECK(e2e::parse_time("2026-01-01T00:00:03.250Z") == 1'767'225'603'250);
  CHECK(e2e::parse_time("2026-01-01T00:00:03.25Z") == 1'767'225'603'250);
  CHECK(e2e::parse_time("2026-01-01T00:00:03.250999Z") == 1'767'225'603'250);
  CHECK(e2e::parse_time("2024-02-29T23:59:59Z") == 1'709'251'199'000);
  for (const auto* wrong : {"", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z",
                            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00Zx"})
    CHECK_FALSE(e2e::parse_time(wrong));
  CHECK(e2e::format_time(1'767'225'600'000) == "2026-01-01T00:00:00Z");
  CHECK(e2e::format_time(1'767'225'603'250) == "2026-01-01T00:00:03.250Z");
  CHECK(e2e::format_time(-1) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("keys go where a Java producer puts them") {
  // murmur2 of these from Kafka's own UtilsTest, so the partition out of 2^31 is the hash without its sign.
  const std::vector<std::pair<std::string, std::int32_t>> known = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107}};
  for (const auto& [key, hash] : known)
    CHECK(e2e::java_partition(key, 1'000'003) ==
          static_cast<std::int32_t>(static_cast<std::uint32_t>(hash) & 0x7fffffffU) % 1'000'003);
}

TEST_CASE("an envelope is read in full or refused") {
  const auto r = e2e::parse_envelope(
      R"({"partition":3,"offset":17,"key":"c-0042","timestamp":"2026-01-01T00:00:59.999Z","headers":[{"key":"h","value":"1"},{"key":"h","value":"2"}],"value":{"b":1,"a":2}})");
  CHECK(r.partition == 3);
  CHECK(r.offset == 17);
  CHECK(r.key == "c-0042");
  CHECK(r.value == R"({"b":1,"a":2})");
  CHECK(r.timestamp_ms == 1'767'225'659'999);
  CHECK(r.headers == std::vector<std::pair<std::string, std::string>>{{"h", "1"}, {"h", "2"}});
  CHECK_FALSE(e2e::parse_envelope(R"({"partition":0,"offset":0,"key":null,"timestamp":5,"headers":{},"value":null})").value);
  for (const auto* wrong :
       {"", "[]", R"({"partition":0})", R"({"partition":0,"offset":0,"key":null,"timestamp":"x","headers":{},"value":1})",
        R"({"partition":0,"offset":0,"key":null,"timestamp":1,"headers":[3],"value":1})"})
    CHECK_THROWS(e2e::parse_envelope(wrong));
}

TEST_CASE("the same seed makes the same orders, in the bound but for stragglers") {
  e2e::order_maker a(3, 10, 100), b(3, 10, 100), other(4, 10, 100);
  std::int64_t newest = 0, stragglers = 0, different = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto line = a.next();
    CHECK(line.json == b.next().json);
    different += line.json != other.next().json ? 1 : 0;
    const auto at = time_of(line.json);
    stragglers += at < newest - 5'000 ? 1 : 0;
    newest = std::max(newest, at);
  }
  CHECK(stragglers > 5);
  CHECK(stragglers < 60);
  CHECK(different > 4'900);
}
