#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <weir/archive/archive_files.hpp>
#include <weir/archive/change_file.hpp>
#include <weir/core/logger.hpp>

namespace weir {

/// What a copy costs, over all generations of a process; any thread.
struct archive_figures {
  std::atomic<std::uint64_t> changes{0}, bytes{0}, snapshots{0}, snapshot_bytes{0};
  std::atomic<std::int64_t> waiting_since_us{0}; ///< Monotonic; a change is being written since then. 0: none is.
};

/// The copy of one job's checkpoints while it runs: a generation of its own in the archive. Of the thread of the store; snapshots
/// run beside it. Ends with its snapshot thread, for which its destructor waits (it gives up what it is at).
class checkpoint_archive final : public change_sink {
 public:
  /// Takes the copy over for the store's incarnation, as `standing` says (begin or go_on), and gives the generation its name.
  /// From here on it is the newest. Errors: fenced (somebody has taken it over since `found` was
  /// looked at), unavailable, store_full, and of the store.
  static result<std::shared_ptr<checkpoint_archive>> take_over(const archive_options& o, job_store& store,
                                                               const std::optional<archived>& found, archive_standing standing,
                                                               std::shared_ptr<archive_figures> figures, logger log);
  ~checkpoint_archive() override;

  result<> begin(const state& behind) override;
  result<> put(store_part part, std::string_view key, std::string_view value) override;
  result<> remove(store_part part, std::string_view key) override;
  result<copied_change> commit() override;

  /// A new snapshot at once: the store changed otherwise than by changes that were told. Blocks as long as it takes.
  result<> snapshot_now();

  [[nodiscard]] const archive_figures& figures() const { return *figures_; }

 private:
  checkpoint_archive(archive_options o, job_store& store, std::shared_ptr<archive_figures> figures, logger log);
  result<> link_chain(const archived& found);
  /// What an error on the way to a generation means: `fenced`, when what it was to go on from has been taken over meanwhile.
  [[nodiscard]] error unless_replaced(const std::string& from, error e) const;
  /// `from`: the newest generation that was looked at, 0: there was none.
  result<> name_generation(std::uint64_t incarnation, std::uint64_t from);
  /// Takes their names from the lower generations. Whoever writes there sees at once that it is not his any more.
  result<> retire_older(std::uint64_t incarnation) const;
  void remove_older(std::uint64_t incarnation);
  result<> open_change(const state& behind);
  result<> name_change();
  /// Nobody waits for the directory behind an error.
  result<> watched(result<> r);
  /// The folder is still the one that has the generation's name.
  result<> check_owned() const;
  result<> take_snapshot();
  void forget_before(std::uint64_t serial);
  void snapshot_beside();
  [[nodiscard]] bool wants_snapshot();

  archive_options options_;
  std::function<result<>(int)> copier_;
  job_store* store_; ///< Of the calls on the store's thread only.
  logger log_;
  std::string path_; ///< Of the generation.
  unique_fd folder_;
  bool named_ = false;
  std::uint64_t serial_ = 0;
  change_writer writer_;

  std::mutex mutex_;              ///< Guards the sizes.
  std::uint64_t since_bytes_ = 0; ///< Of changes behind the newest snapshot.
  std::uint64_t since_count_ = 0;
  std::uint64_t snapshot_bytes_ = 0;
  std::thread beside_;
  std::atomic<bool> running_{false}, stop_{false};
  std::shared_ptr<archive_figures> figures_;
};

} // namespace weir
