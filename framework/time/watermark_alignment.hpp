#pragma once
#include <cstddef>
#include <optional>
#include <vector>
#include <weir/core/timestamp.hpp>

namespace weir {

/// What a partition tells the others of its alignment group.
struct alignment_facts {
  timestamp watermark = min_timestamp; ///< min_timestamp: nothing was read yet.
  bool idle = false;
  bool ended = false;

  friend bool operator==(const alignment_facts&, const alignment_facts&) = default;
};

/// Whether a partition is so far ahead of the lowest watermark of its group that it has to wait. None: nobody counts.
[[nodiscard]] bool runs_ahead(timestamp own, std::optional<timestamp> lowest, duration max_drift);

/// Decides which partitions of an alignment group have to wait, from what they report. The group's watermark is the lowest of
/// those that count: neither idle nor ended; one that read nothing yet counts as the beginning of time until it is idle. A
/// partition whose own watermark is ahead of it by more than its `max_drift` waits.
///
/// The slowest never waits, so somebody can always go on; with nobody that counts, nobody waits. Pure; one thread at a time.
class watermark_alignment {
 public:
  /// A further partition, which counts from now on. Returns its number: 0, 1, …
  std::size_t join(duration max_drift);
  /// A partition's facts changed. Returns the partitions that were held and may go on now, each once.
  std::vector<std::size_t> report(std::size_t who, const alignment_facts& facts);
  /// A partition wants to read. True: it has to wait, and will be in what a later `report` returns.
  bool hold(std::size_t who);

  /// Lowest watermark of those that count; none: nobody does.
  [[nodiscard]] std::optional<timestamp> lowest() const;
  [[nodiscard]] bool held(std::size_t who) const { return members_[who].held; }

 private:
  struct member {
    alignment_facts facts;
    duration max_drift{0};
    bool held = false;
    [[nodiscard]] bool counts() const { return !facts.idle && !facts.ended; }
  };
  void find_slowest();

  std::vector<member> members_;
  std::optional<std::size_t> slowest_; ///< One of those with the lowest watermark; kept so that most reports look at no other.
  std::size_t held_ = 0;
};

} // namespace weir
