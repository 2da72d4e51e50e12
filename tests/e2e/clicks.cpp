#include "tests/e2e/clicks.hpp"

#include <algorithm>
#include <cstdio>

#include "tests/e2e/judging.hpp"

namespace weir::e2e {

namespace {

constexpr std::int64_t gap_ms = 300'000, minute_ms = 60'000;
constexpr std::size_t top_count = 5;
constexpr auto bound = std::chrono::seconds(5);

} // namespace

input_line click_maker::next() {
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  };
  constexpr std::int64_t begin_ms = 1'767'225'600'000; // 2026-01-01T00:00:00Z
  const auto now = begin_ms + made_ * 2'000;
  auto at = now - pick(0, 4'999);
  if (pick(0, 3) == 0)
    at -= at % 1000; // Distances of exactly the gap, and clicks on the border of a minute.
  at = std::max(at, now - 4'999);
  if (pick(0, 199) == 0)
    at = now - pick(90'000, 600'000);
  at = std::max(at, begin_ms);
  char user[32];
  std::snprintf(user, sizeof user, "u-%04u", static_cast<unsigned>(pick(0, users_ - 1)));
  const auto page = "/p/" + std::to_string(std::min(pick(0, 20), pick(0, 20)));
  ++made_;
  return {user, "{\"click_id\":" + std::to_string(made_) + ",\"user\":\"" + user + "\",\"page\":\"" + page + "\",\"at\":\"" +
                    format_time(at) + "\"}"};
}

namespace {

std::map<std::string, judging::expected> sessions_of(const std::vector<const event*>& events) {
  std::map<std::string, std::vector<const event*>> by_user; // In the order of time.
  for (const auto* e : events)
    by_user[e->key].push_back(e);
  std::map<std::string, judging::expected> out;
  for (const auto& [user, clicks] : by_user)
    for (std::size_t begin = 0; begin < clicks.size();) {
      auto end = begin + 1;
      while (end < clicks.size() && clicks[end]->at_ms - clicks[end - 1]->at_ms <= gap_ms)
        ++end;
      const auto *first = clicks[begin], *last = clicks[end - 1];
      out[user + " from " + format_time(first->at_ms)] = {user,
                                                          {{"user", user},
                                                           {"start", format_time(first->at_ms)},
                                                           {"end", format_time(last->at_ms)},
                                                           {"clicks", static_cast<std::int64_t>(end - begin)},
                                                           {"entry_page", first->object.at("page")},
                                                           {"exit_page", last->object.at("page")}},
                                                          last->at_ms};
      begin = end;
    }
  return out;
}

std::map<std::string, judging::expected> top_pages_of(const std::vector<const event*>& events) {
  std::map<std::int64_t, std::map<std::string, std::int64_t>> views;
  for (const auto* e : events)
    ++views[e->at_ms - e->at_ms % minute_ms][text_of(e->object, "page").value_or("")];
  std::map<std::string, judging::expected> out;
  for (const auto& [minute, of_page] : views) {
    std::vector<std::pair<std::int64_t, std::string>> ranked;
    for (const auto& [page, n] : of_page)
      ranked.emplace_back(-n, page);
    std::sort(ranked.begin(), ranked.end());
    if (ranked.size() > top_count)
      ranked.resize(top_count);
    boost::json::array pages;
    for (const auto& [n, page] : ranked)
      pages.push_back(boost::json::object{{"page", page}, {"views", -n}});
    const auto name = format_time(minute);
    out[name] = {name,
                 {{"window_start", name}, {"window_end", format_time(minute + minute_ms)}, {"pages", std::move(pages)}},
                 minute + minute_ms - 1};
  }
  return out;
}

} // namespace

verdict judge_clicks(const world_facts& facts) {
  judging j(facts);
  j.read_input("clicks", "click_id", "user", bound);
  j.read_late("clicks.late", "click_id");
  const auto events = j.counted();
  j.compare(
      "sessions", sessions_of(events),
      [](const boost::json::object& o) -> std::optional<std::string> {
        const auto user = text_of(o, "user");
        const auto start = time_of(o, "start");
        return user && start ? std::optional(*user + " from " + format_time(*start)) : std::nullopt;
      },
      "start");
  j.compare(
      "top-pages", top_pages_of(events),
      [](const boost::json::object& o) -> std::optional<std::string> {
        const auto start = time_of(o, "window_start");
        return start ? std::optional(format_time(*start)) : std::nullopt;
      },
      "window_start");
  j.check_transactions();
  return j.result();
}

} // namespace weir::e2e
