#include "services/click-sessions/generate_clicks.hpp"

#include <algorithm>
#include <weir/record/time_text.hpp>

namespace weir {

namespace {

constexpr std::uint64_t run_length = 500;
constexpr std::uint64_t pages = 50;

void make_click(const generate_options& o, std::uint64_t id, timestamp clock, std::string& key, std::string& value) {
  auto random = numbers_of(o, id);
  // The active quarter is a stretch of the users that begins elsewhere in each run.
  auto run = numbers_of(o, ~(id / run_length));
  const auto first = run.below(o.keys);
  const auto user = (first + random.below((o.keys + 3) / 4)) % o.keys;
  const auto page = std::min(random.below(pages), random.below(pages));
  const auto name = numbered("u-", user, 4);
  key += name;
  value += "{\"click_id\":" + std::to_string(id) + ",\"user\":\"" + name + "\",\"page\":\"" + numbered("/p/", page, 2) +
           "\",\"at\":\"";
  format_timestamp(make_time(o, random, clock).at, value);
  value += "\"}";
}

} // namespace

record_generator clicks_generator() { return {"generate-clicks", "click-sessions", "clicks", "users", "click_id", make_click}; }

} // namespace weir
