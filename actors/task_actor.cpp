#include "actors/task_actor.hpp"

namespace weir {
namespace {

/// Frames between two looks at the mailbox.
constexpr int steps_per_turn = 16;
/// Of an actor service, rows between two looks at the mailbox, where asks wait. A frame holds 1,024 at most and is not divided.
constexpr std::uint64_t service_rows_per_turn = 256;

} // namespace

void task_state_of_actor::stage_delta(std::string chunk) {
  self->send(options.store, msg::stage{options.who, msg::stage::kind::delta, std::move(chunk)});
}

void task_state_of_actor::stage_outbox(std::string chunk) {
  self->send(options.store, msg::stage{options.who, msg::stage::kind::outbox, std::move(chunk)});
}

void task_state_of_actor::stage_spill(std::string chunk) {
  self->send(options.store, msg::stage{options.who, msg::stage::kind::spill, std::move(chunk)});
}

void task_state_of_actor::acknowledge(std::uint64_t checkpoint, contribution c) {
  self->send(options.coordinator, msg::acknowledge{checkpoint, std::move(c)});
}

void task_state_of_actor::decline(std::uint64_t checkpoint, const std::string& why) {
  self->send(options.coordinator, msg::decline{checkpoint, options.who, why});
}

void task_state_of_actor::finished() { self->send(options.supervisor, msg::finished{options.who}); }

void task_state_of_actor::fail(const error& e) {
  failed = true;
  self->send(options.supervisor, msg::failed{options.who.vertex + "[" + std::to_string(options.who.index) + "]", e});
}

void task_state_of_actor::install(msg::install_task& m) {
  m.parts->host = this;
  inputs = std::move(m.inputs);
  if (m.command_topics) {
    services = std::make_unique<service_side>(*this, options.directory, std::move(*m.command_topics));
    m.parts->services = services.get();
  }
  core = std::make_unique<task_core>(std::move(*m.parts));
  if (auto r = core->open(m.saved, m.restored_checkpoint); !r)
    return fail(r.err());
  // Nothing is done before `go`: timers that came due while the job was down and events that wait in the state would send
  // rows to tasks that are not there yet.
  self->send(options.supervisor, msg::ready{});
}

void task_state_of_actor::deliver(msg::frames& m) {
  if (failed)
    return;
  auto from = inputs.find(m.channel);
  if (!core || from == inputs.end())
    return fail({errc::internal, "a frame came on channel " + std::to_string(m.channel) + ", which " +
                                     (core ? "is none of its own" : "it has not been told of yet")});
  auto frames = options.transport->unwrap(*m.what, from->second.codec);
  if (!frames)
    return fail(frames.err());
  core->deliver(m.channel, std::move(*frames));
  pump();
}

void task_state_of_actor::pump() {
  if (failed || !started)
    return;
  options.meter.begin();
  auto more = true;
  const auto before = core->rows_in();
  for (int i = 0; i < steps_per_turn && more && (!services || core->rows_in() - before < service_rows_per_turn); ++i) {
    auto r = core->step();
    if (!r)
      return fail(r.err());
    more = *r == task_core::step_result::more;
  }
  return_credits();
  if (more && !running) {
    running = true;
    self->send(self, msg::run{});
  }
  if (services)
    services->report(*core->service());
  auto* sink = core->sink();
  if (sink && sink->records() != reported_out) {
    options.shared->records_out.fetch_add(sink->records() - reported_out, std::memory_order_relaxed);
    reported_out = sink->records();
  }
  options.meter.end(core->rows_in(), sink ? sink->records() : core->output().rows_sent(), core->watermark(), core->output());
  schedule_timer();
}

void task_state_of_actor::return_credits() {
  for (auto& [channel, bytes] : credits)
    self->send(inputs.at(channel).sender, msg::credit{channel, bytes});
  credits.clear();
}

void task_state_of_actor::schedule_timer() {
  auto next = core->next_processing_time();
  if (!next)
    return fail(next.err());
  if (!*next || (timer && *timer <= **next))
    return;
  timer = **next;
  auto wait = std::max(**next - system_clock().now(), duration{std::chrono::milliseconds(1)});
  self->delayed_send(self, wait, msg::due{*timer});
}

caf::behavior task_actor(caf::stateful_actor<task_state_of_actor>* self, task_options options) {
  self->state.options = std::move(options);
  return {
      [self](msg::install_task& m) { self->state.install(m); },
      [self](msg::frames& m) { self->state.deliver(m); },
      [self](const msg::go&) {
        self->state.started = self->state.core != nullptr;
        self->state.pump();
      },
      [self](const msg::run&) {
        self->state.running = false;
        self->state.pump();
      },
      [self](const msg::credit& m) {
        if (self->state.core)
          self->state.core->add_credit(m.channel, m.bytes);
        self->state.pump();
      },
      [self](const msg::wake&) {
        auto& s = self->state;
        if (!s.core)
          return;
        if (auto* direct = dynamic_cast<direct_sink*>(s.core->sink())) {
          if (auto r = direct->retry(); !r)
            return s.fail(r.err());
        }
        if (s.services) {
          if (auto r = s.services->poll(); !r)
            return s.fail(r.err());
        }
        s.pump();
      },
      [self](const msg::due& m) {
        auto& s = self->state;
        // Replaced by an earlier time, or heard before: only the newest counts, else each would schedule one more.
        if (!s.core || s.timer != m.at)
          return;
        s.timer.reset();
        if (auto now = system_clock().now(); m.at <= now) {
          s.core->on_time(now);
          s.options.shared->activity.store(true, std::memory_order_relaxed);
        }
        s.pump(); // Schedules anew, also when the wall clock is behind the delay.
      },
      [self](msg::ask& m) {
        auto promise = self->make_response_promise<msg::ask_reply>();
        auto& s = self->state;
        if (s.services && !s.failed)
          s.services->asked(std::move(m.what), promise);
        else
          promise.deliver(msg::ask_reply{ask_error{ask_errc::unavailable, "service '" + m.what.service + "' is restarting"}});
        return promise;
      },
      [self](const msg::release_key& m) {
        auto promise = self->make_response_promise<bool>();
        auto& s = self->state;
        auto queued = !s.failed && s.core && s.core->call_service([m, promise](service_port& port) mutable -> result<> {
          WEIR_ASSIGN(auto released, port.release(m.encoded_key, m.how));
          promise.deliver(released);
          return success();
        });
        if (!queued)
          promise.deliver(false);
        s.options.shared->activity.store(true, std::memory_order_relaxed);
        s.pump();
        return promise;
      },
      [self](const msg::complete& m) {
        if (self->state.core)
          self->state.core->on_complete(m.checkpoint);
      },
      [self](const msg::closed& m) {
        if (self->state.core)
          self->state.core->on_closed(m.checkpoint);
        self->state.pump();
      },
      [self](const msg::spilled& m) {
        if (self->state.core)
          self->state.core->on_spilled(m.number);
      },
      [self](const msg::applied& m) {
        if (self->state.core)
          self->state.core->on_applied(m.checkpoint);
      },
      [self](const msg::outbox_full& m) {
        if (!self->state.core)
          return;
        if (auto* sink = dynamic_cast<outbox_sink*>(self->state.core->sink()))
          sink->pause(m.full);
        self->state.pump();
      },
  };
}

} // namespace weir
