#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/checkpoint/alignment.hpp>
#include <weir/checkpoint/types.hpp>
#include <weir/operators/chain.hpp>
#include <weir/services/service_port.hpp>
#include <weir/state/task_state.hpp>
#include <weir/task/memory_gate.hpp>
#include <weir/task/output_router.hpp>
#include <weir/task/sink_targets.hpp>
#include <weir/task/snapshot.hpp>
#include <weir/time/watermark.hpp>

namespace weir {

/// What a task asks of whoever runs it (its actor). Called on the task's own thread, inside its member functions.
class task_host {
 public:
  virtual ~task_host() = default;
  virtual void return_credit(std::uint32_t channel, std::size_t bytes) = 0;
  virtual void stage_delta(std::string chunk) = 0;
  virtual void stage_outbox(std::string chunk) = 0;
  /// Like stage_delta, and wanted back: answered by task_core::on_spilled once the chunk can be read from the store.
  virtual void stage_spill(std::string chunk) = 0;
  virtual void acknowledge(std::uint64_t checkpoint, contribution c) = 0;
  virtual void decline(std::uint64_t checkpoint, const std::string& why) = 0;
  /// Every input ended and all that follows from it is sent.
  virtual void finished() = 0;
};

struct in_channel {
  std::uint32_t channel = 0; ///< Identity in the job.
  std::size_t input = 0;     ///< In-edge of the vertex.
};

/// Where a task is in its life.
enum class task_phase : std::uint8_t {
  running,  ///< Processes frames; leaves at the end of all inputs or at the final barrier.
  finished, ///< Every input ended; only barriers are still answered.
  stopped,  ///< Behind the final barrier: nothing is processed, no timer fires, nothing is sent.
};

/// One parallel instance of a vertex that is not a source: its channels, its chain, its state. Drives alignment, watermarks,
/// timers, credit and snapshots; the actor around it only carries messages. One thread at a time; only reads of state
/// block. Errors fail the attempt; the object is then only good for destruction.
class task_core {
 public:
  struct parts {
    participant_id who;
    std::vector<in_channel> inputs;
    std::unique_ptr<output_router> output;
    std::unique_ptr<task_state> state; ///< Null when the vertex is not keyed.
    std::shared_ptr<memory_gate> gate; ///< Hears how much memory `state` takes; null: nobody does.
    std::unique_ptr<epoch_sink> sink;  ///< Of sink vertices.
    std::unique_ptr<chain> operators;
    chain_context context; ///< Completed here: state, output, sink.
    task_host* host = nullptr;
    service_host* services = nullptr; ///< Of an actor service's task.
  };
  explicit task_core(parts p);
  /// The chain goes first: its operators may still use their context (stop handlers log).
  ~task_core() { parts_.operators.reset(); }
  task_core(const task_core&) = delete;
  task_core& operator=(const task_core&) = delete;

  /// Opens the chain; with `saved` restores it. `restored_checkpoint` is the one restored from, 0 for none.
  result<> open(const std::optional<task_snapshot>& saved, std::uint64_t restored_checkpoint);

  /// Queues frames of an input channel.
  void deliver(std::uint32_t channel, std::vector<frame> frames);
  void add_credit(std::uint32_t channel, std::size_t bytes) { parts_.output->add_credit(channel, bytes); }
  /// Processing time has come to `now`; takes effect in the next step.
  void on_time(timestamp now) { time_now_ = now; }

  enum class step_result : std::uint8_t {
    idle, ///< Nothing to do until a message comes.
    more, ///< Call again.
  };
  /// Works for about one frame or one slice of a snapshot. Sends what came of it.
  result<step_result> step();

  void on_closed(std::uint64_t checkpoint);
  /// Checkpoint k is complete; tasks of actor services need to know.
  void on_complete(std::uint64_t checkpoint);
  /// Queues a call of the actor service's port, made in the next step. False: this is no actor service, or it takes no more
  /// calls (behind its final barrier).
  bool call_service(std::function<result<>(service_port&)> call);
  /// The oldest spilled chunk not answered yet can be read from the store under this number.
  void on_spilled(std::uint64_t number);
  /// The base holds all complete deltas up to this checkpoint.
  void on_applied(std::uint64_t checkpoint);

  /// When `on_time` is to be called next: for a timer, or for a record that waits for its next try.
  [[nodiscard]] result<std::optional<timestamp>> next_processing_time();
  [[nodiscard]] timestamp watermark() const { return merger_.current(); }
  [[nodiscard]] task_phase phase() const { return phase_; }
  [[nodiscard]] service_port* service() { return parts_.operators->service(); }
  [[nodiscard]] const participant_id& who() const { return parts_.who; }
  [[nodiscard]] epoch_sink* sink() { return parts_.sink.get(); }
  [[nodiscard]] std::uint64_t rows_in() const { return rows_in_; }
  [[nodiscard]] const output_router& output() const { return *parts_.output; }

 private:
  struct input {
    in_channel channel;
    std::deque<frame> queue;
    bool ended = false;
  };
  /// What follows when the chain is done with what it was given.
  struct follow_up {
    std::optional<std::pair<std::uint32_t, std::size_t>> credit;
    std::optional<timestamp> watermark;
    std::optional<bool> idle;
    bool end = false;
  };
  struct snapshot {
    std::uint64_t checkpoint = 0;
    bool final_barrier = false;
    std::uint64_t outbox_end = 0;
    std::uint64_t delta_end = 0;
    bool drained = false;
    std::string inline_state;
  };

  result<> take(std::size_t at, frame f);
  result<> after(result<progress> p);
  result<> finish_follow_up();
  result<> advance(std::optional<timestamp> rose);
  result<> on_barrier(std::size_t at, const barrier_frame& b);
  result<> take_snapshot(std::uint64_t checkpoint, bool final_barrier);
  result<bool> continue_snapshot();
  void stage(delta_chunk c);
  [[nodiscard]] outbox_sink* outbox() { return dynamic_cast<outbox_sink*>(parts_.sink.get()); }
  [[nodiscard]] std::string save() const;
  result<> make_service_call();
  void report_memory();

  parts parts_;
  std::deque<input> inputs_; ///< Not a vector: frames cannot be copied when it grows.
  std::map<std::uint32_t, std::size_t> input_of_;
  alignment alignment_;
  watermark_merger merger_;
  std::size_t turn_ = 0;
  task_phase phase_ = task_phase::running;
  bool blocked_ = false;
  follow_up then_;
  std::optional<timestamp> time_now_;
  std::optional<snapshot> snapshot_;
  std::optional<std::string> before_end_; ///< Inline state from before the end of time, kept for later checkpoints.
  std::uint64_t staged_deltas_ = 0;
  std::uint64_t staged_outbox_ = 0;
  std::uint64_t restored_checkpoint_ = 0;
  std::map<std::uint64_t, std::uint64_t> freeze_of_; ///< Checkpoint -> freeze, until applied.
  std::uint64_t rows_in_ = 0;
  std::size_t reported_memory_ = 0; ///< To the gate, last.
  std::deque<std::function<result<>(service_port&)>> service_calls_;
};

} // namespace weir
