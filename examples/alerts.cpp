// Says once when a sensor has been silent for a minute of event time, and when it is back: state and timers.
#include <weir/weir.hpp>
#include "services/weir/program.hpp"

using namespace std::chrono_literals;

struct heartbeat {
  std::string sensor;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(heartbeat, (), (sensor, at))

struct alert {
  std::string sensor, what;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(alert, (), (sensor, what, at))

struct silence : weir::process_function<std::string, heartbeat, alert> {
  weir::value_state<weir::timestamp> deadline{*this, "deadline"};
  weir::value_state<bool> silent{*this, "silent"};

  void process(const heartbeat& beat, context& ctx) {
    if (auto due = deadline.find(ctx); due && *due <= beat.at)
      on_timer(*due, ctx); // The watermark comes behind the batch: the timer may still be waiting for it.
    deadline.set(ctx, beat.at + 1min);
    ctx.set_timer(beat.at + 1min);
    if (silent.get(ctx)) {
      silent.clear(ctx);
      ctx.emit({ctx.key(), "back", beat.at});
    }
  }
  void on_timer(weir::timestamp at, context& ctx) {
    if (deadline.find(ctx) != at)
      return; // A later beat moved the deadline.
    deadline.clear(ctx);
    silent.set(ctx, true);
    ctx.emit({ctx.key(), "silent", at});
  }
};

struct settings {
  weir::topic_ref input, output;
};

int main(int argc, char** argv) {
  auto table = weir::settings_of<settings>{}
                   .add("input", &settings::input, "Topic of the heartbeats.", {.required = true})
                   .add("output", &settings::output, "Topic of the alerts, key: the sensor.", {.required = true});
  auto make = [](const settings& c) {
    weir::job job{"alerts"};
    job.source("heartbeats", weir::topic<heartbeat>{c.input})
        .event_time(&heartbeat::at, weir::bounded_out_of_orderness{5s})
        .key_by(&heartbeat::sensor)
        .process("silence", silence{})
        .sink("alerts", weir::topic<alert>{c.output}, weir::key{&alert::sensor});
    return job;
  };
  return weir::main(argc, argv, {.services = {weir::service("alerts", "Tells which sensors fell silent.", table, make)}});
}
