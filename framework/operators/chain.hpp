#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <weir/core/clock.hpp>
#include <weir/core/logger.hpp>
#include <weir/core/result.hpp>
#include <weir/record/batch.hpp>
#include <weir/record/partition.hpp>
#include <weir/state/keyed_state.hpp>

namespace weir {

class service_port;

/// Where a chain's rows leave its task. Ports are the out-edges of the vertex in plan order. Implemented by task/.
class chain_output {
 public:
  virtual ~chain_output() = default;
  /// Takes the rows. Never fails; may exceed the credit (the overdraft of one handler is the output of one record).
  virtual void emit(std::size_t port, std::unique_ptr<any_batch> rows) = 0;
  /// False: finish the record at hand, then yield (`progress::blocked`).
  [[nodiscard]] virtual bool has_credit() const = 0;
};

/// Where a sink chain's encoded records go: the outbox, the direct producer, or away. Implemented by task/.
struct encoded_record {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::string_view packed_headers;
  timestamp time;
  /// Of a key among `groups`. Set: each partition stands for a range of key groups, instead of being chosen by the key's bytes.
  struct place {
    std::uint16_t group;
    std::uint32_t groups;
  };
  std::optional<place> key_group{};
};
class sink_target {
 public:
  virtual ~sink_target() = default;
  /// Errors: too_large, invalid_argument (null key into a compacted topic): by the sink's error policy. Nothing is kept then.
  virtual result<> write(const encoded_record& r) = 0;
};

/// What a chain may use while it runs; outlives the chain. Only the owning task's thread.
struct chain_context {
  std::string job;
  service_shard shard{};
  std::string vertex;
  int subtask = 0;
  int parallelism = 1;
  std::uint32_t max_parallelism = 128;
  std::uint16_t first_key_group = 0; ///< Inclusive range of this task.
  std::uint16_t last_key_group = 0;
  keyed_state* state = nullptr; ///< Of keyed vertices; else null.
  chain_output* output = nullptr;
  sink_target* sink = nullptr; ///< Of sink vertices; else null.
  const clock* time = nullptr;
  logger log;
  std::uint32_t source = 0;                                ///< Index of the source vertex.
  std::string origin_topic;                                ///< Topic of a source vertex, for error texts and weir.* headers.
  const std::vector<std::string>* source_topics = nullptr; ///< Topic of each source vertex by row_meta::source.
};

enum class progress : std::uint8_t {
  done,    ///< All of the input is processed.
  blocked, ///< Output has no credit, or a record waits for its next try: call `resume` when neither is so.
};

/// The fused operators of one vertex in one task: decode (source), then direct calls operator to operator over batches,
/// no queue, no virtual call per record. Only the owning task's thread calls; nothing here blocks but reads of state.
///
/// Errors (user code that threw under policy `fail`, decode errors under `fail`, store errors) fail the task: it restarts
/// from the last complete checkpoint. The same input then comes again.
///
/// Order: open -> restore? -> [accept* | advance | processing_time | resume]* ; while one of them returned `blocked`,
/// only `resume`, `save` and `next_processing_time` are called.
class chain {
 public:
  virtual ~chain() = default;

  /// Declares states. Errors: incompatible.
  virtual result<> open(chain_context& ctx) = 0;

  /// Source chains: one raw record, buffered; `flush_source` then runs the operators over all buffered at once.
  virtual result<> accept_raw(const record_view& record) = 0;
  virtual result<progress> flush_source() = 0;
  /// The partition's watermark after the records so far; min_timestamp before the first or without event time.
  [[nodiscard]] virtual timestamp source_watermark() const = 0;
  /// Idle time-out of event_time, or none.
  [[nodiscard]] virtual std::optional<duration> idle_after() const = 0;

  /// Other chains: rows from input edge `input` (index among the vertex's in-edges).
  virtual result<progress> accept(std::size_t input, std::unique_ptr<any_batch> rows) = 0;
  /// The merged watermark rose to `watermark`: timers and windows fire, resumably.
  virtual result<progress> advance(timestamp watermark) = 0;
  /// Processing-time timers up to now.
  virtual result<progress> processing_time(timestamp now) = 0;
  /// The earliest processing-time timer, or none.
  virtual result<std::optional<timestamp>> next_processing_time() = 0;
  /// Goes on after `blocked`.
  virtual result<progress> resume() = 0;
  /// After `blocked`: until when a record waits for its next try (processing time); `resume` before that is no use. None:
  /// only credit is missing.
  [[nodiscard]] virtual std::optional<timestamp> waits_until() const { return std::nullopt; }

  /// The chain's own small state at a barrier (watermark generator of a source, operator watermark): appended to `out`.
  virtual void save(std::string& out) const = 0;
  /// Restores what `save` wrote, before the first record. Errors: decode_failed, incompatible.
  virtual result<> restore(std::string_view saved) = 0;

  /// The way in beside the channels, of an actor service's tasks; else null.
  [[nodiscard]] virtual service_port* service() { return nullptr; }

  /// What the operators count, as `<operator>.<counter>`: late, skipped, dead_letters, tombstones and the user's own.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::uint64_t>> counters() const { return {}; }
};

} // namespace weir
