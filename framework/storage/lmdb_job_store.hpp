#pragma once
#include <map>
#include <mutex>
#include <set>
#include <weir/storage/delta_merge.hpp>
#include <weir/storage/job_store.hpp>
#include <weir/storage/lmdb_env.hpp>
#include <weir/storage/records.hpp>

namespace weir::storage_detail {

/// job_store in one LMDB environment. What it decides from is read at open and kept in RAM; every change is first a
/// committed transaction, then the same change in RAM, so that a failed commit changes neither.
///
/// opening and identity: lmdb_job_store_open.cpp; reading: lmdb_job_store.cpp; staging and completing: lmdb_job_store_commit.cpp;
/// the base: lmdb_apply.cpp; copies: lmdb_copy.cpp.
class lmdb_job_store final : public job_store {
 public:
  static result<std::unique_ptr<lmdb_job_store>> open(const job_store_options& options);
  /// list_store.
  static result<std::optional<store_listing>> look(const job_store_options& options);

  [[nodiscard]] lineage_id lineage() const override { return lineage_; }
  [[nodiscard]] std::uint64_t incarnation() const override { return incarnation_; }
  result<std::uint64_t> begin_incarnation() override;
  result<> new_lineage() override;
  [[nodiscard]] result<std::vector<checkpoint_manifest>> checkpoints() override;
  [[nodiscard]] result<std::optional<error>> newest_damaged() override;
  [[nodiscard]] std::uint64_t highest_number() const override { return highest_used_.value_or(0); }
  result<> fall_back(std::uint64_t checkpoint) override;

  result<std::uint64_t> stage_delta(const participant_id& who, std::string_view chunk) override;
  result<std::uint64_t> stage_outbox(const participant_id& who, std::string_view chunk) override;
  result<> flush_staged() override;
  std::function<result<std::string>(std::uint64_t)> chunk_reader(const participant_id& who) override;
  result<> complete(const checkpoint_manifest& m) override;
  result<verdict> close(std::uint64_t checkpoint) override;

  result<> read_outbox(std::uint64_t checkpoint,
                       const std::function<result<>(const participant_id&, std::string_view)>& visit) override;
  [[nodiscard]] result<std::optional<marker>> published() override { return published_; }
  result<> set_published(const marker& m) override;
  [[nodiscard]] result<std::vector<unpublished>> unpublished_epochs() override;

  result<std::unique_ptr<base_reader>> open_base() override;
  result<> read_unapplied(const std::function<result<>(const participant_id&, std::uint64_t, std::string_view)>& visit) override;
  result<apply_progress> apply_slice() override;
  void hurry(bool on) override { hurried_ = on; }

  result<> set_fact(std::string_view name, std::string_view value) override;
  [[nodiscard]] result<std::optional<std::string>> fact(std::string_view name) override;
  void copy_changes_to(std::shared_ptr<change_sink> copy) override { copy_ = std::move(copy); }
  result<copied_change> describe_to(change_sink& copy) override;
  [[nodiscard]] copied_change copied() const override { return copied_; }
  result<> set_copied(const copied_change& newest) override;
  std::function<result<>(int)> copier() override;

  [[nodiscard]] result<statistics> stats() override;
  result<> check_readers() override;

 private:
  struct databases {
    MDB_dbi meta, base, delta, manifest, outbox, epoch, fact;
  };
  /// A staged chunk that no complete checkpoint lists yet.
  struct staged {
    participant_id who;
    std::uint64_t number = 0;
    chunk_ref ref;
  };
  /// A staged chunk still in RAM.
  struct buffered {
    MDB_dbi dbi;
    std::uint64_t sequence;
    std::string value;
  };
  struct counters {
    std::uint64_t delta_next = 0, delta_done = 0;
    std::uint64_t outbox_next = 0, outbox_done = 0;
  };
  /// A complete checkpoint: what is kept in RAM of it.
  struct known_checkpoint {
    std::vector<chunk_ref> deltas;
    std::uint64_t bytes = 0;
    std::uint64_t incarnation = 0; ///< That completed it.
  };
  /// Where chunk_reader finds the flushed chunks; shared with the readers, which may outlive the store.
  struct chunk_index {
    std::mutex mutex;
    std::map<std::pair<participant_id, std::uint64_t>, std::uint64_t> sequence_of;
  };

  explicit lmdb_job_store(job_store_options options) : options_(std::move(options)) {}
  /// Opens the databases; false: there is none of them. Errors: store_corrupt (only some).
  result<bool> open_databases(MDB_txn* txn, bool create);
  result<> create_or_check();
  result<std::vector<checkpoint_manifest>> list_checkpoints(MDB_txn* txn);
  [[nodiscard]] std::vector<unpublished> list_unpublished() const;
  result<> load();
  result<> load_meta(MDB_txn* txn);
  result<> load_lists(MDB_txn* txn);
  result<manifest_record> read_manifest(MDB_txn* txn, std::uint64_t number);
  /// The manifest is readable and every delta chunk of it that is not applied is there and right.
  result<> check_whole(MDB_txn* txn, std::uint64_t number);
  result<std::string_view> read_chunk_payload(MDB_txn* txn, MDB_dbi dbi, const chunk_ref& ref, const std::string& what);
  result<std::uint64_t> stage(MDB_dbi dbi, const participant_id& who, std::string_view chunk);
  result<> write_buffer(MDB_txn* txn, std::size_t from, std::size_t to);
  /// Writes checkpoint `r` with all its chunks to the copy, if there is one.
  result<std::optional<copied_change>> copy_checkpoint(const manifest_record& r, const epoch_record& epoch);
  result<> copy_chunks(store_part part, const std::vector<chunk_ref>& refs);
  [[nodiscard]] change_sink::state state_of_copy() const;
  result<> write_copied(MDB_txn* txn, const std::optional<copied_change>& newest);
  result<> write_published(MDB_txn* txn);
  void after_published_written();
  [[nodiscard]] bool is_published(std::uint64_t checkpoint) const;
  [[nodiscard]] std::string where(const std::string& what) const { return "store '" + options_.directory + "', " + what; }

  // --- applying
  [[nodiscard]] std::vector<std::uint64_t> eligible() const;
  [[nodiscard]] std::uint64_t unapplied_bytes() const;
  result<> begin_merge(std::uint64_t target);
  result<> merge_some(MDB_txn* txn, apply_state& progress, bool& finished);
  result<bool> merge_row(MDB_cursor* cursor, const delta_merge::row& row, std::size_t& pages);
  result<> finish_merge(MDB_txn* txn, const apply_state& progress);
  void after_merge(std::uint64_t applied_end);

  job_store_options options_;
  std::shared_ptr<lmdb_env> env_;
  databases db_{};
  lineage_id lineage_;
  std::uint64_t incarnation_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::optional<std::uint64_t> highest_used_;          ///< Newest number that was completed, recorded or closed.
  std::set<std::uint64_t> closed_;                     ///< By this process.
  std::map<std::uint64_t, known_checkpoint> complete_; ///< At or above what the base holds; readable manifests only.
  std::set<std::uint64_t> damaged_;                    ///< Numbers of unreadable manifests.
  std::map<std::uint64_t, epoch_record> epochs_;       ///< Complete, with an outbox in the store.
  std::optional<marker> published_;
  bool hurried_ = false;
  bool published_dirty_ = false;
  std::map<participant_id, counters> counters_;
  std::vector<staged> staged_deltas_;
  std::vector<staged> staged_outboxes_;
  std::vector<buffered> buffer_;
  std::size_t buffer_bytes_ = 0;
  std::shared_ptr<chunk_index> chunk_index_ = std::make_shared<chunk_index>();

  std::shared_ptr<change_sink> copy_;
  copied_change copied_;
  std::set<std::uint64_t> orphans_; ///< Checkpoints that are in the copy and whose own commit failed: no checkpoints.

  apply_state apply_;
  std::vector<chunk_ref> merge_chunks_;
  std::optional<delta_merge> merge_; ///< In step with apply_.position; none: open it from there.
  std::uintptr_t last_page_ = 0;     ///< Of the base, that the merge changed last.
  bool merge_checked_ = false;       ///< The chunks of the running merge were verified by this process.
};

result<std::unique_ptr<base_reader>> make_lmdb_base_reader(std::shared_ptr<lmdb_env> env, MDB_dbi base);

} // namespace weir::storage_detail
