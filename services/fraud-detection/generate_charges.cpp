#include "services/fraud-detection/generate_charges.hpp"

#include <weir/record/time_text.hpp>

namespace weir {

namespace {

constexpr std::uint64_t run_length = 64;

void make_charge(const generate_options& o, std::uint64_t id, timestamp clock, std::string& key, std::string& value) {
  auto random = numbers_of(o, id);
  auto card = random.below(o.keys);
  auto cents = static_cast<std::int64_t>(1 + random.below(random.below(50) == 0 ? 80'000 : 20'000));
  auto run = numbers_of(o, ~(id / run_length));
  if (run.below(4) == 0) {
    const auto stolen = run.below(o.keys);
    const auto place = id % run_length;
    if (place % 6 == 3 && place != run_length - 1) {
      card = stolen;
      cents = static_cast<std::int64_t>(1 + random.below(300));
    } else if (place == run_length - 1) {
      card = stolen;
      cents = static_cast<std::int64_t>(60'000 + random.below(100'000));
    }
  }
  const auto name = numbered("card-", card, 4);
  key += name;
  value += "{\"charge_id\":" + std::to_string(id) + ",\"card\":\"" + name + "\",\"amount_cents\":" + std::to_string(cents) +
           ",\"at\":\"";
  format_timestamp(make_time(o, random, clock).at, value);
  value += "\"}";
}

} // namespace

record_generator charges_generator() {
  return {"generate-charges", "fraud-detection", "charges", "cards", "charge_id", make_charge};
}

} // namespace weir
