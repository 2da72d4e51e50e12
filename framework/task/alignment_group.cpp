#include <weir/task/alignment_group.hpp>

namespace weir {

std::size_t alignment_group::join(duration max_drift, std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  wake_.push_back(std::move(wake));
  auto who = decide_.join(max_drift);
  publish_lowest();
  return who;
}

void alignment_group::report(std::size_t who, const alignment_facts& facts) {
  std::vector<std::function<void()>> woken;
  {
    std::lock_guard lock(mutex_);
    for (auto i : decide_.report(who, facts))
      woken.push_back(wake_[i]);
    publish_lowest();
  }
  for (auto& wake : woken)
    wake();
}

bool alignment_group::must_wait(std::size_t who, timestamp watermark, duration max_drift) {
  // The number may be a moment old: then one poll more is made, or the lock shows that there is nothing to wait for.
  if (!runs_ahead(watermark, timestamp{lowest_.load()}, max_drift))
    return false;
  // To be told to wait and to be woken exclude each other, so no wake-up falls between.
  std::lock_guard lock(mutex_);
  return decide_.hold(who);
}

void aligned_partition::report(const alignment_facts& facts) {
  if (!group_ || facts == told_)
    return;
  told_ = facts;
  group_->report(number_, facts);
}

} // namespace weir
