#pragma once
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

} // namespace weir
