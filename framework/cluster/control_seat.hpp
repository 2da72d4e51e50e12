#pragma once
#include <functional>
#include <map>
#include <weir/cluster/control_office.hpp>
#include <weir/cluster/lead_source.hpp>
#include <weir/cluster/liveness.hpp>
#include <weir/core/logger.hpp>

namespace weir::cluster {

/// A node's seat at the control topic: reads it, takes the lead when it is given, and gives it up when this node should not have
/// it. No clock, thread or I/O of its own: whoever owns it calls `turn`, often. One thread, that of the lead source and the log.
class control_seat {
 public:
  struct options {
    std::string node;
    std::uint64_t start = 0; ///< Random number of the process.
    timing times;
    duration rest = std::chrono::seconds(2); ///< After giving up the lead, and up to as much again at random.
    std::function<std::uint64_t()> random;
    std::function<void(control_entry)> say; ///< Writes a sign of life outside of transactions; empty: nobody hears any.
    std::function<void()> entered;          ///< The lead was taken: `office` may write. Not from inside a call of the owner.
    std::function<void(const std::string& why)> left; ///< For each `entered`.
    logger log;
  };
  /// What this node knows of the world. Times are of the clock of `turn`.
  struct surroundings {
    duration log_answered{0};       ///< When the broker of the control topic did last.
    duration directory_answered{0}; ///< When the shared directory did last.
    std::size_t peers = 0;          ///< Connected.
    bool hears_leader = false;      ///< Is connected with the node that the topic calls the leader.
  };

  /// `source` and `log` must outlive it.
  control_seat(lead_source& source, control_log& log, options o);

  /// To be called at least every `timing.keep_alive`, and at once behind an answer.
  void turn(duration now, const surroundings& s);
  /// Gives the lead up, if this node has it, for the rest.
  void give_up(duration now, const std::string& why);

  [[nodiscard]] control_office& office() { return office_; }
  [[nodiscard]] const cluster_state& state() const { return office_.state(); }
  [[nodiscard]] bool leads() const { return office_.now() == control_office::standing::in; }
  /// Another process has joined in this node's name: this one cannot go on.
  [[nodiscard]] bool replaced() const { return replaced_; }
  /// Of the newest look; empty: the topic could be read.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] bool has_read() const { return has_read_; }
  /// By the newest turn: a look that hangs has no trouble yet.
  [[nodiscard]] duration log_answered() const { return log_answered_; }

 private:
  void look(duration now);
  void watch(duration now, bool frozen, const surroundings& s);
  [[nodiscard]] std::size_t alive_elsewhere(duration now);
  void tell();

  lead_source* source_;
  options options_;
  control_office office_;
  lead_watch watch_;
  bool told_in_ = false; ///< `entered` was called and `left` not yet.
  bool replaced_ = false;
  bool looking_ = false;
  bool has_read_ = false;
  std::string trouble_;
  std::string why_left_;
  std::optional<duration> last_turn_;
  duration next_look_{0}, next_beat_{0}, rests_until_{0}, leader_heard_{0}, log_answered_{0};
  std::uint64_t beat_ = 0;
  struct sign {
    std::uint64_t offset = 0;
    duration at{0};
  };
  std::map<std::string, sign> signs_;
};

} // namespace weir::cluster
