#include "tests/simulation/cluster/leader.hpp"
#include <algorithm>

namespace weir::simulation {

using namespace cluster;

namespace {
constexpr std::int64_t settle = 1'200;         ///< Time to hear who is there.
constexpr std::int64_t start_timeout = 10'000; ///< From the assignment until all are ready.
constexpr std::int64_t better_for = 2'000;     ///< A larger set must last this long before the job moves.
constexpr std::int64_t collect_every = 1'500;
int index_of(const std::string& node) { return std::stoi(node.substr(1)); }
} // namespace

leader::leader(node& n) : node_(&n), by_{n.office().term(), 0}, since_(n.in().now()), failures_(timing_in_simulation()) {}

void leader::guarded(std::int64_t delay, world::event e) {
  node_->after(delay, [self = shared_from_this(), e = std::move(e)] {
    if (!self->stopped_)
      e();
  });
}

void leader::to_all(const site::message& m) {
  for (int i = 0; i < node_->at().nodes(); ++i)
    node_->at().send(node_->index(), i, m);
}

void leader::on_status(const node_status& s) { nodes_[s.node] = s; }

std::vector<node_facts> leader::facts() const {
  auto heard = node_->hears();
  std::vector<node_facts> out;
  for (const auto& [name, s] : nodes_)
    if (name == node_->name() || heard.count(name) > 0)
      out.push_back({name, node_->at().capacity_of(index_of(name)), s.kafka && s.directory, s.hears});
  return out;
}

/// Who is to work: connected, usable, not left out.
std::set<std::string> leader::workers() const {
  std::set<std::string> present;
  for (const auto& [name, start] : members_)
    present.insert(name);
  auto all = facts();
  auto set = connected_set(node_->name(), all, present);
  for (const auto& f : all)
    if (!f.usable)
      set.erase(f.node);
  if (nodes_.count(node_->name()) == 0)
    set.erase(node_->name());
  auto kept = set;
  for (const auto& name : failures_.left_out(duration{node_->in().now()}))
    kept.erase(name);
  if (kept.size() < set.size())
    node_->in().probe("node left out for its failures");
  return kept.empty() ? set : kept;
}

void leader::tick(const std::set<std::string>& lost) {
  auto now = node_->in().now();
  nodes_[node_->name()] = node_->status();
  if (stage_ == stage::idle && now - since_ >= settle)
    place();
  else if (stage_ == stage::starting || stage_ == stage::running)
    watch_attempt(lost);
  if (stage_ != stage::running)
    return;
  coordinator_->on_activity();
  schedule_tick();
  read_markers();
  if (!collecting_ && now - collected_at_ >= collect_every)
    collect();
}

// --- attempts

void leader::place() {
  if (workers().empty())
    return;
  stage_ = stage::placing;
  since_ = node_->in().now();
  const auto* job = node_->authority().read();
  auto complete = node_->authority().newest();
  if (complete && (!node_->manifest() || node_->manifest()->checkpoint != *complete)) {
    node_->on_look();
    stage_ = stage::idle;
    return;
  }
  newest_ = node_->manifest();
  newest_name_ = complete ? job->complete->manifest.name : std::string();
  std::vector<slot_id> slots;
  if (job != nullptr)
    for (const auto& s : job->assignment.slots)
      slots.push_back(s.slot);
  node_->read_markers(slots, [this, self = shared_from_this()](const auto& markers) {
    if (!stopped_)
      assign(markers);
  });
}

void leader::assign(const std::map<slot_id, marker>& markers) {
  auto chosen = workers();
  if (chosen.empty()) {
    stage_ = stage::idle;
    return;
  }
  markers_ = markers;
  const auto* job = node_->authority().read();
  assignment_record before = job == nullptr ? assignment_record{} : job->assignment;
  assignment_record a;
  a.lineage = before.lineage;
  if (a.lineage.empty()) {
    lineage_id made;
    made.bytes[0] = static_cast<std::uint8_t>(1 + node_->in().below(250));
    a.lineage = raw_lineage(made);
  }
  a.base = node_->authority().newest();
  std::map<std::string, std::uint32_t> capacity;
  members_.clear();
  for (const auto& name : chosen) {
    capacity[name] = node_->at().capacity_of(index_of(name));
    members_[name] = nodes_[name].start;
    a.nodes.push_back({name, nodes_[name].start});
  }
  std::vector<std::string> owners(node_->at().ranges());
  for (const auto& r : before.ranges)
    owners[r.range.first] = r.node;
  owners = cluster::assign(owners, capacity);
  for (std::uint32_t i = 0; i < owners.size(); ++i)
    a.ranges.push_back({{i, i}, owners[i]});
  std::vector<std::string> readers(node_->at().input().size());
  for (const auto& p : before.partitions)
    readers[static_cast<std::size_t>(p.partition.partition)] = p.node;
  readers = cluster::assign(readers, capacity);
  for (std::size_t i = 0; i < readers.size(); ++i)
    a.partitions.push_back({{"source", static_cast<std::int32_t>(i)}, readers[i]});
  std::set<slot_id> drained;
  for (const auto& s : before.slots)
    if (slot_drained(s.slot, job->incarnation, newest_ ? newest_->outbox : std::vector<outbox_entry>(), markers))
      drained.insert(s.slot);
  a.slots = assign_slots(before.slots, cluster_connection, {chosen.begin(), chosen.end()}, drained);
  for (const auto& s : a.slots)
    if (s.draining)
      node_->in().probe("slot taken over to be drained");
  for (const auto& s : before.slots)
    if (std::none_of(a.slots.begin(), a.slots.end(), [&](const auto& n) { return n.slot == s.slot; }))
      node_->in().probe("slot retired");
  for (const auto& r : before.ranges)
    if (owners[r.range.first] != r.node)
      node_->in().probe("range moved");
  node_->authority().begin_attempt(std::move(a), [this, self = shared_from_this()](const result<>& written) {
    if (stopped_)
      return;
    if (!written) {
      stage_ = stage::idle;
      return;
    }
    begun();
  });
}

void leader::begun() {
  const auto* job = node_->authority().read();
  by_ = job->current;
  base_ = job->assignment.base.value_or(0);
  stage_ = stage::starting;
  since_ = node_->in().now();
  better_since_ = 0;
  chunks_.clear();
  node_->in().probe("attempt begun");
  to_all([](node& n) { n.on_look(); });
}

void leader::fail(const std::set<std::string>& causes, const char* probe) {
  node_->in().probe(probe);
  failures_.on_failed(causes, duration{node_->in().now()});
  coordinator_.reset();
  stage_ = stage::idle;
  since_ = node_->in().now();
}

void leader::watch_attempt(const std::set<std::string>& lost) {
  auto now = node_->in().now();
  auto all_ready = true;
  std::set<std::string> late;
  for (const auto& [name, start] : members_) {
    if (lost.count(name) > 0)
      return fail({name}, "attempt failed: node lost");
    const auto& s = nodes_[name];
    if (s.start != start)
      return fail({name}, "attempt failed: node came back as another process");
    if (s.by == by_ && s.phase == work_phase::failed)
      return fail(s.causes, "attempt failed: a node says so");
    if (s.by == by_ && (s.phase == work_phase::ready || s.phase == work_phase::running))
      continue;
    all_ready = false;
    late.insert(name);
  }
  if (stage_ == stage::running && all_ready) {
    // Only a set that is larger for a while: else a node at the edge would move the job to and fro.
    if (workers().size() <= members_.size())
      better_since_ = 0;
    else if (better_since_ == 0)
      better_since_ = now;
    return;
  }
  if (stage_ == stage::running)
    return fail(late, "attempt failed: a node is not in it any more");
  if (all_ready)
    return run();
  if (now - since_ > start_timeout)
    fail(late, "attempt failed: not restored in time");
}

void leader::run() {
  stage_ = stage::running;
  std::set<participant_id> participants;
  const auto* job = node_->authority().read();
  for (const auto& p : job->assignment.partitions)
    participants.insert({p.partition.source, p.partition.partition});
  for (const auto& r : job->assignment.ranges)
    participants.insert({"task", index_of(r.node)});
  checkpoint_coordinator::options o;
  o.interval = duration{300 + node_->in().below(500)};
  o.timeout = duration{500 + node_->in().below(1'000)};
  o.tolerated_failures = 1'000;
  if (node_->in().calmed())
    o.timeout = duration{5'000};
  coordinator_ = std::make_unique<checkpoint_coordinator>(o, node_->authority().highest_number() + 1, participants,
                                                          duration{node_->in().now()});
  tick_at_ = -1;
  schedule_tick();
}

// --- checkpoints

void leader::schedule_tick() {
  auto next = coordinator_->next_tick();
  if (!next || (tick_at_ > node_->in().now() && tick_at_ <= next->count()))
    return;
  tick_at_ = std::max(next->count(), node_->in().now() + 1);
  guarded(tick_at_ - node_->in().now(), [this, by = by_] {
    if (coordinator_ && by == by_)
      execute(coordinator_->on_tick(duration{node_->in().now()}));
  });
}

void leader::execute(checkpoint_coordinator::actions actions) {
  using coordinator = checkpoint_coordinator;
  for (auto& a : actions) {
    if (auto* barrier = std::get_if<coordinator::send_barrier>(&a)) {
      to_all([by = by_, b = *barrier](node& n) { n.on_barrier(by, b.checkpoint, b.final_barrier); });
    } else if (auto* ask = std::get_if<coordinator::store_complete>(&a)) {
      complete(*ask);
    } else if (auto* question = std::get_if<coordinator::store_close>(&a)) {
      close(question->checkpoint);
    } else if (auto* done = std::get_if<coordinator::announce_complete>(&a)) {
      if (node_->authority().newest() != done->checkpoint)
        node_->in().wrong("complete was announced for checkpoint " + std::to_string(done->checkpoint) +
                          ", the control topic has " + std::to_string(node_->authority().newest().value_or(0)));
      to_all([](node& n) { n.on_look(); });
      if (better_since_ != 0 && node_->in().now() - better_since_ >= better_for) {
        node_->in().probe("job moved to a larger set at a checkpoint");
        coordinator_.reset();
        stage_ = stage::idle;
        since_ = node_->in().now() - settle;
        return;
      }
    } else if (auto* closed = std::get_if<coordinator::announce_closed>(&a)) {
      node_->in().probe("closed");
      to_all([by = by_, k = closed->checkpoint](node& n) { n.on_closed(by, k); });
    } else if (std::holds_alternative<coordinator::fail_job>(a)) {
      return fail({}, "attempt failed: the coordinator says so");
    }
  }
  if (coordinator_)
    schedule_tick();
}

void leader::complete(const checkpoint_coordinator::store_complete& ask) {
  manifest_facts f;
  f.job = cluster_job;
  f.lineage = node_->authority().lineage();
  f.by = by_;
  f.base = base_;
  f.checkpoint = ask.checkpoint;
  f.previous = newest_.get();
  f.contributions = ask.contributions;
  f.chunks = chunks_;
  f.published = markers_;
  auto now = [this] { return duration{node_->in().now()}; };
  auto made = make_manifest(f);
  if (!made) {
    node_->in().probe("manifest not made");
    return execute(coordinator_->on_store_failed(ask.checkpoint, made.err(), now()));
  }
  auto m = std::make_shared<const cluster_manifest>(std::move(*made));
  auto name = node_->new_name(by_, ask.checkpoint, file_kind::manifest, {});
  auto bytes = encode_manifest(*m);
  auto file = describe_file(name, bytes);
  node_->write_file(name, std::move(bytes), [this, self = shared_from_this(), by = by_, ask, m, file, now](bool written) {
    if (stopped_ || !coordinator_ || by != by_)
      return;
    if (!written)
      return execute(coordinator_->on_store_failed(ask.checkpoint, {errc::unavailable, "manifest not written"}, now()));
    completion c{ask.checkpoint, ask.contributions, ask.ended, file};
    node_->authority().complete(c, [this, self = shared_from_this(), by, ask, m, file, now](const result<>& done) {
      if (stopped_ || !coordinator_ || by != by_)
        return;
      if (!done)
        return execute(coordinator_->on_store_failed(ask.checkpoint, done.err(), now()));
      node_->in().probe("complete");
      newest_ = m;
      newest_name_ = file.name;
      std::erase_if(chunks_, [&](const auto& u) {
        return std::any_of(m->contributions.begin(), m->contributions.end(), [&](const auto& p) {
          return u.who == participant_id{p.vertex, p.index} &&
                 u.number < (u.what == prepared_chunk::kind::outbox ? p.outbox_end : p.delta_end);
        });
      });
      std::set<std::string> members;
      for (const auto& [member, start] : members_)
        members.insert(member);
      failures_.on_complete(members);
      execute(coordinator_->on_completed(ask.checkpoint, now()));
    });
  });
}

void leader::close(std::uint64_t k) {
  node_->authority().close(k, [this, self = shared_from_this(), by = by_, k](const auto& verdict) {
    if (stopped_ || !coordinator_ || by != by_)
      return;
    auto now = duration{node_->in().now()};
    if (verdict && *verdict == authority::verdict::complete)
      node_->in().probe("closed but complete");
    execute(verdict ? coordinator_->on_closed(k, *verdict == authority::verdict::complete, now)
                    : coordinator_->on_store_failed(k, verdict.err(), now));
  });
}

void leader::on_ack(std::uint64_t checkpoint, const contribution& c, const std::vector<prepared_chunk>& chunks) {
  chunks_.insert(chunks_.end(), chunks.begin(), chunks.end());
  if (coordinator_)
    execute(coordinator_->on_ack(checkpoint, c, duration{node_->in().now()}));
}

void leader::on_declined(std::uint64_t checkpoint, const participant_id& who) {
  if (coordinator_)
    execute(coordinator_->on_declined(checkpoint, who, "declined", duration{node_->in().now()}));
}

// --- garbage

void leader::read_markers() {
  std::set<slot_id> slots;
  if (newest_)
    for (const auto& e : newest_->outbox)
      slots.insert(e.slot);
  node_->read_markers({slots.begin(), slots.end()}, [this, self = shared_from_this()](const auto& found) {
    if (!stopped_)
      for (const auto& [slot, m] : found)
        markers_[slot] = m;
  });
}

void leader::collect() {
  collecting_ = true;
  collected_at_ = node_->in().now();
  node_->ask_directory(
      [this, self = shared_from_this()]() -> world::event {
        return [this, self, names = node_->at().files().list(), by = by_] {
          if (stopped_ || by != by_) {
            collecting_ = false;
            return;
          }
          garbage_facts f;
          f.job = cluster_job;
          f.current = by_;
          f.newest_manifest = newest_name_;
          f.newest = newest_.get();
          f.published = markers_;
          f.names = names;
          auto found = decide_garbage(f);
          if (found.empty()) {
            collecting_ = false;
            return;
          }
          node_->in().probe("garbage listed");
          node_->authority().list_garbage(std::move(found), [this, self](const result<>& listed) {
            const auto* job = node_->authority().read();
            if (stopped_ || !listed || job == nullptr) {
              collecting_ = false;
              return;
            }
            std::vector<std::uint64_t> batches;
            for (const auto& [batch, files] : job->garbage)
              batches.push_back(batch);
            remove(deletable(*job), batches);
          });
        };
      },
      [this, self = shared_from_this()] { collecting_ = false; });
}

void leader::remove(std::vector<std::string> names, std::vector<std::uint64_t> batches) {
  if (names.empty()) {
    collecting_ = false;
    return node_->authority().forget_garbage(batches, [](const result<>&) {});
  }
  // Goes on when the lead is lost meanwhile: what is listed is listed.
  node_->at().moment(node_->index());
  node_->ask_directory(
      [this, self = shared_from_this(), names, batches]() -> world::event {
        node_->at().about_to_remove(names.back());
        (void)node_->at().files().remove(names.back());
        return [this, self, names, batches]() mutable {
          names.pop_back();
          remove(std::move(names), std::move(batches));
        };
      },
      [this, self = shared_from_this()] { collecting_ = false; });
}

} // namespace weir::simulation
