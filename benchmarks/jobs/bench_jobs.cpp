// The jobs that are raced against the bare loops: a user's program like any other.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <weir/config/setting.hpp>
#include <weir/graph/job.hpp>
#include "benchmarks/nexmark.hpp"
#include "services/weir/program.hpp"

namespace {

using event = nexmark::event<nexmark::bid_head>;

struct ping {
  std::int64_t id = 0;
  std::int64_t sent_us = 0;
};
BOOST_DESCRIBE_STRUCT(ping, (), (id, sent_us))

struct count_settings {
  weir::topic_ref input, output;
};

std::atomic<std::int64_t> bids = 0;
std::atomic<bool> begun = false;

/// Says how long after WEIR_BENCH_START_US (microseconds since 1970) the first record came, if that is set.
void say_first_record() {
  if (const char* start = std::getenv("WEIR_BENCH_START_US")) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count() - std::strtoll(start, nullptr, 10);
    std::fprintf(stderr, "first record after %.1f ms\n", static_cast<double>(us) / 1000);
  }
}

/// Counts rows and drops them. Each task has its own copy, which adds its number to `bids` when it ends.
class counter {
 public:
  counter() = default;
  counter(const counter&) {}
  counter& operator=(const counter&) = delete;
  ~counter() { bids += count_; }
  bool operator()(const event&) const {
    if (count_++ == 0 && !begun.exchange(true))
      say_first_record();
    return false;
  }

 private:
  mutable std::int64_t count_ = 0;
};

/// Counts the bids of a bounded input; nothing is written.
weir::job make_count(const count_settings& c) {
  weir::source_options from;
  from.bounded = true;
  weir::job job{"count"};
  job.source("events", weir::topic<event>{c.input}, from)
      .filter("bids", [](const event& e) { return e.event_type == 2; })
      .filter("count", counter())
      .sink("none", weir::topic<event>{c.output}, {.guarantee = weir::delivery::none});
  return job;
}

struct relay_settings {
  weir::topic_ref input, output;
  weir::delivery guarantee = weir::delivery::exactly_once;
};

weir::job make_relay(const relay_settings& c) {
  weir::source_options from;
  from.start = weir::start_latest{};
  weir::job job{"relay"};
  job.source("in", weir::topic<ping>{c.input}, from).sink("out", weir::topic<ping>{c.output}, {.guarantee = c.guarantee});
  return job;
}

weir::settings_of<count_settings> count_table() {
  weir::settings_of<count_settings> t;
  t.add("input", &count_settings::input, "Topic of Nexmark events.", {.required = true});
  t.add("output", &count_settings::output, "Topic that nothing is written to.", {.required = true});
  return t;
}

weir::settings_of<relay_settings> relay_table() {
  weir::settings_of<relay_settings> t;
  t.add("input", &relay_settings::input, "Topic of pings.", {.required = true});
  t.add("output", &relay_settings::output, "Topic of the same pings.", {.required = true});
  t.choice("guarantee", &relay_settings::guarantee, "How they are written.",
           {{"exactly-once", weir::delivery::exactly_once}, {"at-least-once", weir::delivery::at_least_once}}, {});
  return t;
}

} // namespace

int main(int argc, char** argv) {
  weir::program all;
  all.services = {weir::service("count", "Counts bids.", count_table(), make_count),
                  weir::service("relay", "Passes pings on.", relay_table(), make_relay)};
  const int code = weir::main(argc, argv, all);
  std::fprintf(stderr, "bids %lld\n", static_cast<long long>(bids.load()));
  return code;
}
