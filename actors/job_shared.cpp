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

void job_shared::on_stop(std::function<void()> f) {
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
  phase = p;
  detail_ = std::move(detail);
}

void job_shared::set_cause(const error& e) {
  std::lock_guard lock(mutex_);
  cause_ = e;
}

void job_shared::set_lag_slots(std::size_t n) {
  std::lock_guard lock(mutex_);
  lags_ = std::make_unique<std::atomic<std::int64_t>[]>(n);
  lag_count_ = n;
  for (std::size_t i = 0; i < n; ++i)
    lags_[i] = -1;
}

std::atomic<std::int64_t>* job_shared::lag_slot(std::size_t i) { return &lags_[i]; }

void job_shared::set_watermark_slots(std::size_t n) {
  std::lock_guard lock(mutex_);
  watermarks_ = std::make_unique<std::atomic<std::int64_t>[]>(n);
  watermark_count_ = n;
  for (std::size_t i = 0; i < n; ++i)
    watermarks_[i] = min_timestamp.us;
}

std::atomic<std::int64_t>* job_shared::watermark_slot(std::size_t i) { return &watermarks_[i]; }

job_status job_shared::status() const {
  std::lock_guard lock(mutex_);
  job_status s;
  s.job = job;
  s.phase = phase;
  s.detail = detail_;
  s.records_in = records_in;
  s.records_out = records_out;
  s.checkpoint = checkpoint;
  if (checkpoint_at_us != 0)
    s.checkpoint_at = timestamp{checkpoint_at_us};
  s.checkpoint_bytes = checkpoint_bytes;
  s.store_bytes = store_bytes;
  s.restarts = restarts;
  s.cause = cause_;
  for (std::size_t i = 0; i < lag_count_; ++i) {
    auto lag = lags_[i].load(std::memory_order_relaxed);
    if (lag >= 0)
      s.lag = std::max<std::int64_t>(s.lag, 0) + lag;
  }
  auto lowest = max_timestamp.us;
  for (std::size_t i = 0; i < watermark_count_; ++i)
    lowest = std::min(lowest, watermarks_[i].load(std::memory_order_relaxed));
  if (watermark_count_ > 0 && lowest != min_timestamp.us && lowest != max_timestamp.us)
    s.watermark = timestamp{lowest};
  return s;
}

} // namespace weir
