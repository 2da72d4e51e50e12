#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <weir/checkpoint/types.hpp>
#include <weir/connectors/connector.hpp>
#include <weir/operators/chain.hpp>
#include <weir/record/frame.hpp>
#include <weir/task/alignment_group.hpp>
#include <weir/task/memory_gate.hpp>
#include <weir/task/output_router.hpp>
#include <weir/task/snapshot.hpp>
#include <weir/time/idleness_tracker.hpp>

namespace weir {

/// Where a partition reader is in its life.
enum class reader_phase : std::uint8_t {
  reading, ///< Polls while it has credit; leaves at its stop offset or at the final barrier.
  ended,   ///< The bounded partition is read to its stop; only barriers are still answered.
  stopped, ///< Behind the final barrier: nothing is read any more.
};

/// One partition of a source: polls, decodes, runs the fused operators, keeps position and watermark, answers barriers.
/// The actor around it only carries messages. One thread at a time; nothing here blocks. Errors fail the attempt.
class reader_core : private record_consumer {
 public:
  struct parts {
    participant_id who; ///< Source vertex and partition.
    std::string topic;
    std::unique_ptr<partition_reader>
        reader; ///< Opened at `position.last->offset` if there is a last record, else at next_offset.
    std::unique_ptr<output_router> output;
    std::unique_ptr<chain> operators;
    chain_context context;
    const clock* time = nullptr;
    reader_snapshot position;          ///< Where to begin; `next_offset` is the first record to pass on.
    bool check_fingerprint = false;    ///< The reader was opened at the last record: compare it first.
    bool restored = false;             ///< `position` comes from a checkpoint: watermark, idle flag and chain count.
    std::optional<std::int64_t> stop;  ///< First offset that is not read any more.
    aligned_partition alignment;       ///< Woken like by the connector.
    std::shared_ptr<memory_gate> gate; ///< Closed: nothing is read. Its opening wakes like the connector; null: always open.
    std::function<void(std::uint64_t checkpoint, contribution)> acknowledge;
    std::function<void()> finished; ///< The stop offset is reached and the end was sent.
  };
  explicit reader_core(parts p);

  result<> open();

  enum class step_result : std::uint8_t { idle, more };
  /// One poll or one barrier; sends what came of it.
  result<step_result> step();

  void on_wake() { wake_ = true; }
  void on_barrier(const barrier_frame& b) { barriers_.push_back(b); }
  void add_credit(std::uint32_t channel, std::size_t bytes) { parts_.output->add_credit(channel, bytes); }

  /// When a step is to be made without being asked, on the monotonic clock: to see whether the partition is idle, or for a
  /// record that waits for its next try.
  [[nodiscard]] std::optional<duration> next_look() const;
  [[nodiscard]] std::int64_t lag() const { return parts_.reader ? parts_.reader->lag() : -1; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::int64_t next_offset() const { return position_.next_offset; }
  [[nodiscard]] reader_phase phase() const { return phase_; }
  [[nodiscard]] bool idle() const { return idleness_.idle(); }
  /// When last looked at it was too far ahead of the others of its alignment group to be read.
  [[nodiscard]] bool waits_for_others() const { return waiting_; }
  /// Not read while the job's keyed state takes too much memory.
  [[nodiscard]] bool waits_for_memory() const { return phase_ == reader_phase::reading && parts_.gate && parts_.gate->closed(); }
  [[nodiscard]] timestamp watermark() const { return position_.watermark; }
  [[nodiscard]] const participant_id& who() const { return parts_.who; }
  [[nodiscard]] const output_router& output() const { return *parts_.output; }

 private:
  void consume(const record_view& record) override;
  result<> restore();
  result<> check_last(const record_view& record);
  result<> answer(const barrier_frame& b);
  result<> poll();
  result<> after_rows(result<progress> p);
  void send_watermark();
  void tell_others();
  void finish();
  [[nodiscard]] std::string save() const;

  parts parts_;
  reader_snapshot position_;
  reader_phase phase_ = reader_phase::reading;
  std::deque<barrier_frame> barriers_;
  idleness_tracker idleness_{std::nullopt};
  std::optional<error> failed_; ///< Met inside consume().
  bool blocked_ = false;
  bool wake_ = true;
  bool waiting_ = false;
  bool at_stop_ = false;
  std::size_t polled_ = 0; ///< Records of the present poll that were passed on.
  std::string last_bytes_; ///< Key and value of the last record, hashed only at a barrier.
  std::uint64_t records_ = 0;
};

} // namespace weir
