#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>
#include <weir/time/watermark_alignment.hpp>

namespace weir {

/// The partitions of one alignment group of a job, over all threads: what they report and who waits. One per attempt; nothing
/// of it is in a checkpoint. Any thread; a report holds a lock for as long as it takes to look at the partitions, at most
/// once per poll of a partition; whoever is not ahead of the others looks at one number and takes none.
class alignment_group {
 public:
  /// A further partition; `wake` is called, from any thread, when it was told to wait and may read now. Must not block and not
  /// call the group. Before the group's partitions read.
  std::size_t join(duration max_drift, std::function<void()> wake);
  void report(std::size_t who, const alignment_facts& facts);
  /// Whether the partition, with its watermark as reported last, has to wait before it reads on. When it has, it is woken.
  bool must_wait(std::size_t who, timestamp watermark, duration max_drift);

 private:
  void publish_lowest() { lowest_.store(decide_.lowest().value_or(max_timestamp).us); }

  std::mutex mutex_;
  watermark_alignment decide_;
  std::vector<std::function<void()>> wake_;
  std::atomic<std::int64_t> lowest_{max_timestamp.us}; ///< As decided last; the end of time: nobody counts.
};

/// A partition's place in its alignment group; one made without a group never waits. Of the partition's reader; one thread.
class aligned_partition {
 public:
  aligned_partition() = default;
  /// `wake` as for `join`.
  aligned_partition(std::shared_ptr<alignment_group> group, duration max_drift, std::function<void()> wake)
      : group_(std::move(group)), max_drift_(max_drift), number_(group_->join(max_drift, std::move(wake))) {}

  /// Tells the others, if something changed.
  void report(const alignment_facts& facts);
  /// Whether it has to wait before it reads on; then it is woken when it need not any more.
  [[nodiscard]] bool must_wait() const { return group_ && group_->must_wait(number_, told_.watermark, max_drift_); }

 private:
  std::shared_ptr<alignment_group> group_;
  duration max_drift_{0};
  std::size_t number_ = 0;
  alignment_facts told_;
};

} // namespace weir
