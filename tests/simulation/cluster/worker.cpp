#include "tests/simulation/cluster/worker.hpp"
#include <algorithm>

namespace weir::simulation {

using namespace cluster;

namespace {
constexpr std::size_t longest_chain = 5;
int index_of(const std::string& node) { return std::stoi(node.substr(1)); }
} // namespace

worker::worker(node& n, const job_state& job) : node_(&n), job_(job), by_(job.current), alignment_(n.at().input().size()) {
  for (const auto& r : job.assignment.ranges) {
    task_nodes_.insert(index_of(r.node));
    if (r.node == n.name())
      own_.push_back(r.range);
  }
  for (const auto& s : job.assignment.slots)
    if (s.node == n.name() && !s.draining)
      slot_ = s.slot;
  gates_.assign(n.at().input().size(), channel_gate{by_});
  held_.resize(n.at().input().size());
}

void worker::guarded(std::int64_t delay, world::event e) {
  node_->after(delay, [self = shared_from_this(), e = std::move(e)] {
    if (!self->stopped_)
      e();
  });
}

void worker::start() {
  guarded(1 + node_->in().below(10), [this] { restore(); });
}

void worker::fail(std::set<std::string> causes, const char* probe) {
  node_->in().probe(probe);
  phase_ = work_phase::failed;
  causes_ = std::move(causes);
}

key_range worker::range_of(int key) const {
  auto r = static_cast<std::uint32_t>(key) % node_->at().ranges();
  return {r, r};
}

int worker::node_of(int key) const {
  for (const auto& r : job_.assignment.ranges)
    if (r.range == range_of(key))
      return index_of(r.node);
  return -1;
}

// --- restore

void worker::restore() {
  if (job_.assignment.base) {
    base_ = node_->manifest();
    auto newest = node_->authority().newest();
    if (newest != job_.assignment.base)
      return fail({}, "attempt overtaken before it was restored");
    if (!base_ || base_->checkpoint != *job_.assignment.base) {
      node_->on_look();
      return guarded(50, [this] { restore(); });
    }
  }
  restore_range(0);
}

void worker::restore_range(std::size_t index) {
  if (index == own_.size())
    return ready();
  local_range local;
  auto& disk = node_->disk().now.ranges[own_[index]];
  local.applied = disk.applied;
  for (const auto& d : disk.prepared)
    local.prepared.push_back({d.id, d.checkpoint});
  auto plan = std::make_shared<base_plan>(decide_base(base_ ? base_->chain_of(own_[index]) : nullptr, local));
  auto& in = node_->in();
  if (plan->use_base)
    in.probe("local base used");
  else if (local.applied)
    in.probe("local base not on the chain");
  if (!plan->discard.empty())
    in.probe("local delta discarded");
  for (const auto& id : plan->discard)
    std::erase_if(disk.prepared, [&](const auto& d) { return d.id == id; });
  if (!plan->use_base) {
    disk.applied.reset();
    disk.rows.clear();
  }
  restore_step(index, plan, 0);
}

void worker::restore_step(std::size_t index, const std::shared_ptr<base_plan>& plan, std::size_t step) {
  if (step == plan->steps.size())
    return range_restored(index);
  const auto& s = plan->steps[step];
  auto apply = [this, index, plan, step, id = s.id](const table& rows, bool snapshot) {
    auto& disk = node_->disk().now.ranges[own_[index]];
    if (snapshot)
      disk.rows.clear();
    for (auto [key, count] : rows)
      disk.rows[key] = count;
    disk.applied = id;
    restore_step(index, plan, step + 1);
  };
  if (s.local) {
    auto& prepared = node_->disk().now.ranges[own_[index]].prepared;
    auto found = std::find_if(prepared.begin(), prepared.end(), [&](const auto& d) { return d.id == s.id; });
    node_->in().probe("local delta applied in a restore");
    auto d = *found;
    prepared.erase(found);
    return apply(d.rows, d.snapshot);
  }
  const auto& link = base_->chain_of(own_[index])->links[s.link];
  node_->in().probe(link.snapshot ? "range restored from a snapshot" : "range restored from deltas");
  node_->read_file(link.file,
                   [self = shared_from_this(), this, apply, plan, index, step, link](const result<std::string>& bytes) {
                     if (stopped_)
                       return;
                     if (bytes)
                       return apply(decode_rows(*bytes), link.snapshot);
                     if (bytes.err().code == errc::unavailable)
                       return guarded(100, [this, plan, index, step] { restore_step(index, plan, step); });
                     node_->at().unreadable(link.file.name, bytes.err());
                     fail({node_->name()}, "file of a replaced attempt is gone");
                   });
}

void worker::range_restored(std::size_t index) {
  auto& disk = node_->disk().now.ranges[own_[index]];
  rows_[own_[index]] = disk.rows;
  const auto* chain = base_ ? base_->chain_of(own_[index]) : nullptr;
  chain_length_[own_[index]] = chain == nullptr ? 0 : chain->links.size();
  if (base_)
    node_->at().restored(own_[index], disk.rows, *base_);
  guarded(1 + node_->in().below(20), [this, index] { restore_range(index + 1); });
}

void worker::ready() {
  node_->disk().sync();
  for (const auto& p : job_.assignment.partitions)
    if (p.node == node_->name()) {
      reading r;
      r.partition = p.partition.partition;
      if (base_)
        for (const auto& c : base_->contributions)
          if (c.vertex == "source" && c.index == r.partition)
            r.offset = std::stoul(c.inline_state);
      sources_.push_back(std::move(r));
    }
  phase_ = work_phase::ready;
}

void worker::go() {
  if (phase_ != work_phase::ready)
    return;
  phase_ = work_phase::running;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    read(i);
}

// --- sources

void worker::read(std::size_t index) {
  guarded(1 + node_->in().below(120), [this, index] { read(index); });
  if (phase_ != work_phase::running)
    return;
  auto& r = sources_[index];
  const auto& input = node_->at().input()[static_cast<std::size_t>(r.partition)];
  std::map<int, std::vector<item>> batches;
  for (auto wanted = 1 + node_->in().below(4);
       wanted > 0 && r.offset < input.size() && input[r.offset].available <= node_->in().now(); --wanted, ++r.offset)
    batches[node_of(input[r.offset].record.key)].push_back(input[r.offset].record);
  for (auto& [to, rows] : batches)
    send(r, to, {frame::kind::data, std::move(rows)});
}

void worker::send(reading& r, int to, frame f) {
  auto sequence = r.sent[to]++;
  auto deliver = [by = by_, partition = r.partition, sequence, f = std::move(f)](node& n) {
    n.on_frame(by, partition, sequence, f);
  };
  if (to == node_->index())
    node_->after(1, [n = node_, deliver] { deliver(*n); });
  else
    node_->at().send_frame(node_->index(), to, deliver);
}

void worker::on_barrier(std::uint64_t checkpoint, bool final_barrier) {
  if (phase_ != work_phase::running)
    return;
  for (auto& r : sources_) {
    for (auto to : task_nodes_)
      send(r, to, {frame::kind::barrier, {}, checkpoint, final_barrier});
    contribution c{{"source", r.partition}, std::to_string(r.offset), 0, 0, false};
    for (int i = 0; i < node_->at().nodes(); ++i)
      node_->at().send(node_->index(), i, [by = by_, checkpoint, c](node& n) { n.on_ack(by, checkpoint, c, {}); });
  }
}

// --- the task

void worker::on_frame(const fence& by, int partition, std::uint64_t sequence, const frame& f) {
  auto channel = static_cast<std::size_t>(partition);
  if (stopped_ || phase_ == work_phase::failed)
    return;
  // A task that is not restored yet has lost the frame: nobody sends before all are ready.
  switch (gates_[channel].on_frame(by, sequence)) {
    case channel_gate::verdict::stale:
      return node_->in().probe("frame of another attempt dropped");
    case channel_gate::verdict::gap: {
      std::set<std::string> causes{node_->name()};
      for (const auto& p : job_.assignment.partitions)
        if (p.partition.partition == partition)
          causes.insert(p.node);
      return fail(causes, "gap in a channel");
    }
    case channel_gate::verdict::deliver:
      break;
  }
  if (alignment_.held(channel) || !held_[channel].empty())
    held_[channel].push_back(f);
  else
    handle(channel, f);
  go_on();
}

void worker::go_on() {
  for (auto progress = true; progress;) {
    progress = false;
    for (std::size_t i = 0; i < held_.size(); ++i)
      while (!alignment_.held(i) && !held_[i].empty()) {
        auto next = std::move(held_[i].front());
        held_[i].pop_front();
        handle(i, next);
        progress = true;
      }
  }
}

void worker::handle(std::size_t channel, const frame& f) {
  if (f.what == frame::kind::data)
    return process(f.rows);
  auto d = alignment_.on_barrier(channel, f.checkpoint, f.final_barrier);
  if (d.what == alignment::outcome::cancelled) {
    node_->in().probe("alignment cancelled");
    for (int i = 0; i < node_->at().nodes(); ++i)
      node_->at().send(node_->index(), i, [by = by_, k = d.cancelled_checkpoint, me = node_->index()](node& n) {
        n.on_declined(by, k, {"task", me});
      });
  }
  if (d.what == alignment::outcome::aligned || (d.what == alignment::outcome::cancelled && d.also_aligned))
    freeze(f.checkpoint);
}

void worker::process(const std::vector<item>& rows) {
  for (auto r : rows) {
    auto range = range_of(r.key);
    r.first_count = ++rows_[range][r.key];
    dirty_[range][r.key] = r.first_count;
    output_.push_back(r);
  }
}

void worker::freeze(std::uint64_t checkpoint) {
  stage(checkpoint);
  acks_.push_back({checkpoint, {{"task", node_->index()}, {}, deltas_, outboxes_, false}});
  flush();
}

void worker::stage(std::uint64_t checkpoint) {
  for (auto& [range, changed] : dirty_) {
    staged s;
    s.checkpoint = checkpoint;
    auto snapshot = chain_length_[range] >= longest_chain;
    s.what = {{"task", node_->index()},
              snapshot ? prepared_chunk::kind::snapshot : prepared_chunk::kind::delta,
              deltas_++,
              range,
              {},
              {}};
    s.rows = snapshot ? rows_[range] : std::move(changed);
    s.bytes = encode_rows(s.rows);
    if (snapshot)
      chain_length_[range] = 0;
    queue_.push_back(std::move(s));
  }
  dirty_.clear();
  if (!output_.empty()) {
    staged s;
    s.checkpoint = checkpoint;
    s.what = {{"task", node_->index()}, prepared_chunk::kind::outbox, outboxes_++, {}, slot_, {}};
    s.bytes = encode_output(std::exchange(output_, {}));
    queue_.push_back(std::move(s));
  }
  pump();
}

void worker::pump() {
  if (writing_ || queue_.empty() || stopped_)
    return;
  writing_ = true;
  auto& s = queue_.front();
  auto kind = s.what.what == prepared_chunk::kind::outbox     ? file_kind::outbox
              : s.what.what == prepared_chunk::kind::snapshot ? file_kind::snapshot
                                                              : file_kind::delta;
  // A name once given up is never tried again: every try has its own.
  auto name = node_->new_name(by_, s.checkpoint, kind, s.what.range);
  node_->write_file(name, s.bytes, [self = shared_from_this(), this, name](bool written) {
    writing_ = false;
    if (!written) {
      node_->in().probe("file written again under another name");
      return guarded(50, [this] { pump(); });
    }
    // Also when stopped: a process that slept goes on with what it was about, which nobody will read.
    auto done = std::move(queue_.front());
    queue_.pop_front();
    done.what.file = describe_file(name, done.bytes);
    auto output = done.what.what == prepared_chunk::kind::outbox;
    if (!output)
      node_->disk().now.ranges[done.what.range].prepared.push_back(
          {name, done.checkpoint, done.rows, done.what.what == prepared_chunk::kind::snapshot});
    ++(output ? outboxes_stored_ : deltas_stored_);
    unconfirmed_.push_back(done.what);
    flush();
    pump();
  });
}

void worker::flush() {
  if (stopped_)
    return;
  while (!acks_.empty() && acks_.front().what.delta_end <= deltas_stored_ && acks_.front().what.outbox_end <= outboxes_stored_) {
    node_->disk().sync();
    for (int i = 0; i < node_->at().nodes(); ++i)
      node_->at().send(node_->index(), i, [by = by_, a = acks_.front(), chunks = unconfirmed_](node& n) {
        n.on_ack(by, a.checkpoint, a.what, chunks);
      });
    acks_.pop_front();
  }
}

void worker::on_closed(std::uint64_t checkpoint) {
  alignment_.on_closed(checkpoint);
  go_on();
}

void worker::on_complete(const cluster_manifest& m) {
  if (m.by != by_ || phase_ != work_phase::running)
    return;
  for (const auto& c : m.contributions)
    std::erase_if(unconfirmed_, [&](const auto& u) {
      return u.who == participant_id{c.vertex, c.index} &&
             u.number < (u.what == prepared_chunk::kind::outbox ? c.outbox_end : c.delta_end);
    });
  for (const auto& range : own_) {
    const auto* chain = m.chain_of(range);
    if (chain == nullptr)
      continue;
    chain_length_[range] = chain->links.size();
    auto& disk = node_->disk().now.ranges[range];
    local_range local{disk.applied, {}};
    for (const auto& d : disk.prepared)
      local.prepared.push_back({d.id, d.checkpoint});
    auto plan = decide_base(chain, local);
    // Only what is on the chain; the rest may belong to a checkpoint that is still to come.
    if (!plan.use_base && disk.applied && !chain->links.front().snapshot)
      node_->in().wrong("the base of a running task is not on the chain of its own checkpoint");
    for (const auto& s : plan.steps) {
      auto d = std::find_if(disk.prepared.begin(), disk.prepared.end(), [&](const auto& p) { return p.id == s.id; });
      if (d == disk.prepared.end()) {
        node_->in().wrong("a complete checkpoint names a delta that its node does not have");
        break;
      }
      if (d->snapshot)
        disk.rows.clear();
      for (auto [key, count] : d->rows)
        disk.rows[key] = count;
      disk.applied = s.id;
      disk.prepared.erase(d);
      node_->in().probe("delta applied behind its complete");
    }
  }
}

} // namespace weir::simulation
