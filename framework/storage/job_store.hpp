#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/core/result.hpp>
#include <weir/state/task_state.hpp>

namespace weir {

struct job_store_options {
  std::string directory; ///< Of the job: `<store>/<job>`; made with mode 0700.
  std::string job;
  std::size_t map_size = std::size_t{1} << 40;          ///< Virtual; grows when full up to `max_size`.
  std::size_t max_size = 0;                             ///< Bytes of file; 0 = only the disk limits it. Above it: store_full.
  unsigned retained = 1;                                ///< Complete checkpoints that stay restorable.
  std::size_t unapplied_limit = std::size_t{256} << 20; ///< Bytes of complete deltas not in the base yet.
  /// A merge into the base begins when either is reached: several deltas at once, where the last write wins, cost the
  /// B-tree fewer pages; the price is what a restart loads.
  unsigned apply_checkpoints = 16;
  std::size_t apply_bytes = std::size_t{32} << 20;
  std::size_t stage_buffer = std::size_t{8} << 20; ///< Bytes of staged chunks kept in RAM until they get a transaction.
  /// No commit is synced: a store in the making, which somebody syncs as a file before anybody relies on it.
  bool unsynced = false;
};

/// A complete checkpoint as recorded.
struct checkpoint_manifest {
  std::uint64_t number = 0;
  std::uint64_t incarnation = 0;
  std::int64_t completed_at_us = 0; ///< Wall clock.
  std::uint64_t delta_bytes = 0;
  std::uint64_t outbox_records = 0;
  bool ended = false; ///< The bounded input was read to its end.
  std::string plan_fingerprint;
  std::vector<contribution> contributions;
  std::string job_state; ///< Of the job as a whole: known partitions, stop offsets, transactional ids ever used.
};

/// One record of an epoch's output, with its destination fixed.
struct outbox_record {
  std::string_view connection;
  std::string_view topic;
  std::int32_t partition = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::string_view packed_headers;
  std::int64_t time_ms = 0;
};
/// Encodes records one behind the other into a chunk; decode_outbox reads them back in order. Format in docs/formats.md.
void encode_outbox(const outbox_record& r, std::string& chunk);
/// Errors: store_corrupt. `visit` returning false stops.
result<> decode_outbox(std::string_view chunk, const std::function<bool(const outbox_record&)>& visit);

/// The databases of a job store that hold what cannot be made anew. Persisted in copies: never renumber.
enum class store_part : char { meta = 'm', fact = 'f', manifest = 'k', delta = 'd', epoch = 'e', outbox = 'o' };

/// A change that a copy has. The checksum tells it from another one of the same number.
struct copied_change {
  std::uint64_t serial = 0; ///< 0: none.
  std::uint64_t sum = 0;
  friend bool operator==(const copied_change&, const copied_change&) = default;
};

/// Where a job_store writes each durable change before it makes it itself, so that a copy elsewhere is never behind. One thread,
/// that of the store; may block. A change that was not ended by `commit` means nothing.
class change_sink {
 public:
  virtual ~change_sink() = default;
  /// Which checkpoint is the newest complete one behind this change, and its manifest's incarnation; 0: none yet.
  struct state {
    lineage_id lineage;
    std::uint64_t checkpoint = 0;
    std::uint64_t incarnation = 0;
  };
  virtual result<> begin(const state& behind) = 0;
  virtual result<> put(store_part part, std::string_view key, std::string_view value) = 0;
  virtual result<> remove(store_part part, std::string_view key) = 0;
  /// The change is durable in the copy. Its serial number is one above that of the change before. Errors: store_full (no
  /// such change is there), fenced (somebody else has the copy), unavailable (it may be there: the next one takes its number and
  /// its place). The store has not made the change then.
  virtual result<copied_change> commit() = 0;
};

/// The durable side of one job: identity, complete checkpoints, unapplied deltas, base rows, outbox, published mark.
/// The store is the only judge of what is complete. One thread at a time calls (the state store actor); every call may
/// block on the disk. base_readers are used by tasks on other threads meanwhile.
///
/// A commit or sync error is `unknown_outcome`: stop publishing, exit, never reopen to look.
class job_store {
 public:
  virtual ~job_store() = default;

  [[nodiscard]] virtual lineage_id lineage() const = 0;
  [[nodiscard]] virtual std::uint64_t incarnation() const = 0;
  /// Durably raises the incarnation by a random step of 1 to 2^30, so that two copies of a store do not come to the same
  /// one; first act of every attempt. Only order and equality mean something. Removes staged chunks no complete checkpoint
  /// lists. Errors: unavailable (no random numbers from the system), and of every commit.
  virtual result<std::uint64_t> begin_incarnation() = 0;
  /// A new lineage keeping the state (`--new-lineage`): output may repeat. Durable.
  virtual result<> new_lineage() = 0;

  /// Newest first, at most `retained`, whole and checked.
  [[nodiscard]] virtual result<std::vector<checkpoint_manifest>> checkpoints() = 0;

  /// A checkpoint newer than all of checkpoints() is recorded but damaged; what and where. Recovery decides.
  [[nodiscard]] virtual result<std::optional<error>> newest_damaged() = 0;
  /// The highest number any checkpoint or closed attempt of this store has had; 0: none.
  [[nodiscard]] virtual std::uint64_t highest_number() const = 0;
  /// Goes back: durably forgets every complete checkpoint above `checkpoint` with its deltas and outbox. Their numbers
  /// stay used. Before the first stage_* of an incarnation. Errors: not_found (nothing is changed).
  virtual result<> fall_back(std::uint64_t checkpoint) = 0;

  // --- chunks of this incarnation
  /// Stages a chunk of changes (already drained) under the participant's next number; returns it. Not durable by itself.
  virtual result<std::uint64_t> stage_delta(const participant_id& who, std::string_view chunk) = 0;
  virtual result<std::uint64_t> stage_outbox(const participant_id& who, std::string_view chunk) = 0;
  /// Writes all staged chunks out of RAM, so that a chunk_reader finds them. They belong to no checkpoint yet.
  virtual result<> flush_staged() = 0;
  /// Reads back delta chunks of one participant of this incarnation that were flushed: for task_state_options::read_chunk.
  /// Any thread, also while the store works. Errors: not_found (not flushed yet, or applied to the base), store_corrupt.
  virtual std::function<result<std::string>(std::uint64_t number)> chunk_reader(const participant_id& who) = 0;

  /// Records checkpoint `m.number` as complete with all it lists, in one durable transaction together with the chunks
  /// staged since the last. Errors: invalid_argument when the number is not above everything stored or was closed;
  /// store_full; unknown_outcome.
  virtual result<> complete(const checkpoint_manifest& m) = 0;
  enum class verdict { complete, closed };
  /// Closes attempt k unless it is complete already. After `closed`, complete(k) is refused.
  virtual result<verdict> close(std::uint64_t checkpoint) = 0;

  // --- output
  /// The chunks of the outbox of complete checkpoint k in publishing order, with the participant that staged each.
  virtual result<> read_outbox(std::uint64_t checkpoint,
                               const std::function<result<>(const participant_id& who, std::string_view chunk)>& visit) = 0;
  [[nodiscard]] virtual result<std::optional<marker>> published() = 0;
  /// Records that all up to the marker is published and deletes outboxes that are; durable by the next complete.
  virtual result<> set_published(const marker& m) = 0;
  /// Complete checkpoints whose outbox is not published whole, ascending, and their bytes.
  struct unpublished {
    std::uint64_t checkpoint;
    std::uint64_t bytes;
  };
  [[nodiscard]] virtual result<std::vector<unpublished>> unpublished_epochs() = 0;

  // --- base
  virtual result<std::unique_ptr<base_reader>> open_base() = 0;
  /// Visits the chunks of complete but unapplied deltas, oldest first: for task_state::load_pending.
  virtual result<> read_unapplied(
      const std::function<result<>(const participant_id&, std::uint64_t checkpoint, std::string_view chunk)>& visit) = 0;
  struct apply_progress {
    bool more = false;                    ///< Another slice is worth calling now.
    std::uint64_t applied_checkpoint = 0; ///< The base holds all deltas up to this complete checkpoint.
    bool behind = false;                  ///< Unapplied bytes are above the limit: apply before anything but completing.
  };
  /// One bounded slice (<= 20 ms, <= 8 MB dirty) of merging complete deltas into the base; restartable after a crash.
  virtual result<apply_progress> apply_slice() = 0;
  /// While on, each complete delta that may be applied is, however little it is: somebody waits for the memory of its rows.
  virtual void hurry(bool on) = 0;

  // --- small durable facts of the job ("stop offsets", "transactional ids"), overwritten whole; synced at once
  virtual result<> set_fact(std::string_view name, std::string_view value) = 0;
  [[nodiscard]] virtual result<std::optional<std::string>> fact(std::string_view name) = 0;

  // --- copies
  /// From here on every complete checkpoint and fact is written to `copy` first. Null: no more. begin_incarnation ends it too.
  virtual void copy_changes_to(std::shared_ptr<change_sink> copy) = 0;
  /// Writes who this store is (lineage, incarnation, numbers used, published mark) and all facts as one change.
  virtual result<copied_change> describe_to(change_sink& copy) = 0;
  /// The newest change that the store made and has a copy of.
  [[nodiscard]] virtual copied_change copied() const = 0;
  /// Notes that the changes up to this one are in a copy. Durable.
  virtual result<> set_copied(const copied_change& newest) = 0;
  /// Writes the store as it is at one moment to a descriptor, as a store file of its own. Any thread, also while the store
  /// works and behind its end. Pages are not used again meanwhile: the store's file may grow.
  virtual std::function<result<>(int fd)> copier() = 0;

  struct statistics {
    std::uint64_t file_bytes = 0;
    std::uint64_t unapplied_bytes = 0;
    std::uint64_t outbox_bytes = 0;
    std::uint64_t oldest_reader_lag = 0; ///< Transactions behind the newest.
  };
  [[nodiscard]] virtual result<statistics> stats() = 0;
  /// Frees reader slots of dead processes; at start and each minute.
  virtual result<> check_readers() = 0;
};

/// Opens or creates. Errors: store_corrupt, incompatible (format of another release), store_full, unavailable.
/// The caller holds the store_lock.
result<std::unique_ptr<job_store>> open_job_store(const job_store_options& options);

/// What a look into a job's store found, all of it of one moment.
struct store_listing {
  lineage_id lineage;
  std::uint64_t incarnation = 0;
  std::vector<checkpoint_manifest> checkpoints; ///< As job_store::checkpoints.
  std::vector<job_store::unpublished> unpublished;
};
/// Looks into the store of a job, whose process may be running it: needs no store_lock and writes nothing but a reader slot.
/// One read transaction, which keeps pages from being used again while it lasts (it reads every delta that is not in the
/// base). None: there is no store yet. May block on the disk. Errors: store_corrupt, incompatible, unavailable.
result<std::optional<store_listing>> list_store(const job_store_options& options);

/// Writes the store of a job, whose process may be running it, as it is at one moment to a descriptor, as a store file of its
/// own. Needs no store_lock and writes nothing but a reader slot; pages are not used again meanwhile. Errors: not_found (there is
/// no store), store_corrupt, store_full (of the descriptor's disk), unavailable.
result<> copy_store(const job_store_options& options, int fd);

/// Makes changes in a store file as they lie in a copy. One thread; may block.
class store_rebuild {
 public:
  virtual ~store_rebuild() = default;
  /// The newest change that is in it.
  [[nodiscard]] virtual copied_change copied() const = 0;
  struct row {
    store_part part;
    bool removed = false;
    std::string key, value;
  };
  /// Makes one change. `next` gives the rows, none at the end, chunks first; `made`, called then, says which change it was. After
  /// an error, or when the process ends on the way, there may be chunks that mean nothing, and else nothing of the change.
  /// Errors: of both functions, and of every commit.
  virtual result<> change(const std::function<result<std::optional<row>>()>& next,
                          const std::function<copied_change()>& made) = 0;
};
/// Opens the store that lies in `options.directory`, without a look at what it holds. Errors: as open_job_store.
result<std::unique_ptr<store_rebuild>> rebuild_store(const job_store_options& options);
/// The newest copied change that a file written by a copier holds; on any file system. Errors: store_corrupt, unavailable.
result<copied_change> copied_in(const std::string& file);

/// Exclusive right to a store directory for this process, until destroyed or the process ends.
class store_lock {
 public:
  virtual ~store_lock() = default;
};
/// Errors: store_locked, naming the pid that holds it and whether it is running or stopped.
result<std::unique_ptr<store_lock>> lock_store(const std::string& directory);

} // namespace weir
