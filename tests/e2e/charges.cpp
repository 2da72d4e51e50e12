#include "tests/e2e/charges.hpp"

#include <algorithm>
#include <cstdio>
#include <deque>

#include "tests/e2e/judging.hpp"

namespace weir::e2e {

namespace {

constexpr std::int64_t small_most = 500, large_least = 50'000, small_least_count = 3;
constexpr std::int64_t within_ms = 600'000;
constexpr auto bound = std::chrono::seconds(5);

struct small_charge {
  std::int64_t at_ms, cents;
};

} // namespace

input_line charge_maker::next() {
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  };
  constexpr std::int64_t begin_ms = 1'767'225'600'000; // 2026-01-01T00:00:00Z
  const auto now = begin_ms + made_ * 1'000;
  auto at = now - pick(0, 4'999);
  if (pick(0, 3) == 0)
    at -= at % 1000; // Charges of one time, and distances of exactly `within`.
  at = std::max(at, now - 4'999);
  if (pick(0, 199) == 0)
    at = now - pick(90'000, 600'000);
  at = std::max(at, begin_ms);
  char card[32];
  std::snprintf(card, sizeof card, "card-%04u", static_cast<unsigned>(pick(0, cards_ - 1)));
  const auto kind = pick(0, 99);
  const auto cents = kind < 20   ? pick(1, small_most)
                     : kind < 22 ? small_most
                     : kind < 24 ? small_most + 1
                     : kind < 27 ? pick(-2'000, 0)
                     : kind < 30 ? large_least - 1
                     : kind < 33 ? large_least
                     : kind < 40 ? pick(large_least, 3 * large_least)
                                 : pick(small_most + 1, large_least - 1);
  ++made_;
  return {card, "{\"charge_id\":" + std::to_string(made_) + ",\"card\":\"" + card +
                    "\",\"amount_cents\":" + std::to_string(cents) + ",\"at\":\"" + format_time(at) + "\"}"};
}

verdict judge_charges(const world_facts& facts) {
  judging j(facts);
  j.read_input("charges", "charge_id", "card", bound);
  j.read_late("charges.late", "charge_id");
  std::map<std::string, std::deque<small_charge>> small;
  std::map<std::string, judging::expected> alerts;
  for (const auto* e : j.counted()) {
    const auto cents = integer_of(e->object, "amount_cents").value_or(0);
    auto& before = small[e->key];
    while (!before.empty() && before.front().at_ms < e->at_ms - within_ms)
      before.pop_front();
    if (cents >= 1 && cents <= small_most)
      before.push_back({e->at_ms, cents});
    if (cents < large_least || static_cast<std::int64_t>(before.size()) < small_least_count)
      continue;
    std::int64_t sum = 0;
    for (const auto& s : before)
      sum += s.cents;
    alerts[e->key + " " + std::to_string(e->id)] = {e->key,
                                                    {{"card", e->key},
                                                     {"charge_id", e->id},
                                                     {"at", format_time(e->at_ms)},
                                                     {"amount_cents", cents},
                                                     {"small_charges", static_cast<std::int64_t>(before.size())},
                                                     {"small_total_cents", sum},
                                                     {"first_small_at", format_time(before.front().at_ms)}},
                                                    e->at_ms};
    before.clear();
  }
  j.compare(
      "fraud-alerts", alerts,
      [](const boost::json::object& o) -> std::optional<std::string> {
        const auto card = text_of(o, "card");
        const auto id = integer_of(o, "charge_id");
        return card && id ? std::optional(*card + " " + std::to_string(*id)) : std::nullopt;
      },
      "at");
  j.check_transactions();
  return j.result();
}

} // namespace weir::e2e
