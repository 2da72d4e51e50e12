#pragma once
#include <map>
#include <string>
#include <vector>
#include <weir/core/timestamp.hpp>

namespace weir {

/// Who is alive: decided by what was heard, of a clock that never goes back. Pure.
///
/// A node that did not run itself (stopped, swapped out, suspended) finds its own ticks late. What it did not hear in that time
/// it could not have heard, so it accuses nobody and starts to listen anew; the others have lost it meanwhile.
class liveness {
 public:
  struct settings {
    duration interval = std::chrono::milliseconds(500); ///< Between two keep-alives.
    duration lost_after = std::chrono::seconds(2);      ///< Without a word.
    duration frozen_after = std::chrono::seconds(1);    ///< A tick that is this late says that it was us.
  };
  explicit liveness(settings s) : settings_(s) {}

  /// A peer is connected from now on.
  void add(const std::string& peer, duration now) { heard_[peer] = now; }
  void remove(const std::string& peer) { heard_.erase(peer); }
  /// Anything came from the peer; nothing if it is not connected.
  void heard(const std::string& peer, duration now);

  struct outcome {
    bool was_frozen = false;
    std::vector<std::string> lost{}; ///< Silent for too long: removed already.
  };
  /// Each `interval`: keep-alives are to be sent to all that are left.
  outcome tick(duration now);
  [[nodiscard]] const settings& how() const { return settings_; }
  [[nodiscard]] bool knows(const std::string& peer) const { return heard_.contains(peer); }

 private:
  settings settings_;
  std::map<std::string, duration> heard_;
  duration last_tick_{-1};
};

} // namespace weir
