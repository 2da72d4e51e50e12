#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>
#include <weir/cluster/control_seat.hpp>
#include <weir/cluster/service_placement.hpp>
#include <weir/net/control_words.hpp>

namespace weir {

/// The leader's part in where services run: looks at what the nodes report and writes assignments. One thread, that of the seat.
class service_placer {
 public:
  using reports = std::map<std::string, node_report>;
  /// To be called each interval, on a seat that leads; else it forgets what it knew as a leader. `needs`: of the file in force.
  void turn(cluster::control_seat& seat, const reports& heard, const std::vector<cluster::service_need>& needs, duration now);
  void stand_down() {
    since_.reset();
    able_.clear();
    moves_.clear();
  }
  /// Nodes that are to make stores ready: of services that go there then, and as standbys.
  [[nodiscard]] const std::vector<planned_move>& moves() const { return moves_; }
  /// What is heard of others, leader or not.
  void hears(const reports& heard);

 private:
  [[nodiscard]] cluster::placing_facts facts_of(const cluster::cluster_state& read, const std::string& leader,
                                                const reports& heard, const std::vector<cluster::service_need>& needs,
                                                duration now);
  void write(cluster::control_seat& seat, std::vector<cluster::assignment_record> all);

  /// A leader that has just come hears from the others a moment later. A node that this process has heard and hears no more is
  /// gone: nobody waits for it.
  static constexpr duration patience = std::chrono::seconds(3);
  /// A service that failed for good on a node is not given to it for this long, and then tried again.
  static constexpr duration ban = std::chrono::seconds(60);
  std::optional<duration> since_; ///< In office.
  /// Nodes that can work since so long have settled. A node that loses sight of control topic or directory now and then, behind a
  /// slow network say, would be given services and lose them for ever, and the writing of that holds up what all read.
  static constexpr duration calm = std::chrono::seconds(5);
  std::set<std::string> able_;
  duration able_since_{0};
  std::set<std::string> known_; ///< Heard at some time.
  bool writing_ = false;
  std::vector<planned_move> moves_;
  std::map<std::string, std::map<std::string, duration>> failed_; ///< By service, then node: until when.
};

} // namespace weir
