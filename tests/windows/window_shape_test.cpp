#include "tests/catch.hpp"

#include <weir/windows/window_shape.hpp>

using namespace weir;
using namespace std::chrono_literals;

namespace {
timestamp at(duration d) { return timestamp{} + d; }
} // namespace

TEST_CASE("slices and windows are aligned to the epoch by floor division, also before it") {
  window_shape w(tumbling{1min});
  CHECK(w.slice_end(at(0s)) == at(1min));
  CHECK(w.slice_end(at(60s) - 1us) == at(1min));
  CHECK(w.slice_end(at(60s)) == at(2min));
  CHECK(w.slice_end(at(-1us)) == at(0s));
  CHECK(w.slice_end(at(-1min)) == at(0s));
  CHECK(w.slice_end(at(-1min) - 1us) == at(-1min));
  CHECK(w.first_end(at(1min)) == at(1min));
  CHECK(w.last_end(at(1min)) == at(1min));
}

TEST_CASE("windows of a slice are those that hold every instant of it, for any size and slide") {
  struct shape {
    int size, slide;
  };
  for (auto [size, slide] : {shape{6, 2}, shape{5, 2}, shape{7, 3}, shape{4, 4}, shape{9, 6}}) {
    window_shape w(sliding{duration{size * 1000}, duration{slide * 1000}});
    REQUIRE(w.check().ok());
    for (std::int64_t t = -30'000; t <= 30'000; t += 250) {
      std::vector<std::int64_t> expected;
      for (std::int64_t start = -60'000; start <= 60'000; start += slide * 1000)
        if (start / (slide * 1000) * (slide * 1000) == start && start <= t && t < start + size * 1000)
          expected.push_back(start + size * 1000);
      auto slice = w.slice_end({t});
      INFO("size " << size << " slide " << slide << " t " << t);
      REQUIRE(!expected.empty());
      CHECK(w.first_end(slice).us == expected.front());
      CHECK(w.last_end(slice).us == expected.back());
    }
  }
}

TEST_CASE("a slice is done with the last window that holds it") {
  window_shape w(sliding{7ms, 3ms});
  for (std::int64_t slice = -20'000; slice <= 20'000; slice += 1000) {
    auto last = w.last_end({slice});
    CHECK(w.done_slices(last).us >= slice);
    CHECK(w.done_slices(last - w.slide()).us < slice);
  }
}

TEST_CASE("shapes that would lose records or cannot be stored exactly are refused") {
  CHECK(!window_shape(tumbling{0ms}).check().ok());
  CHECK(!window_shape(tumbling{-1s}).check().ok());
  CHECK(!window_shape(tumbling{1500us}).check().ok());
  CHECK(!window_shape(sliding{1min, 2min}).check().ok());
  CHECK(!window_shape(sliding{1min, 0s}).check().ok());
  CHECK(!window_shape(sliding{24h, 86399999ms}).check().ok());
  CHECK(window_shape(sliding{1min, 1min}).check().ok());
  CHECK(window_shape(sliding{5min, 1min}).text() == "sliding 5m every 1m");
}

TEST_CASE("times at the ends of time are outside every window instead of overflowing") {
  window_shape w(tumbling{1min});
  CHECK(!w.covers(min_timestamp));
  CHECK(!w.covers(max_timestamp));
  CHECK(w.covers({0}));
  CHECK(w.clamp(max_timestamp, 0s) < max_timestamp);
  CHECK(w.clamp(min_timestamp, 0s) > min_timestamp);
}
