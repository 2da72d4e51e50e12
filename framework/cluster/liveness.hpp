#pragma once
#include <map>
#include <set>
#include <string>
#include <weir/cluster/types.hpp>

namespace weir::cluster {

/// Whom a node has heard lately. Pure; times are of the node's own monotonic clock; one thread.
class peer_watch {
 public:
  explicit peer_watch(duration now, timing t = {}) : timing_(t), last_tick_(now) {}
  void on_heard(const std::string& peer, duration now) { heard_[peer] = now; }
  struct tick {
    std::set<std::string> lost; ///< Heard before, not within `timing.lost`: named once.
    bool was_frozen = false;    ///< This tick comes late: the silence is our own. Nobody is accused, all get a new delay.
  };
  /// Each `timing.keep_alive`. A node that `was_frozen` rejoins: others have given it up.
  tick on_tick(duration now);
  /// Heard and not lost.
  [[nodiscard]] std::set<std::string> hears() const;

 private:
  timing timing_;
  duration last_tick_;
  std::map<std::string, duration> heard_;
};

/// Whether a leader goes on leading. Pure; as above.
class lead_watch {
 public:
  explicit lead_watch(timing t = {}) : timing_(t) {}
  enum class verdict : std::uint8_t {
    lead,
    frozen,       ///< Slept: somebody else may lead.
    no_kafka,     ///< For `timing.give_up`.
    no_directory, ///< The same.
    alone,        ///< No peer is seen while the control topic shows others alive: the links are cut on our side.
  };
  struct facts {
    duration now{0};
    duration kafka_answered{0}; ///< When it last did.
    duration directory_answered{0};
    std::size_t peers_seen = 0;
    std::size_t alive_in_topic = 0; ///< Other nodes whose sign of life came within `timing.lost`.
    bool was_frozen = false;
  };
  /// Having given up for being alone, it does not do so again for a growing time: between two nodes that cannot hear each
  /// other the lead would go to and fro for ever, and no checkpoint come of it.
  verdict decide(const facts& f);

 private:
  timing timing_;
  duration lonely_until_{0};
  duration lonely_next_{0};
};

} // namespace weir::cluster
