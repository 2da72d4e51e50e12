// The mean and the extremes of each sensor over the last minute, every ten seconds.
#include <weir/weir.hpp>
#include "services/weir/program.hpp"

using namespace std::chrono_literals;

struct reading {
  std::string sensor;
  double celsius = 0;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(reading, (), (sensor, celsius, at))

struct summary {
  std::string sensor;
  weir::timestamp from, to;
  double mean = 0, lowest = 0, highest = 0;
};
BOOST_DESCRIBE_STRUCT(summary, (), (sensor, from, to, mean, lowest, highest))

struct settings {
  weir::topic_ref input, output;
};

weir::settings_of<settings> table() {
  return weir::settings_of<settings>{}
      .add("input", &settings::input, "Topic of the readings.", {.required = true})
      .add("output", &settings::output, "Topic of the summaries, key: the sensor.", {.required = true});
}

// [graph]
weir::job make_sliding_average(const settings& c) {
  weir::job job{"sliding-average"};
  job.source("readings", weir::topic<reading>{c.input})
      .event_time(&reading::at, weir::bounded_out_of_orderness{2s}, weir::idle_after{30s})
      .filter([](const reading& r) { return r.celsius > -273.15; })
      .key_by(&reading::sensor)
      .window("last-minute", weir::sliding{1min, 10s})
      .aggregate(weir::avg(&reading::celsius), weir::min(&reading::celsius), weir::max(&reading::celsius))
      .map([](const auto& w) {
        return summary{w.key, w.start, w.end, w.template get<0>(), w.template get<1>(), w.template get<2>()};
      })
      .sink("summaries", weir::topic<summary>{c.output}, weir::key{&summary::sensor});
  return job;
}
// [graph]

int main(int argc, char** argv) {
  return weir::main(argc, argv,
                    {.services = {weir::service("sliding-average", "Means of the last minute.", table(), make_sliding_average)}});
}
