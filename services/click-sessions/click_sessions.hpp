#pragma once
#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <vector>
#include <weir/config/setting.hpp>
#include <weir/graph/job.hpp>
#include "services/common/input_settings.hpp"
#include "services/weir/program.hpp"

namespace weir {

/// A click as it comes: {"click_id":17,"user":"u-0042","page":"/p/07","at":"2026-01-01T00:00:03.250Z"}.
struct click {
  std::int64_t click_id = 0; ///< Unique in the topic.
  std::string user, page;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(click, (), (click_id, user, page, at))

/// What goes to `sessions`, fields in this order.
struct click_session {
  std::string user;
  timestamp start, end; ///< Of its first and its last click.
  std::int64_t clicks = 0;
  std::string entry_page, exit_page;
};
BOOST_DESCRIBE_STRUCT(click_session, (), (user, start, end, clicks, entry_page, exit_page))

struct page_views {
  std::string page;
  std::int64_t views = 0;
};
BOOST_DESCRIBE_STRUCT(page_views, (), (page, views))

/// What goes to `top-pages`: the most viewed pages of a window, the most views first, pages of equal views by name.
struct top_of_window {
  timestamp window_start, window_end;
  std::vector<page_views> pages;
};
BOOST_DESCRIBE_STRUCT(top_of_window, (), (window_start, window_end, pages))

/// A click on its way to the count of its page.
struct page_view {
  std::string page;
};
BOOST_DESCRIBE_STRUCT(page_view, (), (page))

/// The views of a page in one window.
struct page_count {
  timestamp window_start;
  std::string page;
  std::int64_t views = 0;
};
BOOST_DESCRIBE_STRUCT(page_count, (), (window_start, page, views))

/// A session that may still grow; its last click is at the time it is kept under.
struct open_session {
  timestamp start;
  std::int64_t entry_id = 0, exit_id = 0, clicks = 0;
  std::string entry_page, exit_page;
};
BOOST_DESCRIBE_STRUCT(open_session, (), (start, entry_id, exit_id, clicks, entry_page, exit_page))

/// Sessions of a user: the longest runs of clicks, in event time, of which none is more than the gap behind the one before. A
/// session is emitted when the watermark is the gap behind its last click. Clicks may come in any order: a click may begin a
/// session, make one longer at either end, or join two. A click at or behind the watermark when it comes is late: it goes
/// to the side output and counts for nothing; every other one goes to `views` as well.
class session_builder : public process_function<std::string, click, click_session> {
 public:
  static const output_tag<click> late;
  static const output_tag<page_view> views;

  explicit session_builder(duration gap) : gap_(gap) {}

  void process(const click& c, context& ctx);
  void on_timer(timestamp time, context& ctx);

 private:
  duration gap_;
  map_state<timestamp, open_session> open_{*this, "open"}; ///< By the time of the last click.
};

/// The most viewed pages of a window of the given length; keyed by the window's start.
class top_pages : public process_function<timestamp, page_count, top_of_window> {
 public:
  top_pages(std::int64_t most, duration window) : most_(static_cast<std::size_t>(most)), window_(window) {}

  void process(const page_count& p, context& ctx);
  void on_timer(timestamp time, context& ctx);

 private:
  std::size_t most_;
  duration window_;
  value_state<std::vector<page_views>> best_{*this, "best"}; ///< In the order they are emitted in, at most `most_`.
};

struct click_sessions_settings {
  topic_ref input;
  topic_ref sessions;
  topic_ref late;
  topic_ref top_pages;
  std::int64_t parallelism = 0;
  duration gap = std::chrono::minutes(5);
  duration top_window = std::chrono::minutes(1);
  std::int64_t top_count = 5;
  duration out_of_orderness = std::chrono::seconds(5);
  duration idle_after = std::chrono::seconds(30);
  delivery guarantee = delivery::exactly_once;
  start_position start = start_earliest{};
  bad_record on_bad_record = bad_record::fail;
  std::optional<topic_ref> dead_letters;
};

[[nodiscard]] settings_of<click_sessions_settings> click_sessions_table();

/// Clicks by user into sessions, late clicks to a topic of their own, and the views of the others by page and then by window
/// into the top pages.
[[nodiscard]] job make_click_sessions(const click_sessions_settings& c);

/// The service type "click-sessions".
[[nodiscard]] service_type click_sessions_service();

} // namespace weir
