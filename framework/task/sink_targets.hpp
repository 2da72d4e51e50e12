#pragma once
#include <deque>
#include <memory>
#include <string>
#include <weir/connectors/connector.hpp>
#include <weir/graph/plan.hpp>

namespace weir {

/// What a sink writer knows of its destination before a record is accepted.
struct destination {
  std::string connection;
  topic_description topic;
  sink_connection* partitioner = nullptr; ///< Chooses partitions; outlives the target.
};

/// The end of a sink chain with its behaviour at a barrier. Only the owning task's thread.
class epoch_sink : public sink_target {
 public:
  /// A barrier is here: what `seal` is asked about ends now, what is written from here on belongs to the next epoch.
  virtual void at_barrier() {}
  /// Everything written before the last barrier is handed over or acknowledged: true. False: ask again after a wake-up.
  virtual result<bool> seal() = 0;
  /// False while no more records should come; those that still come are kept.
  [[nodiscard]] virtual bool accepting() = 0;
  [[nodiscard]] virtual std::uint64_t records() const = 0;
};

/// Exactly once: records gather in outbox chunks, staged with the checkpoint they belong to.
class outbox_sink final : public epoch_sink {
 public:
  outbox_sink(destination to, std::size_t chunk_bytes) : to_(std::move(to)), chunk_bytes_(chunk_bytes) {}
  /// `stage` takes finished chunks in order; set before the first record.
  void on_chunk(std::function<void(std::string)> stage) { stage_ = std::move(stage); }
  result<> write(const encoded_record& r) override;
  result<bool> seal() override;
  [[nodiscard]] bool accepting() override { return !paused_; }
  [[nodiscard]] std::uint64_t records() const override { return records_; }
  /// The outbox on disk is at its limit (or below it again).
  void pause(bool on) { paused_ = on; }

 private:
  destination to_;
  std::size_t chunk_bytes_;
  std::function<void(std::string)> stage_;
  std::string chunk_;
  std::uint64_t records_ = 0;
  bool paused_ = false;
};

/// At least once, or best effort: records go to the producer at once; at-least-once waits for all before a barrier.
class direct_sink final : public epoch_sink {
 public:
  direct_sink(destination to, std::unique_ptr<direct_producer> producer, bool wait_for_acknowledgement)
      : to_(std::move(to)), producer_(std::move(producer)), wait_(wait_for_acknowledgement) {}
  result<> write(const encoded_record& r) override;
  void at_barrier() override;
  result<bool> seal() override;
  [[nodiscard]] bool accepting() override { return waiting_.empty(); }
  [[nodiscard]] std::uint64_t records() const override { return records_; }
  /// The producer has room again.
  result<> retry();

 private:
  struct kept {
    std::int32_t partition;
    std::optional<std::string> key, value;
    std::string headers;
    std::int64_t time_ms;
  };
  destination to_;
  std::unique_ptr<direct_producer> producer_;
  bool wait_;
  std::deque<kept> waiting_;
  std::size_t before_barrier_ = 0;    ///< As many of `waiting_` were written before the barrier.
  std::optional<std::uint64_t> mark_; ///< Of the last barrier, once all before it is sent.
  std::uint64_t records_ = 0;
};

/// Checks key and size against the destination. Errors: too_large, invalid_argument.
result<> check_writable(const destination& to, const encoded_record& r);

} // namespace weir
