#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>
#include <weir/cluster/control_seat.hpp>
#include <weir/net/control_words.hpp>

namespace weir {

/// What a node knows of its cluster, for whoever asks: written by the actor that speaks for it, the seat and the directory's
/// thread. Any thread.
class node_board {
 public:
  struct link {
    bool up = false;
    std::string why; ///< Not up: since when not, and why.
  };
  /// Asks between services of different runtimes, since the node began.
  struct asks {
    std::uint64_t here = 0;       ///< Of services here, by services here.
    std::uint64_t elsewhere = 0;  ///< Answered by services of other nodes, by whatever they said.
    std::uint64_t again = 0;      ///< Looks where a service is now, because it was moving or a connection was lost.
    std::uint64_t unanswered = 0; ///< No node ran the service, or none answered in time.
    std::uint64_t open = 0;       ///< At other nodes, now.
  };
  struct view {
    asks asked;
    std::map<std::string, link> links;          ///< By peer.
    std::map<std::string, node_report> reports; ///< Of those heard within the time after which a peer is lost, and our own.
    std::shared_ptr<const cluster::cluster_state> control; ///< Empty: never read.
    std::string trouble;                                   ///< Why the control topic cannot be read now.
    std::vector<planned_move> moves;                       ///< Of this node as the leader.
    std::map<std::string, std::uint32_t> shards;           ///< How many, by service of the file in force.
    bool leads = false;
    bool replaced = false;
    bool leaving = false; ///< This node is about to end: it gives its services away while they run.
    bool ends = false;    ///< It stops what it has left.
    duration directory_answered{0};
    duration log_answered{0}; ///< The broker of the control topic.
  };
  explicit node_board(duration now) { view_.directory_answered = view_.log_answered = now; }

  [[nodiscard]] view look() const {
    std::lock_guard lock(mutex_);
    return view_;
  }
  template <class F>
  void change(F f) {
    std::lock_guard lock(mutex_);
    f(view_);
  }
  /// How many shards a service has by the file in force; 1: none, or it is not known.
  [[nodiscard]] std::uint32_t shards_of(const std::string& service) const {
    std::lock_guard lock(mutex_);
    auto found = view_.shards.find(service);
    return found == view_.shards.end() ? 1 : found->second;
  }
  /// What the seat wants to know; `log_answered` is not ours.
  [[nodiscard]] cluster::control_seat::surroundings surroundings(const std::string& self) const;
  /// By the seat's thread.
  void note(const cluster::control_seat& seat);
  /// Who leads, as far as it is known: of the control topic, or appointed.
  [[nodiscard]] std::string leader(const std::string& appointed) const;

 private:
  mutable std::mutex mutex_;
  view view_;
};

/// A node that is to end, and has been giving its services away for so long, still waits for others that get ready for them: for
/// 15 s at most, and behind 2 s only while the leader has such ones. `mine`: what it runs. Pure.
[[nodiscard]] bool gives_away(const node_board::view& v, const std::vector<running_service>& mine, duration passed);

/// A board as JSON: node, cluster, leader, term, links, nodes, members, services, which nodes could work together.
[[nodiscard]] std::string board_json(const node_board::view& v, const std::string& cluster, const std::string& self,
                                     const std::string& leader);

} // namespace weir
