#include "actors/hosting/hosted_supervisor.hpp"
#include <algorithm>
#include <weir/caf.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/task/told_offsets.hpp>
#include "actors/hosting/host_actor.hpp"
#include "actors/restart_loop.hpp"

namespace weir {
namespace {

constexpr std::size_t first_map = std::size_t{1} << 30; ///< Of a store that only counts incarnations.
constexpr std::size_t most_partitions = 16'000;         ///< A partition's number is part of a request's id.
constexpr duration partition_interval = std::chrono::seconds(30);
constexpr duration glance = std::chrono::milliseconds(200);

/// One life of the actor: what was made for it.
struct hosted_life {
  caf::actor host, actor;
  std::shared_ptr<const detail::hosted_port> port;
  std::shared_ptr<open_partitions> open = std::make_shared<open_partitions>();
  std::map<std::size_t, told_offsets> committed; ///< By source.
  bool reads = false;                            ///< Its sources are started.
  bool host_down = false, actor_down = false;
};

class supervisor_of_actor {
 public:
  supervisor_of_actor(caf::blocking_actor* self, supervisor_options options)
      : self_(self),
        options_(std::move(options)),
        spec_(*options_.spec),
        hosted_(*spec_.plan.hosted),
        shared_(*options_.shared),
        log_(spec_.plan.job, "-", -1) {}

  void run() {
    shared_.hosts_actor = true;
    supervise(options_, log_,
              {first_map, "the lowest event that is not done", [this](job_store& store, bool) { return attempt(store); }});
  }

 private:
  attempt_end attempt(job_store& store) {
    shared_.end_attempt(false);
    attempt_connections connections;
    recovery_steps recovery(spec_, store, options_.shared, log_);
    auto found = recovery.run_hosted(connections);
    if (!found)
      return failed_attempt(found.err());
    life_ = hosted_life{};
    shared_.set_phase(job_phase::recovering, "starting the actor");
    // The function that spawns the actor is user code.
    auto end = guarded_attempt([&] {
      auto started = start(store.incarnation(), *found, connections);
      return started ? watch(*found, connections) : failed_attempt(started.err());
    });
    shared_.on_stop(nullptr);
    shared_.end_attempt(true);
    if (!stop_actors())
      return hung(end);
    // What was answered until now is done, however the attempt ended.
    if (life_.reads)
      commit(connections);
    end.made_progress = made_progress();
    shared_.set_unanswered("");
    life_ = hosted_life{};
    return end;
  }

  result<> start(std::uint64_t token, const recovered_job& found, attempt_connections& connections) {
    std::vector<std::size_t> tasks;
    for (const auto& v : spec_.plan.vertices)
      tasks.push_back(v.kind == vertex_kind::source ? found.readers.at(v.name).size() : 1);
    shared_.lay_out(spec_.plan, tasks);

    auto pending = std::make_shared<std::atomic<bool>>(false);
    auto& system = self_->system();
    life_.host = system.spawn<caf::detached>(host_actor, host_options{caf::actor_cast<caf::actor>(self_), pending});
    self_->monitor(life_.host);
    // Weak: an answer that somebody keeps open for ever keeps its box, and must not keep the host.
    auto wake = [host = life_.host.address(), pending] {
      if (auto to = caf::actor_cast<caf::actor>(host); to && !pending->exchange(true))
        caf::anon_send(to, msg::wake{});
    };
    auto p = std::make_shared<host_core::parts>();
    p->service = spec_.plan.hosted;
    p->name = spec_.plan.job;
    p->system = &system;
    p->box =
        caf::make_actor<answer_box, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, box_config_, wake);
    p->open = life_.open;
    p->shared = options_.shared;
    p->poll_bytes = std::max<std::size_t>(spec_.channel_bytes, std::size_t{64} << 10);
    p->log = log_;
    p->time = &system_clock();
    WEIR_TRY(open_outputs(found, connections, wake, *p));
    spawn_actor(token);
    if (!life_.actor)
      return {errc::user_code_failed, "the function that spawns the actor returned none"};
    p->target = life_.actor;
    WEIR_TRY(open_inputs(found, connections, wake, *p));
    p->meter = shared_.meter(hosted_.subscriptions.size(), 0);
    caf::anon_send(life_.host, msg::install_host{std::move(p)});
    WEIR_TRY(connections.start_sources());
    life_.reads = true;
    return success();
  }

  void spawn_actor(std::uint64_t token) {
    auto port = std::make_shared<detail::hosted_port>();
    port->system = &self_->system();
    port->service = spec_.plan.job;
    port->token = token;
    port->log = log_.for_operator(spec_.plan.vertices[hosted_.subscriptions.size()].name, 0);
    port->writer = life_.host.address();
    port->counter = [shared = options_.shared](const std::string& name) { return shared->counter(name); };
    life_.port = port;
    life_.actor = hosted_.spawn(caf_context(port));
    if (life_.actor)
      self_->monitor(life_.actor);
  }

  result<> open_outputs(const recovered_job& found, attempt_connections& connections, const std::function<void()>& wake,
                        host_core::parts& p) {
    std::map<std::string, std::shared_ptr<direct_producer>> producers;
    for (std::size_t i = 0; i < hosted_.outputs; ++i) {
      auto at = hosted_.subscriptions.size() + 1 + i;
      const auto& v = spec_.plan.vertices[at];
      const auto& name = v.sink.topic.connection;
      auto& sink = *connections.sinks.at(name);
      if (!producers[name]) {
        WEIR_ASSIGN(producers[name], sink.open_direct(wake));
      }
      p.outputs.push_back({{name, found.destinations.at(v.name), &sink}, producers[name]});
      p.output_meters.push_back(shared_.meter(at, 0));
    }
    return success();
  }

  result<> open_inputs(const recovered_job& found, attempt_connections& connections, const std::function<void()>& wake,
                       host_core::parts& p) {
    for (std::size_t s = 0; s < hosted_.subscriptions.size(); ++s) {
      const auto& v = spec_.plan.vertices[s];
      auto& group = life_.committed.emplace(s, spec_.commit_again).first->second;
      for (const auto& [partition, begin] : found.readers.at(v.name)) {
        if (p.partitions.size() >= most_partitions)
          return {errc::invalid_config, "the topics have more than " + std::to_string(most_partitions) + " partitions"};
        auto next = begin.position.next_offset;
        auto& open = life_.open->emplace_back();
        open.source = s;
        open.partition = partition;
        open.lowest_not_done = next;
        group.stands(partition, next, system_clock().monotonic());
        host_core::partition_parts to;
        to.source = s;
        to.partition = partition;
        to.next_offset = next;
        to.woken = std::make_shared<std::atomic<bool>>(true);
        to.open = &open;
        to.meter = shared_.meter(s, spec_.plan.shard.place_of(partition));
        to.stop = stop_of(v, partition, connections);
        WEIR_ASSIGN(to.reader,
                    connections.sources.at(v.name)->open(v.source.topic.topic, partition, next, [wake, woken = to.woken] {
                      woken->store(true);
                      wake();
                    }));
        p.partitions.push_back(std::move(to));
      }
    }
    return success();
  }

  /// Until the actor failed, the input is at its end, or it is drained.
  attempt_end watch(const recovered_job& found, attempt_connections& connections) {
    attempt_end end;
    auto me = caf::actor_cast<caf::actor>(self_);
    shared_.on_stop([me] { caf::anon_send(me, msg::drain{}); });
    shared_.set_phase(job_phase::running, "");
    auto draining = false, drained = false;
    auto drain = [&] {
      if (std::exchange(draining, true))
        return;
      if (shared_.stop_requested())
        shared_.set_phase(job_phase::stopping, "waiting for the answers to open events");
      self_->send(life_.host, msg::drain{});
    };
    if (shared_.stop_requested())
      drain();
    auto next_look = system_clock().monotonic() + partition_interval;
    auto next_commit = system_clock().monotonic() + spec_.checkpoint.interval;
    while (!drained && !end.cause) {
      self_->receive([&](const msg::drain&) { drain(); }, [&](const msg::host_drained&) { drained = true; },
                     [&](const msg::failed& m) { end.cause = thrown().value_or(m.cause); },
                     [&](const caf::down_msg& m) { on_down(m, end.cause); },
                     caf::after(pause(draining, std::min(next_look, next_commit))) >> [] {});
      auto now = system_clock().monotonic();
      if (now >= next_commit) {
        next_commit = now + spec_.checkpoint.interval;
        commit(connections);
      }
      if (!drained && !end.cause && gave_up())
        end.cause = error{errc::cancelled, std::to_string(shared_.open_events.load()) +
                                               " events have no answer within the shutdown time-out; they come again"};
      if (!draining && now >= next_look) {
        next_look = now + partition_interval;
        if (partitions_grew(found, connections)) {
          end.partitions_grew = true;
          drain();
        }
      }
    }
    if (end.cause)
      return end;
    last_commit(connections);
    if (end.partitions_grew && !shared_.stop_requested())
      return end;
    end.partitions_grew = false;
    end.phase = shared_.stop_requested() ? job_phase::stopped : job_phase::ended;
    return end;
  }

  [[nodiscard]] std::optional<error> thrown() const {
    auto text = life_.port ? life_.port->thrown() : std::string();
    return text.empty() ? std::nullopt : std::optional(error{errc::user_code_failed, "the actor threw: " + text});
  }

  void on_down(const caf::down_msg& m, std::optional<error>& cause) {
    if (m.source == life_.host.address()) {
      life_.host_down = true;
      cause = error{errc::internal, "the host of the actor ended by itself: " + self_->system().render(m.reason)};
    } else if (m.source == life_.actor.address()) {
      life_.actor_down = true;
      cause = thrown().value_or(error{errc::user_code_failed, "the actor ended by itself: " + self_->system().render(m.reason)});
    } // Else that of an earlier life, which may come late.
  }

  /// How long there is nothing to see to unless a message comes, as one does when a stop is requested.
  duration pause(bool draining, duration next) const {
    auto rest = std::max(next - system_clock().monotonic(), duration{0});
    return draining || shared_.stop_requested() ? std::min(glance, spec_.checkpoint.interval) : rest;
  }

  /// Tells the consumer groups what is done. An offset that is not told is repeated by the next start: nothing is lost.
  bool commit(attempt_connections& connections, bool last = false) {
    std::map<std::size_t, told_offsets::offsets> next;
    for (const auto& p : *life_.open)
      next[p.source][p.partition] = p.lowest_not_done.load(std::memory_order_acquire);
    auto all = true;
    for (const auto& [source, offsets] : next) {
      auto& group = life_.committed.at(source);
      auto now = system_clock().monotonic();
      auto due = last ? group.untold(offsets) : group.due(offsets, now);
      if (due.empty())
        continue;
      const auto& v = spec_.plan.vertices[source];
      const auto& topic = v.source.topic;
      if (auto r = connections.sources.at(v.name)->commit_offsets(topic.topic, due); !r) {
        if (!std::exchange(commit_failed_, true))
          log_.warning("offsets are not committed; events are repeated by a restart",
                       {{"topic", topic.topic}, {"cause", r.err().message}});
        all = false;
        continue;
      }
      commit_failed_ = false;
      progressed_ = progressed_ || group.is_new(due);
      group.told(due, now);
      shared_.commits.fetch_add(1);
      shared_.committed_at_us = system_clock().now().us;
    }
    return all;
  }

  /// Behind the last event: again until it works or the shutdown time-out is over.
  void last_commit(attempt_connections& connections) {
    while (!commit(connections, true) && !shared_.wait_or_give_up(glance, spec_.shutdown_timeout)) {
    }
  }

  /// Something was committed, and no event that stood in the way at the end of the life before does so again: else one poisonous
  /// event would be tried for ever while other partitions go on.
  bool made_progress() {
    std::map<std::pair<std::size_t, std::int32_t>, std::int64_t> now;
    auto same = false;
    for (const auto& p : *life_.open) {
      if (p.undone == 0)
        continue;
      auto at = std::pair(p.source, p.partition);
      now[at] = p.lowest_not_done;
      auto before = stood_at_.find(at);
      same = same || (before != stood_at_.end() && before->second == now[at]);
    }
    stood_at_ = std::move(now);
    return std::exchange(progressed_, false) && !same;
  }

  [[nodiscard]] bool gave_up() const {
    auto at = shared_.stop_requested_at();
    return at && system_clock().monotonic() - *at > spec_.shutdown_timeout;
  }

  std::optional<std::int64_t> stop_of(const vertex_plan& v, std::int32_t partition, attempt_connections& connections) {
    if (!spec_.until_end)
      return std::nullopt;
    auto known = stops_.find({v.name, partition});
    if (known != stops_.end())
      return known->second;
    auto end = connections.sources.at(v.name)->end_offset(v.source.topic.topic, partition);
    if (!end)
      throw std::runtime_error("the end of topic '" + v.source.topic.topic + "' is not known: " + end.err().message);
    return stops_[{v.name, partition}] = *end;
  }

  bool partitions_grew(const recovered_job& found, attempt_connections& connections) const {
    for (std::size_t s = 0; s < hosted_.subscriptions.size(); ++s) {
      const auto& v = spec_.plan.vertices[s];
      auto now = connections.sources.at(v.name)->describe(v.source.topic.topic);
      if (now && !spec_.until_end &&
          static_cast<std::size_t>(now->partitions) > found.readers.at(v.name).size() * spec_.plan.shard.of) {
        log_.info("the topic has new partitions: starting again to read them",
                  {{"topic", v.source.topic.topic}, {"partitions", now->partitions}});
        return true;
      }
    }
    return false;
  }

  /// Ends both actors. False: the actor is inside a handler and does not come out of it, not even killed.
  bool stop_actors() {
    auto end = [&](const caf::actor& a, caf::exit_reason why) {
      if (a)
        self_->send_exit(a, why);
    };
    end(life_.actor, caf::exit_reason::user_shutdown);
    auto down = wait_down(life_.actor, life_.actor_down, spec_.shutdown_timeout);
    if (!down) {
      end(life_.actor, caf::exit_reason::kill);
      down = wait_down(life_.actor, life_.actor_down, std::chrono::seconds(1));
    }
    end(life_.host, caf::exit_reason::user_shutdown);
    wait_down(life_.host, life_.host_down, duration::max());
    // What they said is of no interest to the next attempt.
    auto empty = false;
    while (!empty)
      self_->receive(
          caf::others >> [](caf::message_view&) -> caf::result<caf::message> { return caf::message{}; },
          caf::after(std::chrono::seconds(0)) >> [&] { empty = true; });
    return down;
  }

  bool wait_down(const caf::actor& a, bool& down, duration limit) {
    if (!a)
      return true;
    auto until = limit == duration::max() ? limit : system_clock().monotonic() + limit;
    while (!down && system_clock().monotonic() < until)
      self_->receive(
          [&](const caf::down_msg& m) {
            life_.actor_down = life_.actor_down || m.source == life_.actor.address();
            life_.host_down = life_.host_down || m.source == life_.host.address();
          },
          caf::others >> [](caf::message_view&) -> caf::result<caf::message> { return caf::message{}; },
          caf::after(std::chrono::milliseconds(10)) >> [] {});
    return down;
  }

  /// There must never be two of it: without the end of the first there is no second.
  attempt_end hung(const attempt_end& before) {
    auto why = std::string("the actor does not end: a handler of it does not return; it is not started again");
    if (before.cause)
      why += ". Before that: " + before.cause->message;
    auto end = failed_attempt({errc::user_code_failed, std::move(why)});
    end.terminal = true;
    return end;
  }

  caf::blocking_actor* self_;
  supervisor_options options_;
  const job_spec& spec_;
  const hosted_service& hosted_;
  job_shared& shared_;
  logger log_;
  caf::actor_config box_config_;
  hosted_life life_;
  std::map<std::pair<std::string, std::int32_t>, std::int64_t> stops_;    ///< Of a bounded run; the same in each attempt.
  std::map<std::pair<std::size_t, std::int32_t>, std::int64_t> stood_at_; ///< Lowest undone events when the last life ended.
  bool progressed_ = false, commit_failed_ = false;
};

} // namespace

void hosted_supervisor(caf::blocking_actor* self, supervisor_options options) {
  supervisor_of_actor(self, std::move(options)).run();
}

} // namespace weir
