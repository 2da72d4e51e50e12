#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// Decides when checkpoints begin, complete and are closed (design section 7). Pure: facts in, actions out; no clock,
/// thread or I/O. Times are monotonic. The store is the judge of completeness: the coordinator only asks it.
class checkpoint_coordinator {
 public:
  struct options {
    duration interval = std::chrono::seconds(1); ///< From begin to begin.
    duration min_pause = duration{0};            ///< From the end of one to the begin of the next.
    duration timeout = std::chrono::minutes(10); ///< Then the attempt is closed.
    unsigned tolerated_failures = 3;             ///< Closed attempts in a row; one more and the job fails.
  };

  // --- actions, to be executed in order
  struct send_barrier {
    std::uint64_t checkpoint;
    bool final_barrier;
  };                      ///< To every source.
  struct store_complete { ///< Ask the store; answer with on_completed or on_store_failed.
    std::uint64_t checkpoint;
    std::vector<contribution> contributions; ///< In participant order.
    bool final_barrier;
    bool ended; ///< All participants had finished their (bounded) input.
  };
  struct store_close {
    std::uint64_t checkpoint;
  }; ///< Ask the store; answer with on_closed.
  struct announce_complete {
    std::uint64_t checkpoint;
    bool final_barrier;
    bool ended;
  }; ///< To the publisher; behind the last one, to whoever ends the job.
  struct announce_closed {
    std::uint64_t checkpoint;
    std::string why;
  }; ///< To tasks: release what is held for it.
  struct fail_job {
    error cause;
  };
  using action = std::variant<send_barrier, store_complete, store_close, announce_complete, announce_closed, fail_job>;
  using actions = std::vector<action>;

  /// `next` is above everything stored and above the marker. Participants are those of the first checkpoint.
  checkpoint_coordinator(options o, std::uint64_t next, std::set<participant_id> participants, duration now);

  /// Time passed: begins or times out. Nothing begins while `quiet` (no input since the last and nothing changed).
  actions on_tick(duration now);
  /// Something happened since the last checkpoint (records read, timers due): the next tick may begin one.
  void on_activity();
  /// Counts the first ack of each participant of the running attempt; any other (late, double, unknown) changes nothing:
  /// the chunks it speaks of fall to the next complete checkpoint.
  actions on_ack(std::uint64_t checkpoint, contribution c, duration now);
  actions on_completed(std::uint64_t checkpoint, duration now);
  /// The store's verdict. `was_complete`: too late to close, the checkpoint counts.
  actions on_closed(std::uint64_t checkpoint, bool was_complete, duration now);
  /// unknown_outcome, store_corrupt, fenced or a failed close: the job fails. Any other failure of a complete (a full
  /// disk): the attempt is closed.
  actions on_store_failed(std::uint64_t checkpoint, const error& e, duration now);
  /// A participant cannot take part in k (its alignment was cancelled, its snapshot failed).
  actions on_declined(std::uint64_t checkpoint, const participant_id& who, const std::string& why, duration now);
  /// Begin now, whatever the interval (a savepoint, a test); at once or when the running one ends.
  actions request_now(duration now);
  /// The job stops behind one last checkpoint: a final barrier follows as soon as the running checkpoint ends.
  actions request_final(duration now);
  /// Participants of the next checkpoint (a discovered partition, a retired one). Takes effect at the next begin.
  void set_participants(std::set<participant_id> participants);

  /// When on_tick should be called next; none: nothing to wait for.
  [[nodiscard]] std::optional<duration> next_tick() const;
  /// For status: the running checkpoint, its age and who has not acked.
  struct running_info {
    std::uint64_t checkpoint;
    duration began;
    std::vector<participant_id> missing;
  };
  [[nodiscard]] std::optional<running_info> running() const;
  /// The final checkpoint, or one behind the end of all inputs, is complete: nothing begins any more.
  [[nodiscard]] bool stopped() const;

 private:
  enum class phase : std::uint8_t {
    collecting, ///< Barriers are out, acks come in; exits: completing (last ack), closing (time-out, declined).
    completing, ///< The store was asked to complete; exits: done, closing (the store refused).
    closing,    ///< The store was asked to close; exits: done, by either verdict.
  };
  struct attempt {
    std::uint64_t checkpoint = 0;
    duration began{0};
    bool final_barrier = false;
    phase now = phase::collecting;
    std::set<participant_id> missing;
    std::map<participant_id, contribution> got;
    std::string why; ///< It is being closed.
  };
  void begin(actions& out, duration now);
  void complete_if_all_acked(actions& out);
  void close(actions& out, std::string why);
  void finish(actions& out, duration now);
  void begin_if_requested(actions& out, duration now);
  void fail(actions& out, error cause);
  [[nodiscard]] duration due() const;
  options options_;
  std::uint64_t next_;
  std::set<participant_id> participants_;
  std::optional<attempt> attempt_;
  duration last_begin_;
  duration last_end_;
  bool activity_ = true;
  bool now_requested_ = false;
  bool final_requested_ = false;
  bool stopped_ = false;
  bool failed_ = false;
  unsigned failures_ = 0;
};

} // namespace weir
