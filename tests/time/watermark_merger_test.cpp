#include <weir/time/watermark.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {
constexpr timestamp at(std::int64_t us) { return {us}; }
using rose = std::optional<timestamp>;
} // namespace

TEST_CASE("the slowest channel holds the watermark") {
  watermark_merger m{2};
  CHECK(m.current() == min_timestamp);
  CHECK(m.on_watermark(0, at(10)) == rose{});
  CHECK(m.holding() == std::optional<std::size_t>{1});
  CHECK(m.on_watermark(1, at(5)) == rose{at(5)});
  CHECK(m.on_watermark(1, at(20)) == rose{at(10)});
  CHECK(m.holding() == std::optional<std::size_t>{0});
}

TEST_CASE("a channel's watermark never takes the merged one back") {
  watermark_merger m{1};
  CHECK(m.on_watermark(0, at(10)) == rose{at(10)});
  CHECK(m.on_watermark(0, at(3)) == rose{});
  CHECK(m.current() == at(10));
}

TEST_CASE("a restored floor holds until the channels are above it") {
  watermark_merger m{2, at(100)};
  CHECK(m.current() == at(100));
  CHECK(m.on_watermark(0, at(50)) == rose{});
  CHECK(m.on_watermark(1, at(60)) == rose{});
  CHECK(m.on_watermark(0, at(150)) == rose{});
  CHECK(m.on_watermark(1, at(120)) == rose{at(120)});
}

TEST_CASE("an idle channel does not count, and the watermark rises when the slowest goes idle") {
  watermark_merger m{2};
  CHECK(m.on_watermark(0, at(10)) == rose{});
  auto change = m.on_status(1, true);
  CHECK(change.rose == rose{at(10)});
  CHECK_FALSE(change.idle);
  CHECK(m.on_watermark(0, at(20)) == rose{at(20)});
  auto back = m.on_status(1, false);
  CHECK_FALSE(back.rose);
  CHECK(m.on_watermark(1, at(15)) == rose{});
  CHECK(m.current() == at(20));
}

TEST_CASE("all idle: held and passed on, never the end of time") {
  watermark_merger m{2};
  CHECK(m.on_watermark(0, at(10)) == rose{});
  CHECK(m.on_watermark(1, at(5)) == rose{at(5)});
  CHECK(m.on_status(1, true).rose == rose{at(10)});
  auto all = m.on_status(0, true);
  CHECK_FALSE(all.rose);
  CHECK(all.idle == std::optional{true});
  CHECK(m.idle());
  CHECK(m.current() == at(10));
  CHECK_FALSE(m.holding());
  CHECK_FALSE(m.on_status(0, true).idle);
  auto again = m.on_status(1, false);
  CHECK(again.idle == std::optional{false});
  CHECK(m.current() == at(10));
}

TEST_CASE("the end of time comes only when every channel has ended") {
  watermark_merger m{3};
  CHECK(m.on_watermark(0, at(10)) == rose{});
  CHECK(m.on_watermark(1, at(20)) == rose{});
  CHECK(m.on_end(2) == rose{at(10)});
  CHECK(m.on_end(0) == rose{at(20)});
  CHECK(m.on_end(1) == rose{max_timestamp});
  CHECK_FALSE(m.idle());
  CHECK_FALSE(m.holding());
}

TEST_CASE("one ended and one idle channel: idle, not over") {
  watermark_merger m{2};
  CHECK(m.on_watermark(0, at(10)) == rose{});
  CHECK(m.on_watermark(1, at(10)) == rose{at(10)});
  SECTION("idle first") {
    CHECK_FALSE(m.on_status(1, true).idle);
    auto change = m.on_channel_end(0);
    CHECK_FALSE(change.rose);
    CHECK(change.idle == std::optional{true});
  }
  SECTION("ended first") {
    CHECK_FALSE(m.on_channel_end(0).rose);
    CHECK(m.on_status(1, true).idle == std::optional{true});
  }
  CHECK(m.current() == at(10));
  CHECK(m.on_status(1, false).idle == std::optional{false});
  CHECK(m.on_watermark(1, at(30)) == rose{at(30)});
}

TEST_CASE("an idle channel that ends makes the task active again only when that was the last") {
  watermark_merger m{2};
  CHECK_FALSE(m.on_status(0, true).idle);
  CHECK(m.on_status(1, true).idle == std::optional{true});
  CHECK_FALSE(m.on_channel_end(0).idle);
  auto over = m.on_channel_end(1);
  CHECK(over.idle == std::optional{false});
  CHECK(over.rose == rose{max_timestamp});
  CHECK_FALSE(m.on_status(1, true).idle); // Status after the end says nothing.
}
