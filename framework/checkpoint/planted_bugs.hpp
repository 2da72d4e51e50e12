#pragma once

// Bugs, each of a kind that reviews have let through elsewhere, compiled in only with WEIR_PLANTED_BUGS and chosen at
// run time by the environment variable WEIR_PLANTED_BUG. They are there to be found: a simulator that misses one is blind.

#ifdef WEIR_PLANTED_BUGS
#include <cstdlib>
#endif

namespace weir::planted {

enum class bug : int {
  none = 0,
  late_ack_counts = 1,      ///< The coordinator counts an ack of a closed attempt for the running one.
  cancel_holds_nothing = 2, ///< Alignment, cancelled by a higher barrier, forgets to hold the channel that brought it.
  ordinal_forgotten = 3,    ///< Recovery publishes a partly published epoch from its first record again.
  claim_regardless = 4,     ///< A claim of unknown outcome is written again though somebody published in between.
  // Of the cluster (framework/cluster).
  off_chain_delta = 5,       ///< A restore applies a local delta by its number, though the chain does not name it.
  publish_ahead = 6,         ///< After a move a slot does not wait until the markers of the others have reached it.
  unknown_append_failed = 7, ///< A control record of unknown outcome counts as not written.
  outbox_by_number = 8,      ///< A file of output is garbage when some slot, not its own, has published its epoch.
};

#ifdef WEIR_PLANTED_BUGS
inline bool active(bug b) {
  const char* chosen = std::getenv("WEIR_PLANTED_BUG");
  return chosen != nullptr && std::atoi(chosen) == static_cast<int>(b);
}
#else
constexpr bool active(bug) { return false; }
#endif

} // namespace weir::planted
