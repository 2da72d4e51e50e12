#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>
#include <weir/cluster/types.hpp>
#include <weir/core/timestamp.hpp>

namespace weir::cluster {

/// What the leader knows of a node.
struct node_facts {
  std::string node;
  std::uint32_t capacity = 1;
  bool usable = true;          ///< Kafka and the directory answer it, the job's fingerprint is ours, it is not draining.
  std::set<std::string> hears; ///< Whom it has heard within the time after which a peer is lost.
};

/// The nodes a job may use: the largest set that has the leader in it, whose members are usable and hear each other both
/// ways. Pure. Of sets of equal size the one with more of `present`, then the one whose names come first. The leader is
/// in it even when it is not usable itself: then it leads and does no work. Up to `most_searched` candidates the answer is
/// exact, above it a good one.
[[nodiscard]] std::set<std::string> connected_set(const std::string& leader, const std::vector<node_facts>& nodes,
                                                  const std::set<std::string>& present);
inline constexpr std::size_t most_searched = 24;

/// Who failed how often, and who is left out for it. Pure; one per job, at the leader.
class failure_record {
 public:
  explicit failure_record(timing t = {}) : timing_(t) {}
  /// An attempt failed; `causes`: nodes that its reasons name. From the third in a row on these are left out for a growing
  /// time.
  void on_failed(const std::set<std::string>& causes, duration now);
  /// A checkpoint is complete: the row is over. Bans run on; a node that took part in it has its next ban short again.
  void on_complete(const std::set<std::string>& members);
  [[nodiscard]] std::set<std::string> left_out(duration now) const;
  [[nodiscard]] unsigned in_a_row() const { return in_a_row_; }

 private:
  struct ban {
    duration until{0};
    duration next{0};
  };
  timing timing_;
  unsigned in_a_row_ = 0;
  std::map<std::string, ban> bans_;
};

/// How many of `items` each node gets, in proportion to capacity (largest remainder; of equal ones first who holds more than its
/// share without it by `held`, then by name). Sum: items, or zero when there is no capacity at all. Pure.
[[nodiscard]] std::map<std::string, std::size_t> shares(std::size_t items, const std::map<std::string, std::uint32_t>& capacity,
                                                        const std::map<std::string, std::size_t>& held = {});

/// An owner for each item. Pure. Sticky: an item stays with the owner it had while that has not more than its share.
/// `before[i]`: the owner of item i, empty or not among the nodes: it moves.
[[nodiscard]] std::vector<std::string> assign(const std::vector<std::string>& before,
                                              const std::map<std::string, std::uint32_t>& capacity);

} // namespace weir::cluster
