#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include <weir/state/keyed_state.hpp>

namespace weir {

/// What a task's table reads from the store: a snapshot of the base that the task renews between batches.
/// One reader per task; only the owning task calls. Implemented on LMDB by storage/.
class base_reader {
 public:
  virtual ~base_reader() = default;
  virtual result<std::optional<std::string_view>> get(std::string_view row_key) = 0;
  /// Positions at the first row with key >= `row_key` and calls visit(key, value) upwards until it returns false.
  virtual result<> scan(std::string_view row_key, const std::function<bool(std::string_view, std::string_view)>& visit) = 0;
  /// Gives up the snapshot: no reader stays open between batches. The next read takes a new one.
  virtual void release() = 0;
  /// True while the base has no row at all: a miss needs no look-up then.
  [[nodiscard]] virtual bool empty() const = 0;
};

/// Chunks of encoded changes, ready for the store; at most 4 MB each, with checksum, rows sorted by row key inside a chunk.
struct delta_chunk {
  std::uint64_t freeze = 0; ///< The freeze (counted per task from 1 in this attempt) whose changes it holds.
  std::string bytes;
};

struct task_state_options {
  std::uint16_t first_key_group = 0; ///< Range of this task, inclusive.
  std::uint16_t last_key_group = 0;
  std::size_t memory_limit = std::size_t{256} << 20; ///< Bytes; above it clean entries are evicted, then dirty ones spilled.
  /// The bytes of a chunk of this task that the store has committed, by its number (what staging it returned); called on
  /// the task's thread. Errors: not_found once the chunk is applied to the base. Empty: nothing is ever spilled.
  std::function<result<std::string>(std::uint64_t number)> read_chunk;
};

/// The life of a task's table around checkpoints. Only the owning task calls.
///
/// Order of calls: load_pending* (at restore) -> declare* -> [reads, writes, freeze, drain, applied]*.
class task_state : public keyed_state {
 public:
  /// Loads one chunk of a complete delta that is not in the base yet, oldest first, before anything else. Rows of key
  /// groups outside the range are skipped. Errors: store_corrupt.
  virtual result<> load_pending(std::string_view chunk_bytes, std::uint64_t checkpoint) = 0;

  /// Ends the epoch in O(1): later changes belong to the next freeze. Returns its number. The frozen changes of an
  /// earlier freeze must be drained first (`drain` returned no more): calling it otherwise drains them at once into
  /// chunks that the next `drain` hands out first.
  virtual std::uint64_t freeze() = 0;
  /// The next chunk of the frozen set, encoding at most about `max_bytes`; none when it is drained. Closing a checkpoint
  /// attempt needs no call here: staged chunks simply become part of the next checkpoint's delta, where newer wins.
  virtual std::optional<delta_chunk> drain(std::size_t max_bytes) = 0;
  /// The base now holds all changes of freezes up to this one: their entries become clean (evictable).
  virtual void applied(std::uint64_t freeze) = 0;
  /// The base now holds the deltas of complete checkpoints up to this one that were loaded by load_pending.
  virtual void applied_checkpoint(std::uint64_t checkpoint) = 0;

  /// Between batches: releases the base snapshot and evicts (then spills) down to the memory limit.
  virtual void end_batch() = 0;
  /// Spilled chunks to hand to the store at once, before the barrier, because memory is short.
  virtual std::optional<delta_chunk> take_spill() = 0;
  /// The oldest chunk from take_spill not confirmed yet is committed under this number (see read_chunk): only now its
  /// values leave memory. Without this call they stay.
  virtual void spill_stored(std::uint64_t number) = 0;

  [[nodiscard]] virtual std::size_t memory_bytes() const = 0;
  [[nodiscard]] virtual std::size_t dirty_entries() const = 0;
};

/// A table for the key groups of `options` over `base`.
std::unique_ptr<task_state> make_task_state(const task_state_options& options, std::unique_ptr<base_reader> base);

/// Row keys of the base and of chunks; docs/formats/state.md. Ids are 64-bit XXH3 of the names.
std::string value_row_key(std::uint64_t state_id, std::uint16_t key_group, std::string_view key);
std::string ordered_row_key(std::uint64_t state_id, std::uint16_t key_group, timestamp time, std::string_view key);
std::uint64_t state_id(std::string_view operator_name, std::string_view state_name);

} // namespace weir
