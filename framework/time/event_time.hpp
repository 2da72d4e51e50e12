#pragma once
#include <string>
#include <weir/core/timestamp.hpp>

namespace weir {

/// Records of a partition come out of order by at most `bound`: a record whose event time is not earlier than the latest
/// seen minus `bound` is never late. Zero: in order. A negative bound counts as zero.
struct bounded_out_of_orderness {
  duration bound{0};
};

/// A partition that is read to its end and brings nothing for `time` stops holding back the others' watermark. Without it
/// a silent partition holds event time for ever. Never triggered by our own slowness; see idleness_tracker.
struct idle_after {
  duration time{0};
};

/// Watermark alignment: a partition whose watermark is ahead of the lowest in its group by more than `max_drift` is not read
/// until that one has come nearer, so that windows and buffers behind the sources hold about `max_drift` of event time and not
/// hours. The group is all partitions of all sources of the job that name it. Partitions that are idle or ended do not count;
/// one that brought nothing yet holds the others until it is idle: without idle_after, for ever. Results do not depend on it.
struct align {
  std::string group;     ///< Like an operator's name.
  duration max_drift{0}; ///< Above zero. What is polled at once (1,024 records) may go beyond it.
};

} // namespace weir
