#include "tests/simulation/process.hpp"

namespace weir::simulation {

namespace {
constexpr std::int64_t link_changes_percent = 5;
}

process::process(world& w, broker& b, const input_log& input, store_content content, process_options o, on_end ended,
                 on_freeze frozen)
    : world_(&w),
      broker_(&b),
      input_(&input),
      store_(w, std::move(content)),
      options_(o),
      on_end_(std::move(ended)),
      on_freeze_(std::move(frozen)),
      publisher_(*this) {}

void process::start() {
  after(actor::store, 1, [this] {
    if (!store_.begin_incarnation())
      return exit(end::failed);
    send(actor::store, actor::publisher, [this] { publisher_.start(); });
  });
  if (options_.stop_at >= 0)
    after(actor::coordinator, options_.stop_at, [this] {
      if (coordinator_)
        execute(coordinator_->request_final(duration{world_->now()}));
    });
}

void process::deliver(world::event e) {
  if (state_ == state::dead)
    return;
  if (state_ == state::frozen) {
    stalled_.push_back(std::move(e));
    return;
  }
  ++events_;
  if (events_ == options_.crash_after && !world_->calmed()) {
    world_->probe("killed");
    return exit(end::killed);
  }
  if (events_ == options_.freeze_after && !world_->calmed()) {
    state_ = state::frozen;
    stalled_.push_back(std::move(e));
    return on_freeze_();
  }
  e();
}

void process::wake() {
  if (state_ != state::frozen)
    return;
  state_ = state::running;
  auto stalled = std::exchange(stalled_, {});
  for (auto& e : stalled)
    deliver(std::move(e));
}

void process::exit(end how) {
  if (state_ == state::dead)
    return;
  state_ = state::dead;
  store_.crash();
  // Not from inside one of our own actors.
  world_->after(1, [self = shared_from_this(), how] { self->on_end_(how); });
}

std::int64_t process::latency(int from, int to) {
  auto [slow, made] = slow_.try_emplace({from, to}, 1);
  // A link is slow for a while, then another: barriers of one checkpoint overtake on a path where those of the last fell back.
  if (made || world_->chance(link_changes_percent))
    slow->second = !world_->chance(options_.slow_links_percent) ? 1 : world_->chance(50) ? 10 : 40;
  auto factor = world_->calmed() ? 1 : slow->second;
  return 1 + world_->below(6 * factor) + (world_->fault(10'000) ? world_->below(400) : 0);
}

void process::send(int from, int to, world::event e) {
  auto& last = last_[{from, to}];
  last = std::max(last + 1, world_->now() + latency(from, to));
  world_->at(last, [self = shared_from_this(), e = std::move(e)]() mutable { self->deliver(std::move(e)); });
}

void process::send_frame(int from, const channel_end& to, frame f) {
  send(from, to.to->actor(), [to, f = std::move(f)] { to.to->receive(to.channel, f); });
}

void process::after(int, std::int64_t delay, world::event e) {
  world_->after(delay, [self = shared_from_this(), e = std::move(e)]() mutable { self->deliver(std::move(e)); });
}

void process::decide(const std::optional<marker>& found) {
  const auto& content = store_.content();
  recovery_facts facts;
  facts.lineage = content.lineage;
  facts.incarnation = content.incarnation;
  if (content.newest)
    facts.complete.push_back(*content.newest);
  facts.published = content.published;
  facts.markers.push_back({id_, found});
  facts.unpublished = store_.unpublished();
  facts.highest_number = content.highest;
  facts.own_incarnations = content.own_incarnations;
  auto plan = decide_recovery(facts);
  if (!plan)
    return exit(end::refused);
  if (found && found->checkpoint > 0 && (!content.published || *content.published != *found))
    world_->probe("marker ahead of the store's record");
  next_ = plan->next;
  send(actor::publisher, actor::store, [this, plan = *plan] {
    if (!store_.add_own_incarnation())
      return exit(end::failed);
    send(actor::store, actor::publisher, [this, plan] { publisher_.recover(plan); });
  });
}

void process::start_graph() {
  const auto& content = store_.content();
  auto partitions = input_->size();
  auto next_actor = actor::first_task;
  std::set<participant_id> participants;
  auto make_tasks = [&](task::role role, const char* name, std::size_t count, std::size_t inputs) {
    std::vector<task*> made;
    for (std::size_t i = 0; i < count; ++i) {
      participant_id who{name, static_cast<std::int32_t>(i)};
      participants.insert(who);
      made.push_back(tasks_.emplace_back(std::make_unique<task>(*this, role, static_cast<int>(i), next_actor++, inputs)).get());
      if (auto base = content.base.find(who); base != content.base.end())
        made.back()->restore(base->second);
    }
    return made;
  };
  auto first = make_tasks(task::role::first, "first", options_.first_tasks, partitions);
  auto second = make_tasks(task::role::second, "second", options_.second_tasks, options_.first_tasks);
  auto sinks = make_tasks(task::role::sink, "sink", options_.second_tasks, 1);
  for (std::size_t i = 0; i < first.size(); ++i)
    for (auto* to : second)
      first[i]->outputs.push_back({to, i});
  for (std::size_t i = 0; i < second.size(); ++i)
    second[i]->outputs.push_back({sinks[i], 0});
  for (std::size_t p = 0; p < partitions; ++p) {
    participant_id who{"source", static_cast<std::int32_t>(p)};
    participants.insert(who);
    std::size_t offset = 0;
    if (auto saved = content.manifest.find(who); saved != content.manifest.end())
      offset = std::stoul(saved->second.inline_state);
    auto& s = sources_.emplace_back(std::make_unique<source>(*this, static_cast<int>(p), next_actor++, offset));
    for (auto* to : first)
      s->outputs.push_back({to, p});
    s->start();
  }
  coordinator_ = std::make_unique<checkpoint_coordinator>(options_.checkpoint, next_, participants, duration{world_->now()});
  tick();
}

void process::tick() {
  auto next = coordinator_->next_tick();
  if (!next || (tick_at_ > world_->now() && tick_at_ <= next->count()))
    return;
  tick_at_ = std::max(next->count(), world_->now() + 1);
  after(actor::coordinator, tick_at_ - world_->now(), [this] { execute(coordinator_->on_tick(duration{world_->now()})); });
}

void process::execute(checkpoint_coordinator::actions actions) {
  using coordinator = checkpoint_coordinator;
  for (auto& a : actions) {
    if (auto* barrier = std::get_if<coordinator::send_barrier>(&a)) {
      for (auto& s : sources_)
        send(actor::coordinator, s->actor(), [s = s.get(), b = *barrier] { s->on_barrier(b.checkpoint, b.final_barrier); });
    } else if (auto* ask = std::get_if<coordinator::store_complete>(&a)) {
      send(actor::coordinator, actor::store, [this, ask = *ask] { complete(ask); });
    } else if (auto* question = std::get_if<coordinator::store_close>(&a)) {
      send(actor::coordinator, actor::store, [this, k = question->checkpoint] { close(k); });
    } else if (auto* done = std::get_if<coordinator::announce_complete>(&a)) {
      if (store_.content().newest != done->checkpoint)
        world_->wrong("complete was announced for a checkpoint the store does not have");
      world_->probe("complete");
      // The publisher learns in one message that there is more and that it is the last: else an answer of the store from
      // before would look like "all is published".
      send(actor::coordinator, actor::publisher, [this, last = coordinator_->stopped(), ended = done->ended] {
        last_checkpoint_done_ = last;
        input_ended_ = ended;
        publisher_.wake();
      });
      perhaps_die_soon();
    } else if (auto* closed = std::get_if<coordinator::announce_closed>(&a)) {
      world_->probe("closed");
      for (auto& t : tasks_)
        // Often slower than the next barrier along the channels: then that one cancels.
        after(t->actor(), world_->fault(400'000) ? world_->below(1'000) : 1,
              [this, t = t.get(), k = closed->checkpoint] { send(actor::coordinator, t->actor(), [t, k] { t->on_closed(k); }); });
    } else if (std::holds_alternative<coordinator::fail_job>(a)) {
      world_->probe("job failed");
      return exit(end::failed);
    }
  }
  tick();
}

void process::on_unknown() {
  // Once in a life: who was taken over already is not taken over again.
  if (!world_->calmed() && options_.freeze_after < 0 && world_->chance(options_.frozen_when_unknown_percent))
    options_.freeze_after = events_ + 1;
}

void process::perhaps_die_soon() {
  auto cancelled = std::exchange(cancelled_, false);
  if (world_->calmed() ||
      !world_->chance(cancelled ? options_.killed_behind_cancel_percent : options_.killed_behind_complete_percent))
    return;
  after(actor::store, world_->below(60), [this, cancelled] {
    if (world_->calmed())
      return;
    world_->probe(cancelled ? "killed behind a cancelled alignment" : "killed behind a complete checkpoint");
    exit(end::killed);
  });
}

void process::complete(const checkpoint_coordinator::store_complete& ask) {
  authority_.complete({ask.checkpoint, ask.contributions, ask.ended, std::nullopt}, [this, k = ask.checkpoint](const auto& done) {
    send(actor::store, actor::coordinator, [this, k, done] {
      auto now = duration{world_->now()};
      execute(done ? coordinator_->on_completed(k, now) : coordinator_->on_store_failed(k, done.err(), now));
    });
  });
}

void process::close(std::uint64_t k) {
  authority_.close(k, [this, k](const auto& verdict) {
    if (verdict && *verdict == authority::verdict::complete)
      world_->probe("closed but complete");
    send(actor::store, actor::coordinator, [this, k, verdict] {
      auto now = duration{world_->now()};
      execute(verdict ? coordinator_->on_closed(k, *verdict == authority::verdict::complete, now)
                      : coordinator_->on_store_failed(k, verdict.err(), now));
    });
  });
}

void process::on_ack(std::uint64_t k, const contribution& c) {
  if (auto running = coordinator_->running(); !running || running->checkpoint != k)
    world_->probe("late ack");
  execute(coordinator_->on_ack(k, c, duration{world_->now()}));
}

void process::on_declined(std::uint64_t k, const participant_id& who) {
  execute(coordinator_->on_declined(k, who, "declined", duration{world_->now()}));
}

void process::on_activity() {
  coordinator_->on_activity();
  tick();
}

void process::published_all() {
  if (last_checkpoint_done_)
    exit(input_ended_ ? end::ended : end::stopped);
}

} // namespace weir::simulation
