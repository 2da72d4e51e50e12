#pragma once
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace weir::e2e {

/// What happens to a cluster of nodes.
struct fault {
  enum class kind {
    kill,            ///< SIGKILL; started again after `time`, without its store if `lose_store`.
    freeze,          ///< SIGSTOP for `time`.
    kill_in_copy,    ///< The process kills itself at a step of the copies of checkpoints; as `kill` behind that.
    freeze_in_copy,  ///< It stops itself there, for `time`.
    peer_one_way,    ///< What the node sends to another one is lost.
    peer_cut,        ///< And what it hears of that.
    alone,           ///< Neither of the others hears it or is heard; Kafka is.
    kafka_deaf,      ///< What Kafka says to the node is lost.
    kafka_mute,      ///< What the node says to Kafka is lost.
    kafka_cut,       ///< Both.
    all_cut,         ///< From Kafka and the others.
    directory_read,  ///< Nothing can be written to the shared directory.
    directory_gone,  ///< It is another one: empty, read-only.
    loss,            ///< 5 % of all packets.
    delay,           ///< 200 ms more each way.
    reorder,         ///< Each third packet comes later.
    broker_killed,   ///< SIGKILL, and started again.
    broker_restarted ///< SIGTERM, and started again.
  };
  kind what = kind::kill;
  bool of_leader = false; ///< Happens to the leader, or to one that does not lead.
  unsigned which = 0;     ///< Of two that do not lead.
  unsigned peer = 0;      ///< Which of the other two the node is cut from.
  std::string point;      ///< A fail point.
  bool lose_store = false;
  std::chrono::milliseconds time{0};

  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool of_a_node() const;
  /// Of network or mounts that a node has alone.
  [[nodiscard]] bool needs_isolation() const;
  /// Each change that a node copies passes the fail point; others need a snapshot or a store that is lost.
  [[nodiscard]] bool always_passed() const;
  /// Nothing but this may happen under it: no node is lost and checkpoints go on.
  [[nodiscard]] bool bearable() const { return what == kind::loss || what == kind::delay || what == kind::reorder; }
};

/// So many faults from a seed. All kinds come before any comes again; of eight there are those that are different most: a killed
/// leader, a killed worker, a freeze, a cut one way, loss or delay among them.
[[nodiscard]] std::vector<fault> make_faults(std::uint64_t seed, unsigned count, bool isolated);

} // namespace weir::e2e
