#pragma once
#include <deque>
#include <functional>
#include <string>
#include <vector>
#include <weir/cluster/cluster_state.hpp>
#include <weir/cluster/control_log.hpp>

namespace weir::cluster {

/// What follows an append; pure.
enum class append_step : std::uint8_t {
  done,  ///< Read it back and go on.
  again, ///< The same append.
  look,  ///< Take the id anew, read to the end, decide with `after_look`.
  leave, ///< Somebody else leads: step down. Not an end of the process.
};
/// `attempts`: how often this append was tried since the id was taken, from 1.
append_step after_append(append_outcome outcome, unsigned attempts);

/// What a leader finds in the topic after an append of unknown outcome; pure.
enum class look_step : std::uint8_t {
  landed, ///< It is there.
  again,  ///< It is not, and never will be (the id was taken anew): write it.
  leave,  ///< Another leader has taken office meanwhile.
};
look_step after_look(const cluster_state& read, std::uint64_t own_term, std::uint64_t serial);

/// A node's side of the control topic: the state replayed from it, and, while the node leads, the only way to write.
/// No I/O, clock or thread of its own: it works through the control_log and goes on when that answers. One thread.
class control_office {
 public:
  enum class standing : std::uint8_t {
    out,      ///< Reads only. Exit: entering, by `enter`.
    entering, ///< The id is being taken, the topic read, the term written. Exits: in; out, when somebody else was faster.
    in,       ///< Leads. Exit: out, by `leave`, because the broker refused an append, or because another term was read.
  };
  using answer = std::function<void(result<>)>;

  /// `log` must outlive it.
  control_office(control_log& log, std::string node) : log_(&log), node_(std::move(node)) {}

  /// Takes office: fence, read to the end, write the term. The group must have given this node the partition. `nonce` is
  /// random. Errors: fenced (somebody else took it, or `leave` was called), incompatible and store_corrupt (the topic cannot be
  /// read).
  void enter(std::uint64_t nonce, answer done);
  /// Steps down. What is under way is answered with fenced; whether it becomes visible is read by the next leader.
  void leave();
  /// Writes the bodies in one transaction and reads them back, behind all commits asked for before. Unknown outcomes are
  /// looked up here, for as long as it takes: the answer is success (they are in the topic, and in `state`) or fenced (not in
  /// office any more; they may be in the topic). Who must not wait leaves. `attempt` goes into the stamp.
  void commit(std::uint64_t attempt, std::vector<control_body> bodies, answer done);
  /// The same for tombstones.
  void remove(std::vector<std::string> keys, answer done);
  /// Reads the topic to its end. Errors: unavailable, and records that cannot be read.
  void look(answer done);

  [[nodiscard]] standing now() const { return standing_; }
  [[nodiscard]] std::uint64_t term() const { return term_; } ///< Own; means nothing unless in.
  [[nodiscard]] const cluster_state& state() const { return state_; }
  [[nodiscard]] const std::string& node() const { return node_; }

 private:
  struct job {
    std::uint64_t attempt = 0;
    std::vector<control_body> bodies;
    std::vector<std::string> removed;
    answer done;
    std::uint64_t serial = 0;
    unsigned attempts = 0;
  };
  void take(std::function<void()> then);
  void write_term();
  void entered(result<> how);
  void pump();
  void append();
  void came_back(append_outcome outcome);
  void look_for_it();
  void finish(result<> how);
  void step_down(const error& why);
  void read();
  /// Calls `then` behind a read to the end, however often that takes; steps down when the topic cannot be read.
  void read_then(std::function<void()> then);

  control_log* log_;
  std::string node_;
  cluster_state state_;
  standing standing_ = standing::out;
  std::uint64_t term_ = 0, nonce_ = 0, serial_ = 0;
  std::uint64_t era_ = 0; ///< Grows when office is taken or left: answers to what was asked before are not listened to.
  answer entered_;
  std::deque<job> queue_; ///< The first is under way.
  bool busy_ = false;
  bool reading_ = false;
  std::vector<answer> waiting_; ///< For a read that begins after the one under way.
  std::vector<answer> readers_; ///< For the read under way.
};

} // namespace weir::cluster
