#include "services/click-sessions/click_sessions.hpp"

#include <algorithm>

namespace weir {

using namespace std::chrono_literals;

const output_tag<click> session_builder::late{"late"};
const output_tag<page_view> session_builder::views{"views"};

void session_builder::process(const click& c, context& ctx) {
  if (c.at <= ctx.watermark()) {
    ctx.side(late, c);
    return;
  }
  ctx.side(views, page_view{c.page});

  open_session grown{c.at, c.click_id, c.click_id, 1, c.page, c.page};
  auto last = c.at;
  // Sessions do not touch each other: those that the click touches lie side by side.
  open_.for_each_from(ctx, c.at - gap_, [&](timestamp other_last, const open_session& other) {
    if (other.start > c.at + gap_)
      return false;
    if (std::pair(other.start, other.entry_id) < std::pair(grown.start, grown.entry_id)) {
      grown.start = other.start;
      grown.entry_id = other.entry_id;
      grown.entry_page = other.entry_page;
    }
    if (std::pair(other_last, other.exit_id) > std::pair(last, grown.exit_id)) {
      last = other_last;
      grown.exit_id = other.exit_id;
      grown.exit_page = other.exit_page;
    }
    grown.clicks += other.clicks;
    open_.erase(ctx, other_last);
    ctx.erase_timer(other_last + gap_);
    return true;
  });
  open_.set(ctx, last, grown);
  ctx.set_timer(last + gap_);
}

void session_builder::on_timer(timestamp time, context& ctx) {
  const auto last = time - gap_;
  auto done = open_.find(ctx, last);
  if (!done)
    return;
  open_.erase(ctx, last);
  ctx.emit({ctx.key(), done->start, last, done->clicks, std::move(done->entry_page), std::move(done->exit_page)});
}

void top_pages::process(const page_count& p, context& ctx) {
  auto best = best_.get(ctx);
  const auto before = [](const page_views& a, const page_views& b) {
    return a.views != b.views ? a.views > b.views : a.page < b.page;
  };
  page_views here{p.page, p.views};
  best.insert(std::upper_bound(best.begin(), best.end(), here, before), here);
  if (best.size() > most_)
    best.pop_back();
  best_.set(ctx, best);
  ctx.set_timer(p.window_start + window_ - 1us);
}

void top_pages::on_timer(timestamp, context& ctx) {
  ctx.emit({ctx.key(), ctx.key() + window_, best_.get(ctx)});
  best_.clear(ctx);
}

settings_of<click_sessions_settings> click_sessions_table() {
  using s = click_sessions_settings;
  settings_of<s> t;
  t.add("input", &s::input, "Topic of the clicks. Waited for when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("sessions", &s::sessions, "Topic of the sessions, key: the user. Made with the input's partitions when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("late", &s::late, "Topic of the clicks that came too late for any session, key: the user. Made when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("top_pages", &s::top_pages, "Topic of the most viewed pages, key: the start of the window. Made when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("parallelism", &s::parallelism, "Tasks of each stage; 0: as many as there are cores, or one in a shard.",
        {.bounds = between(0, 128), .trade_off = "More tasks use more cores; each has its own cache of state.", .unit = "tasks"});
  t.add("gap", &s::gap, "A session ends when its user does nothing for longer than this.",
        {.bounds = between(1ms, 24h),
         .trade_off = "Longer: fewer and longer sessions, shown later.",
         .effect = change_effect::fixed});
  t.add("top_window", &s::top_window, "Length of a window of event time whose pages are ranked.",
        {.bounds = between(1ms, 24h), .effect = change_effect::fixed});
  t.add("top_count", &s::top_count, "So many pages are named per window, the most viewed first.",
        {.bounds = between(1, 1'000), .unit = "pages"});
  t.add("out_of_orderness", &s::out_of_orderness, "A click may be this much older than one before it in its partition.",
        {.bounds = between(0ms, 24h), .trade_off = "Longer: fewer late clicks, later sessions."});
  t.add("idle_after", &s::idle_after,
        "A partition read to its end that is silent for so long no longer holds back sessions and windows.",
        {.bounds = between(10ms, 24h),
         .trade_off = "Shorter: sessions come sooner when partitions fall silent; a click that comes after all may be late."});
  add_record_settings(t, "sessions, late clicks and top pages", "click", "clicks");
  return t;
}

job make_click_sessions(const click_sessions_settings& c) {
  job job{"click-sessions"};
  auto sessions = job.source("clicks", topic<click>{c.input}, source_options_of(c))
                      .event_time(&click::at, bounded_out_of_orderness{c.out_of_orderness}, idle_after{c.idle_after})
                      .key_by(&click::user)
                      .process("sessions", session_builder{c.gap});
  sessions.sink("sessions-out", topic<click_session>{c.sessions}, key{&click_session::user},
                {.guarantee = c.guarantee, .time = [](const click_session& s, timestamp) { return s.end; }});
  sessions.side(session_builder::late).sink("late", topic<click>{c.late}, key{&click::user}, {.guarantee = c.guarantee});

  // Late clicks are gone by now: none of these can be late for its window.
  sessions.side(session_builder::views)
      .key_by(&page_view::page)
      .window("views", tumbling{c.top_window})
      .aggregate(count())
      .map("page-count",
           [](const auto& w) {
             return page_count{w.start, w.key, w.template get<0>()};
           })
      .key_by(&page_count::window_start)
      .process("top-pages", top_pages{c.top_count, c.top_window})
      .sink("top-pages-out", topic<top_of_window>{c.top_pages},
            key{[](const top_of_window& t) { return to_string(t.window_start); }}, {.guarantee = c.guarantee});
  return job;
}

service_type click_sessions_service() {
  return service("click-sessions", "Sessions per user, late clicks, and the most viewed pages per minute.",
                 click_sessions_table(), make_click_sessions);
}

} // namespace weir
