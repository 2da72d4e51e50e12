#include "actors/job_shared.hpp"
#include <algorithm>
#include <thread>
#include <weir/core/clock.hpp>

namespace weir {

void job_shared::request_stop() {
  std::function<void()> call;
  {
    std::lock_guard lock(mutex_);
    if (stop_.exchange(true))
      return;
    stop_at_ = system_clock().monotonic();
    call = on_stop_;
  }
  changed_.notify_all();
  if (call)
    call();
}

bool job_shared::wait_for_stop(duration timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return stop_.load(); });
}

bool job_shared::wait_or_give_up(duration d, duration limit) {
  auto until = system_clock().monotonic() + d;
  std::unique_lock lock(mutex_);
  for (;;) {
    auto now = system_clock().monotonic();
    if (attempt_over_ || (stop_at_ && now - *stop_at_ > limit))
      return true;
    if (now >= until)
      return false;
    // Not a wait for the stop alone: once it is requested, the pauses between tries must stay pauses.
    changed_.wait_for(lock, std::min(until - now, duration{std::chrono::milliseconds(100)}));
  }
}

void job_shared::end_attempt(bool over) {
  {
    std::lock_guard lock(mutex_);
    attempt_over_ = over;
  }
  changed_.notify_all();
}

std::optional<duration> job_shared::stop_requested_at() const {
  std::lock_guard lock(mutex_);
  return stop_at_;
}

void job_shared::on_stop(const std::function<void()>& f) {
  auto now = false;
  {
    std::lock_guard lock(mutex_);
    on_stop_ = f;
    now = f && stop_.load();
  }
  if (now)
    f();
}

void job_shared::set_phase(job_phase p, std::string detail) {
  std::lock_guard lock(mutex_);
  if (phase.exchange(p) != p || !phase_since_)
    phase_since_ = system_clock().now();
  detail_ = std::move(detail);
}

void job_shared::set_parked(int subtask, std::vector<parked_key> keys) {
  std::lock_guard lock(mutex_);
  parked_[subtask] = std::move(keys);
}

std::shared_ptr<std::atomic<std::uint64_t>> job_shared::counter(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto& at = counters_[name];
  if (!at)
    at = std::make_shared<std::atomic<std::uint64_t>>(0);
  return at;
}

void job_shared::set_unanswered(std::string text) {
  std::lock_guard lock(mutex_);
  unanswered_ = std::move(text);
}

void job_shared::set_cause(const error& e) {
  std::lock_guard lock(mutex_);
  cause_ = e;
}

void job_shared::checkpoint_closed(const std::string& why) {
  std::lock_guard lock(mutex_);
  ++checkpoints_closed_;
  closed_why_ = why;
}

void job_shared::lay_out(const job_plan& plan, const std::vector<std::size_t>& tasks) {
  std::lock_guard lock(mutex_);
  figures_ = std::make_shared<job_figures>(plan, tasks, figures_.get());
}

task_meter job_shared::meter(std::size_t vertex, std::size_t place) {
  std::lock_guard lock(mutex_);
  return task_meter(std::shared_ptr<job_figures::task>(figures_, &figures_->at(vertex, place)));
}

job_status job_shared::status() const {
  std::unique_lock lock(mutex_);
  job_status s;
  s.job = job;
  s.phase = phase;
  s.phase_since = phase_since_;
  s.detail = detail_;
  s.checkpoints_closed = checkpoints_closed_;
  s.closed_why = closed_why_;
  s.cause = cause_;
  auto figures = figures_;
  for (const auto& [task, keys] : parked_)
    for (const auto& key : keys) {
      s.parked.push_back(key);
      s.parked.back().service = job;
    }
  for (const auto& [name, count] : counters_)
    s.counters.emplace_back(name, count->load(std::memory_order_relaxed));
  auto unanswered = unanswered_;
  lock.unlock();
  s.records_in = records_in;
  s.records_out = records_out;
  s.restarts = restarts;
  s.store_bytes = store_bytes;
  s.unapplied_bytes = unapplied_bytes;
  fill_checkpoint(s);
  fill_publisher(s.publisher);
  if (makes_copies)
    s.copies = copies_now();
  if (hosts_actor)
    s.commits =
        commits_status{commits, committed_at_us != 0 ? std::optional(timestamp{committed_at_us}) : std::nullopt, open_events};
  if (!figures)
    return s;
  figures->describe(s, system_clock().monotonic());
  for (auto& o : s.operators)
    if (o.kind == vertex_kind::task && !unanswered.empty())
      o.stuck = unanswered;
  for (const auto& p : s.partitions)
    if (p.lag >= 0)
      s.lag = std::max<std::int64_t>(s.lag, 0) + p.lag;
  return s;
}

void job_shared::fill_checkpoint(job_status& s) const {
  s.checkpoint = checkpoint;
  if (checkpoint_at_us != 0)
    s.checkpoint_at = timestamp{checkpoint_at_us};
  s.checkpoint_bytes = checkpoint_bytes;
  s.checkpoint_bytes_total = checkpoint_bytes_total;
  s.checkpoints_completed = checkpoints_completed;
  s.checkpoint_duration = duration{checkpoint_us};
  s.checkpoint_durations = checkpoint_durations.counts();
}

copies_status job_shared::copies_now() const {
  copies_status c;
  c.changes = copies->changes;
  c.bytes = copies->bytes;
  c.snapshots = copies->snapshots;
  c.snapshot_bytes = copies->snapshot_bytes;
  if (auto since = copies->waiting_since_us.load(); since != 0)
    c.waiting = system_clock().monotonic() - duration{since};
  return c;
}

void job_shared::fill_publisher(publisher_status& p) const {
  p.present = publishes;
  p.checkpoint = published;
  if (published_at_us != 0)
    p.at = timestamp{published_at_us};
  p.epochs = published_epochs;
  p.bytes = published_bytes;
  p.durations = publish_durations.counts();
  p.waiting_bytes = waiting_bytes;
  p.waiting_epochs = waiting_epochs;
}

} // namespace weir
