#include <weir/core/fail_point.hpp>
#include <weir/task/task_core.hpp>

namespace weir {

namespace {
/// Bytes of state encoded between two frames: a snapshot never holds the task up for long.
constexpr std::size_t drain_slice = std::size_t{512} << 10;
} // namespace

task_core::task_core(parts p) : parts_(std::move(p)), alignment_(parts_.inputs.size()), merger_(parts_.inputs.size()) {
  for (auto& c : parts_.inputs) {
    input_of_[c.channel] = inputs_.size();
    inputs_.emplace_back().channel = c;
  }
  if (parts_.sink) {
    parts_.output->also_needs([s = parts_.sink.get()] { return s->accepting(); });
    parts_.context.sink = parts_.sink.get();
  }
  if (auto* o = outbox()) {
    o->on_chunk([this](std::string chunk) {
      ++staged_outbox_;
      parts_.host->stage_outbox(std::move(chunk));
    });
  }
  parts_.context.output = parts_.output.get();
  parts_.context.state = parts_.state.get();
}

result<> task_core::open(const std::optional<task_snapshot>& saved, std::uint64_t restored_checkpoint) {
  restored_checkpoint_ = restored_checkpoint;
  WEIR_TRY(parts_.operators->open(parts_.context));
  if (auto* s = service())
    s->attach(*parts_.services);
  if (saved) {
    merger_ = watermark_merger(inputs_.size(), saved->watermark);
    WEIR_TRY(parts_.operators->restore(saved->chain));
  }
  return success();
}

void task_core::deliver(std::uint32_t channel, std::vector<frame> frames) {
  auto found = input_of_.find(channel);
  if (found == input_of_.end())
    return;
  auto& q = inputs_[found->second].queue;
  for (auto& f : frames)
    q.push_back(std::move(f));
}

result<task_core::step_result> task_core::step() {
  if (phase_ == task_phase::stopped && !snapshot_)
    return step_result::idle;
  auto worked = false;
  if (snapshot_) {
    WEIR_ASSIGN(worked, continue_snapshot());
    if (phase_ == task_phase::stopped) {
      parts_.output->flush();
      return worked ? step_result::more : step_result::idle;
    }
  }
  if (!service_calls_.empty()) {
    WEIR_TRY(make_service_call());
    return step_result::more;
  }
  if (blocked_) {
    if (!parts_.output->has_credit() || parts_.operators->waits_until())
      return worked ? step_result::more : step_result::idle;
    WEIR_TRY(after(parts_.operators->resume()));
    parts_.output->flush();
    return step_result::more;
  }
  if (time_now_ && phase_ == task_phase::running) {
    auto now = *std::exchange(time_now_, std::nullopt);
    WEIR_TRY(after(parts_.operators->processing_time(now)));
    parts_.output->flush();
    return step_result::more;
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    auto at = (turn_ + i) % inputs_.size();
    auto& in = inputs_[at];
    if (in.queue.empty() || alignment_.held(at))
      continue;
    // Rows wait for credit; control frames do not.
    if (std::holds_alternative<data_frame>(in.queue.front()) && !parts_.output->has_credit())
      continue;
    turn_ = (at + 1) % inputs_.size();
    auto f = std::move(in.queue.front());
    in.queue.pop_front();
    WEIR_TRY(take(at, std::move(f)));
    parts_.output->flush();
    return step_result::more;
  }
  parts_.output->flush();
  return worked ? step_result::more : step_result::idle;
}

result<> task_core::take(std::size_t at, frame f) {
  if (auto* data = std::get_if<data_frame>(&f)) {
    auto cost = credit_cost(f);
    rows_in_ += data->rows->size();
    then_.credit = {inputs_[at].channel.channel, cost};
    return after(parts_.operators->accept(inputs_[at].channel.input, std::move(data->rows)));
  }
  if (auto* w = std::get_if<watermark_frame>(&f))
    return advance(merger_.on_watermark(at, w->time));
  if (auto* s = std::get_if<status_frame>(&f)) {
    auto change = merger_.on_status(at, s->idle);
    then_.idle = change.idle;
    return advance(change.rose);
  }
  if (auto* b = std::get_if<barrier_frame>(&f))
    return on_barrier(at, *b);
  inputs_[at].ended = true;
  auto all = true;
  for (auto& in : inputs_)
    all = all && in.ended;
  if (all) {
    // The end of time is not a watermark to restore: what a continued run needs is the one from before.
    before_end_ = save();
    then_.end = true;
  }
  auto change = merger_.on_channel_end(at);
  then_.idle = change.idle;
  return advance(change.rose);
}

result<> task_core::advance(std::optional<timestamp> rose) {
  if (!rose)
    return finish_follow_up();
  // The end of time travels as the end frame.
  if (!then_.end)
    then_.watermark = rose;
  return after(parts_.operators->advance(*rose));
}

result<> task_core::after(result<progress> p) {
  if (!p)
    return p.err();
  blocked_ = *p == progress::blocked;
  return blocked_ ? success() : finish_follow_up();
}

result<> task_core::finish_follow_up() {
  auto then = std::exchange(then_, {});
  if (then.watermark)
    parts_.output->broadcast([&] { return watermark_frame{*then.watermark}; });
  if (then.idle)
    parts_.output->broadcast([&] { return status_frame{*then.idle}; });
  if (then.end)
    parts_.output->broadcast([] { return end_frame{}; });
  parts_.output->flush();
  if (parts_.state) {
    parts_.state->end_batch();
    // While a frozen set is being handed over, chunks of the next epoch must not come between its own.
    while (!snapshot_) {
      auto spilled = parts_.state->take_spill();
      if (!spilled)
        break;
      ++staged_deltas_;
      parts_.host->stage_spill(std::move(spilled->bytes));
    }
    report_memory();
  }
  if (then.credit)
    parts_.host->return_credit(then.credit->first, then.credit->second);
  if (then.end) {
    phase_ = task_phase::finished;
    parts_.host->finished();
  }
  return success();
}

result<> task_core::on_barrier(std::size_t at, const barrier_frame& b) {
  auto d = alignment_.on_barrier(at, b.checkpoint, b.final_barrier);
  if (d.what == alignment::outcome::cancelled)
    parts_.host->decline(d.cancelled_checkpoint, "overtaken by checkpoint " + std::to_string(b.checkpoint));
  if (d.what == alignment::outcome::aligned || d.also_aligned)
    return take_snapshot(b.checkpoint, d.final_barrier);
  return success();
}

result<> task_core::take_snapshot(std::uint64_t checkpoint, bool final_barrier) {
  WEIR_TRY(hit(fail_point::task_aligned));
  // An earlier snapshot that still drains belongs to a closed attempt or a slow store: its chunks come first.
  while (snapshot_ && !snapshot_->drained) {
    WEIR_ASSIGN(auto more, continue_snapshot());
    if (!more)
      break;
  }
  snapshot s;
  s.checkpoint = checkpoint;
  s.final_barrier = final_barrier;
  s.inline_state = before_end_ ? *before_end_ : save();
  if (parts_.state)
    freeze_of_[checkpoint] = parts_.state->freeze();
  if (parts_.sink)
    parts_.sink->at_barrier();
  if (auto* port = service())
    port->at_barrier(checkpoint);
  if (auto* o = outbox()) {
    WEIR_TRY(o->seal());
    WEIR_TRY(hit(fail_point::sink_sealed));
  }
  s.outbox_end = staged_outbox_;
  s.drained = parts_.state == nullptr;
  s.delta_end = staged_deltas_;
  parts_.output->broadcast([&] { return barrier_frame{checkpoint, final_barrier}; });
  parts_.output->flush();
  WEIR_TRY(hit(fail_point::task_forwarded));
  snapshot_ = std::move(s);
  if (final_barrier)
    phase_ = task_phase::stopped;
  return success();
}

void task_core::stage(delta_chunk c) {
  ++staged_deltas_;
  parts_.host->stage_delta(std::move(c.bytes));
}

result<bool> task_core::continue_snapshot() {
  auto& s = *snapshot_;
  if (!s.drained) {
    if (auto chunk = parts_.state->drain(drain_slice)) {
      stage(std::move(*chunk));
      return true;
    }
    s.drained = true;
    s.delta_end = staged_deltas_;
  }
  if (parts_.sink) {
    WEIR_ASSIGN(auto sealed, parts_.sink->seal());
    if (!sealed)
      return false;
  }
  WEIR_TRY(hit(fail_point::task_before_ack));
  auto done = std::move(*snapshot_);
  snapshot_.reset();
  contribution c;
  c.who = parts_.who;
  c.inline_state = std::move(done.inline_state);
  c.delta_end = done.delta_end;
  c.outbox_end = done.outbox_end;
  c.finished = phase_ == task_phase::finished || before_end_.has_value();
  parts_.host->acknowledge(done.checkpoint, std::move(c));
  return true;
}

std::string task_core::save() const {
  task_snapshot t;
  t.watermark = merger_.current();
  parts_.operators->save(t.chain);
  return encode(t);
}

void task_core::on_closed(std::uint64_t checkpoint) { alignment_.on_closed(checkpoint); }

void task_core::on_complete(std::uint64_t checkpoint) {
  if (auto* s = service())
    s->completed(checkpoint);
}

bool task_core::call_service(std::function<result<>(service_port&)> call) {
  if (service() == nullptr || phase_ == task_phase::stopped)
    return false;
  service_calls_.push_back(std::move(call));
  return true;
}

result<> task_core::make_service_call() {
  auto call = std::move(service_calls_.front());
  service_calls_.pop_front();
  WEIR_TRY(call(*service()));
  // What it made leaves the chain with a resume, which also goes on with what waited for an answer.
  WEIR_TRY(after(parts_.operators->resume()));
  parts_.output->flush();
  return success();
}

void task_core::on_spilled(std::uint64_t number) {
  if (!parts_.state)
    return;
  parts_.state->spill_stored(number);
  report_memory();
}

void task_core::report_memory() {
  if (parts_.gate)
    parts_.gate->report(reported_memory_, parts_.state->memory_bytes());
  reported_memory_ = parts_.state->memory_bytes();
}

void task_core::on_applied(std::uint64_t checkpoint) {
  if (!parts_.state)
    return;
  parts_.state->applied_checkpoint(std::min(checkpoint, restored_checkpoint_));
  std::optional<std::uint64_t> freeze;
  while (!freeze_of_.empty() && freeze_of_.begin()->first <= checkpoint) {
    freeze = freeze_of_.begin()->second;
    freeze_of_.erase(freeze_of_.begin());
  }
  if (freeze)
    parts_.state->applied(*freeze);
  // No batch may come that would do it: the sources may wait for just this memory.
  if (!blocked_)
    parts_.state->end_batch();
  report_memory();
}

result<std::optional<timestamp>> task_core::next_processing_time() {
  if (blocked_) {
    // The end of time stands for something else than time that it waits for.
    auto until = parts_.operators->waits_until();
    return until == max_timestamp ? std::nullopt : until;
  }
  if (phase_ != task_phase::running)
    return std::optional<timestamp>{};
  return parts_.operators->next_processing_time();
}

} // namespace weir
