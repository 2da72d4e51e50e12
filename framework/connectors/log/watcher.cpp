#include <weir/connectors/log/detail/watcher.hpp>

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <vector>
#include <weir/connectors/log/detail/environment.hpp>
#include <weir/connectors/log/detail/format.hpp>

namespace weir::log_detail {

namespace {
using std::chrono::microseconds;
constexpr microseconds shortest_pause{1'000};
constexpr microseconds longest_pause{20'000};
} // namespace

watcher::registration::~registration() {
  if (!watcher_)
    return;
  std::lock_guard lock(watcher_->mutex_);
  if (at_->waiting)
    --watcher_->waiting_;
  watcher_->entries_.erase(at_);
}

void watcher::registration::wait_for(std::int64_t position) {
  std::lock_guard lock(watcher_->mutex_);
  at_->position = position;
  at_->seen = 0;
  if (!at_->waiting) {
    at_->waiting = true;
    ++watcher_->waiting_;
  }
  watcher_->poked_ = true;
  watcher_->changed_.notify_one();
}

watcher::~watcher() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) {
    // After fork the thread exists in the parent only.
    if (env_.process() == ::getpid())
      thread_.join();
    else
      thread_.detach();
  }
}

watcher::registration watcher::add(std::uint32_t topic, std::int32_t partition, std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  if (!thread_.joinable())
    thread_ = std::thread([this] { run(); });
  entries_.push_front({topic, partition, std::move(wake)});
  return {this, entries_.begin()};
}

void watcher::notify() {
  std::lock_guard lock(mutex_);
  if (waiting_ == 0)
    return;
  poked_ = true;
  changed_.notify_one();
}

void watcher::run() {
  std::unique_lock lock(mutex_);
  auto pause = shortest_pause;
  std::uint64_t known = 0;
  while (!stop_) {
    if (waiting_ == 0) {
      changed_.wait(lock, [this] { return stop_ || waiting_ > 0; });
      pause = shortest_pause;
      continue;
    }
    auto last = env_.last_transaction();
    if (poked_ || last != known) {
      poked_ = false;
      pause = last == known ? pause : shortest_pause;
      known = look();
      continue;
    }
    if (changed_.wait_for(lock, pause, [this] { return stop_ || poked_; }))
      continue;
    pause = std::min(longest_pause, pause + pause / 4);
  }
}

std::uint64_t watcher::look() {
  std::vector<entry*> due;
  std::uint64_t snapshot = 0;
  auto looked = env_.read([&](const transaction& t) -> result<> {
    // Not the number that made us look: a commit shows in its meta page a moment before new readers get to see it.
    snapshot = mdb_txn_id(t.raw());
    for (auto& e : entries_) {
      if (!e.waiting || e.seen >= snapshot)
        continue;
      e.seen = snapshot;
      WEIR_ASSIGN(auto found, t.find(env_.dbs().partitions, partition_key(e.topic, e.partition)));
      if (!found)
        continue;
      WEIR_ASSIGN(auto state, decode_partition(*found));
      if (state.next > e.position || state.first > e.position)
        due.push_back(&e);
    }
    return success();
  });
  // After an error (a full reader table, a damaged entry) everybody wakes: their polls meet it and report it.
  if (!looked)
    for (auto& e : entries_)
      if (e.waiting && std::find(due.begin(), due.end(), &e) == due.end())
        due.push_back(&e);
  for (auto* e : due) {
    e->waiting = false;
    --waiting_;
    e->wake();
  }
  return snapshot;
}

} // namespace weir::log_detail
