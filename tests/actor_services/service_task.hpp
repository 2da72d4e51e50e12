#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <weir/core/clock.hpp>
#include <weir/services/actor_service.hpp>
#include <weir/task/task_core.hpp>
#include "tests/catch.hpp"
#include "tests/state/map_base.hpp"
#include "tests/task/fakes.hpp"

// One task of an actor service, alone: the shipped core, operator and table; the test is the channels, the store and the host.

namespace service_test {

/// Keeps what a service's task wants of its host.
struct fake_services : weir::service_host {
  std::vector<std::pair<std::uint64_t, weir::ask_message>> asks;
  std::vector<std::pair<std::uint64_t, weir::ask_outcome>> replies; ///< By token.
  std::vector<std::uint64_t> appends;
  const std::string* running = nullptr;
  void ask(std::uint64_t call, weir::ask_message m, weir::duration) override { asks.emplace_back(call, std::move(m)); }
  void reply(std::uint64_t token, weir::ask_outcome o) override { replies.emplace_back(token, std::move(o)); }
  void append(std::uint64_t call, std::size_t, weir::raw_record) override { appends.push_back(call); }
  void want_checkpoint() override {}
  void handling(const std::string* handler) override { running = handler; }
};

/// An event of the service's subscription with that number.
template <class E>
void add_event(weir::batch<weir::service_event>& to, std::uint16_t subscription, const std::string& key, E value) {
  weir::row_meta m;
  m.offset = static_cast<std::int64_t>(to.size());
  m.partition = 0;
  weir::add_event(to, {subscription, std::make_shared<const E>(std::move(value))}, weir::encoded_key(key), {}, m);
}

/// The task of a service with keys of text that has one input channel (1) and one publication (channel 0).
struct service_task {
  map_base base;
  task_test::fake_host host;
  fake_services services;
  weir::manual_clock clock;
  std::vector<std::string> topics{"in"};
  std::vector<std::string> published; ///< Values.
  std::unique_ptr<weir::task_core> core;

  /// `staged`: what an earlier one handed to its store up to a complete checkpoint.
  explicit service_task(const weir::job_plan& plan, std::int64_t credit = 1 << 20, const std::vector<std::string>& staged = {}) {
    for (const auto& v : plan.vertices) {
      if (!v.is_service)
        continue;
      weir::task_core::parts p;
      p.who = {v.name, 0};
      p.inputs = {{1, 0}};
      p.output = std::make_unique<weir::output_router>([this](const weir::out_channel&, std::vector<weir::frame> frames) {
        for (auto& f : frames)
          if (auto* d = std::get_if<weir::data_frame>(&f))
            for (std::size_t i = 0; i < d->rows->size(); ++i)
              published.emplace_back(d->rows->raw_value(i).value_or("(null)"));
      });
      p.output->add_edge(weir::routing::forward, 128, {{0, &weir::codec_for<weir::packed_record>(), credit}});
      weir::task_state_options o;
      o.last_key_group = 127;
      p.state = weir::make_task_state(o, base.reader());
      for (const auto& chunk : staged)
        REQUIRE(p.state->load_pending(chunk, 1).ok());
      p.operators = v.make_chain();
      p.context.job = plan.job;
      p.context.vertex = v.name;
      p.context.last_key_group = 127;
      p.context.time = &clock;
      p.context.log = weir::logger(plan.job, v.name, 0);
      p.context.source_topics = &topics;
      p.host = &host;
      p.services = &services;
      core = std::make_unique<weir::task_core>(std::move(p));
    }
    REQUIRE(core);
    REQUIRE(core->open({}, staged.empty() ? 0 : 1).ok());
  }

  void work() {
    for (;;) {
      auto r = core->step();
      INFO((r ? "" : r.err().message));
      REQUIRE(r.ok());
      if (*r == weir::task_core::step_result::idle)
        return;
    }
  }
  void give(std::unique_ptr<weir::batch<weir::service_event>> events) {
    std::vector<weir::frame> frames;
    frames.emplace_back(weir::data_frame{std::move(events)});
    core->deliver(1, std::move(frames));
  }
  void end() {
    std::vector<weir::frame> frames;
    frames.emplace_back(weir::end_frame{});
    core->deliver(1, std::move(frames));
    work();
  }
  void barrier(std::uint64_t n) {
    std::vector<weir::frame> frames;
    frames.emplace_back(weir::barrier_frame{n, false});
    core->deliver(1, std::move(frames));
    work();
    REQUIRE(host.acknowledged.count(n) == 1);
  }
  void call(std::function<weir::result<>(weir::service_port&)> f) {
    auto called = core->call_service(std::move(f));
    REQUIRE(called);
    work();
  }
  /// Answers the oldest ask.
  void answer(weir::ask_outcome with) {
    REQUIRE_FALSE(services.asks.empty());
    auto call_id = services.asks.front().first;
    services.asks.erase(services.asks.begin());
    call([=](weir::service_port& p) { return p.answered(call_id, with); });
  }
  /// Time goes on; true: the task had asked for it.
  bool elapse(weir::duration d) {
    clock.advance(d);
    auto next = core->next_processing_time();
    REQUIRE(next.ok());
    if (!*next || **next > clock.now())
      return false;
    core->on_time(clock.now());
    work();
    return true;
  }
};

} // namespace service_test
