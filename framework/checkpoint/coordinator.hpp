#pragma once
#include <cstdint>
#include <optional>
#include <set>
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
    duration interval = std::chrono::seconds(1);   ///< From begin to begin.
    duration min_pause = duration{0};              ///< From the end of one to the begin of the next.
    duration timeout = std::chrono::minutes(10);   ///< Then the attempt is closed.
    unsigned tolerated_failures = 3;               ///< Closed attempts in a row before the job fails.
  };

  // --- actions, to be executed in order
  struct send_barrier { std::uint64_t checkpoint; bool final_barrier; };  ///< To every source.
  struct store_complete {                                             ///< Ask the store; answer with on_completed or on_store_failed.
    std::uint64_t checkpoint;
    std::vector<contribution> contributions;  ///< In participant order.
    bool final_barrier;
    bool ended;  ///< All participants had finished their (bounded) input.
  };
  struct store_close { std::uint64_t checkpoint; };  ///< Ask the store; answer with on_closed.
  struct announce_complete { std::uint64_t checkpoint; bool final_barrier; bool ended; };  ///< To tasks, publisher.
  struct announce_closed { std::uint64_t checkpoint; std::string why; };       ///< To tasks: release what is held for it.
  struct fail_job { error cause; };
  using action = std::variant<send_barrier, store_complete, store_close, announce_complete, announce_closed, fail_job>;
  using actions = std::vector<action>;

  /// `next` is above everything stored and above the marker. Participants are those of the first checkpoint.
  checkpoint_coordinator(options o, std::uint64_t next, std::set<participant_id> participants, duration now);

  /// Time passed: begins or times out. Nothing begins while `quiet` (no input since the last and nothing changed).
  actions on_tick(duration now);
  /// Something happened since the last checkpoint (records read, timers due): the next tick may begin one.
  void on_activity();
  actions on_ack(std::uint64_t checkpoint, contribution c, duration now);
  actions on_completed(std::uint64_t checkpoint, duration now);
  actions on_closed(std::uint64_t checkpoint, bool was_complete, duration now);
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
  struct running_info { std::uint64_t checkpoint; duration began; std::vector<participant_id> missing; };
  [[nodiscard]] std::optional<running_info> running() const;
  [[nodiscard]] bool stopped() const;  ///< The final checkpoint is complete.

 private:
  // Implementation members: see coordinator.cpp's owner.
  struct attempt {
    std::uint64_t checkpoint = 0;
    duration began{0};
    bool final_barrier = false;
    bool closing = false;
    bool completing = false;
    std::set<participant_id> missing;
    std::vector<contribution> got;
    std::string why;
  };
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
  unsigned failures_ = 0;
};

} // namespace weir
