#include "tests/simulation/task.hpp"
#include "tests/simulation/process.hpp"

namespace weir::simulation {

namespace {
const char* const names[] = {"first", "second", "sink"};
}

void stager::stage(bool output, chunk c) {
  ++(output ? outbox_queued_ : delta_queued_);
  waiting_.push_back({output, std::move(c)});
  pump();
}

void stager::ack(std::uint64_t checkpoint, std::string inline_state, bool finished) {
  acks_.push_back({checkpoint, {who_, std::move(inline_state), delta_queued_, outbox_queued_, finished}});
  flush();
}

void stager::pump() {
  if (busy_ || waiting_.empty())
    return;
  busy_ = true;
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  process_->send(actor_, actor::store, [this, next = std::move(next)] {
    next.output ? process_->disk().stage_outbox(who_, next.content) : process_->disk().stage_delta(who_, next.content);
    process_->send(actor::store, actor_, [this, output = next.output] {
      ++(output ? outbox_stored_ : delta_stored_);
      busy_ = false;
      flush();
      pump();
    });
  });
}

void stager::flush() {
  while (!acks_.empty() && acks_.front().what.delta_end <= delta_stored_ && acks_.front().what.outbox_end <= outbox_stored_) {
    process_->send(actor_, actor::coordinator, [p = process_, a = acks_.front()] { p->on_ack(a.checkpoint, a.what); });
    acks_.pop_front();
  }
}

source::source(process& p, int partition, int actor, std::size_t offset)
    : process_(&p), partition_(partition), actor_(actor), offset_(offset), stager_(p, {"source", partition}, actor) {}

void source::start() {
  process_->after(actor_, 1 + process_->in().below(30), [this] {
    read();
    if (!stopped_ && !finished_)
      start();
  });
}

void source::read() {
  if (stopped_ || finished_)
    return;
  const auto& input = process_->input()[static_cast<std::size_t>(partition_)];
  std::map<std::size_t, std::vector<item>> batches;
  auto wanted = 1 + process_->in().below(3);
  for (; wanted > 0 && offset_ < input.size() && input[offset_].available <= process_->in().now(); --wanted, ++offset_) {
    const auto& record = input[offset_].record;
    batches[static_cast<std::size_t>(record.key) % outputs.size()].push_back(record);
  }
  if (!batches.empty())
    process_->send(actor_, actor::coordinator, [p = process_] { p->on_activity(); });
  for (auto& [to, rows] : batches)
    process_->send_frame(actor_, outputs[to], {frame::kind::data, std::move(rows)});
  if (offset_ == input.size()) {
    finished_ = true;
    for (const auto& to : outputs)
      process_->send_frame(actor_, to, {frame::kind::end, {}});
    process_->send(actor_, actor::coordinator, [p = process_] { p->on_activity(); });
  }
}

void source::on_barrier(std::uint64_t checkpoint, bool final_barrier) {
  stopped_ = stopped_ || final_barrier;
  for (const auto& to : outputs)
    process_->send_frame(actor_, to, {frame::kind::barrier, {}, checkpoint, final_barrier});
  stager_.ack(checkpoint, std::to_string(offset_), finished_);
}

task::task(process& p, role r, int index, int actor, std::size_t inputs)
    : process_(&p),
      role_(r),
      who_{names[static_cast<int>(r)], index},
      actor_(actor),
      alignment_(inputs),
      held_(inputs),
      stager_(p, who_, actor) {}

void task::receive(std::size_t channel, frame f) {
  if (alignment_.held(channel) || !held_[channel].empty())
    held_[channel].push_back(std::move(f));
  else
    handle(channel, std::move(f));
  go_on();
}

void task::go_on() {
  for (auto progress = true; progress;) {
    progress = false;
    for (std::size_t i = 0; i < held_.size(); ++i)
      while (!alignment_.held(i) && !held_[i].empty()) {
        auto next = std::move(held_[i].front());
        held_[i].pop_front();
        handle(i, std::move(next));
        progress = true;
      }
  }
}

void task::handle(std::size_t channel, frame f) {
  switch (f.what) {
    case frame::kind::data:
      return process_rows(std::move(f.rows));
    case frame::kind::barrier:
      return on_barrier(channel, f);
    case frame::kind::end:
      ended_.insert(channel);
      if (ended_.size() == held_.size())
        for (const auto& to : outputs)
          process_->send_frame(actor_, to, {frame::kind::end, {}});
  }
}

void task::process_rows(std::vector<item> rows) {
  if (role_ == role::sink) {
    output_.insert(output_.end(), rows.begin(), rows.end());
    return;
  }
  std::map<std::size_t, std::vector<item>> batches;
  for (auto& r : rows) {
    auto count = ++counts_[r.key];
    dirty_[r.key] = count;
    (role_ == role::first ? r.first_count : r.second_count) = count;
    // The second layer spreads keys in another way, so that every channel carries something.
    batches[role_ == role::first ? static_cast<std::size_t>(r.key / 2) % outputs.size() : 0].push_back(r);
  }
  for (auto& [to, batch] : batches)
    process_->send_frame(actor_, outputs[to], {frame::kind::data, std::move(batch)});
  if (process_->in().chance(5))
    stage_changes();
}

void task::stage_changes() {
  if (!dirty_.empty())
    stager_.stage(false, {std::exchange(dirty_, {}), {}});
  if (!output_.empty())
    stager_.stage(true, {{}, std::exchange(output_, {})});
}

void task::on_barrier(std::size_t channel, const frame& f) {
  auto d = alignment_.on_barrier(channel, f.checkpoint, f.final_barrier);
  switch (d.what) {
    case alignment::outcome::hold:
      return;
    case alignment::outcome::ignored:
      return process_->in().probe("barrier of a closed attempt");
    case alignment::outcome::cancelled:
      process_->in().probe("alignment cancelled");
      process_->on_cancelled();
      process_->send(actor_, actor::coordinator,
                     [p = process_, k = d.cancelled_checkpoint, who = who_] { p->on_declined(k, who); });
      if (!d.also_aligned)
        return;
      [[fallthrough]];
    case alignment::outcome::aligned:
      return freeze(f.checkpoint, d.final_barrier);
  }
}

void task::freeze(std::uint64_t checkpoint, bool final_barrier) {
  stage_changes();
  for (const auto& to : outputs)
    process_->send_frame(actor_, to, {frame::kind::barrier, {}, checkpoint, final_barrier});
  if (process_->in().fault(process_->snapshot_fails_in_million())) {
    process_->in().probe("snapshot failed");
    process_->send(actor_, actor::coordinator, [p = process_, checkpoint, who = who_] { p->on_declined(checkpoint, who); });
    return;
  }
  stager_.ack(checkpoint, {}, ended_.size() == held_.size());
}

void task::on_closed(std::uint64_t checkpoint) {
  if (alignment_.aligning() == checkpoint)
    process_->in().probe("alignment released by a close");
  alignment_.on_closed(checkpoint);
  go_on();
}

} // namespace weir::simulation
