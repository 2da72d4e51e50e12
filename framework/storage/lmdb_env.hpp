#pragma once
#include <lmdb.h>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>

namespace weir::storage_detail {

inline MDB_val to_val(std::string_view s) { return {s.size(), const_cast<char*>(s.data())}; }
inline std::string_view to_view(const MDB_val& v) { return {static_cast<const char*>(v.mv_data), v.mv_size}; }

/// An LMDB return code other than success as an error; `doing` is what failed.
error lmdb_error(int rc, const std::string& doing);

/// Transactions pass it; growing the map waits until all have left and keeps new ones out. Not tied to threads.
class map_gate {
 public:
  void enter();
  void leave();
  /// Runs `alone` while nobody is inside; false when somebody stayed for longer than `patience_ms`.
  bool run_alone(int patience_ms, const std::function<void()>& alone);

 private:
  std::mutex mutex_; ///< Guards the two below.
  std::condition_variable changed_;
  unsigned inside_ = 0;
  bool closed_ = false;
};

struct lmdb_env_options {
  std::string directory;
  std::size_t map_size = 0;
  std::size_t max_size = 0; ///< 0: only the disk limits it.
  int grow_patience_ms = 10'000;
  /// Files that are there, for reading; another process may write them meanwhile. Nothing but a reader slot is written.
  bool read_only = false;
  /// Commits are not synced: of files that nobody relies on before somebody syncs them.
  bool unsynced = false;
};

enum class commit_kind {
  durable,
  ordered, ///< May be lost at a crash of the machine, but never without all later ones, and never torn.
};

/// One environment of the process. LMDB forbids to open the same file twice in a process, so opening the same directory
/// again gives the same object (registry by device and inode). Any thread may read; one thread at a time writes.
class lmdb_env {
 public:
  /// Makes the directory (0700) and the files (0600) when missing, unless `read_only`. May block. Errors: not_found (no
  /// files, `read_only`), store_corrupt, store_full, unavailable.
  static result<std::shared_ptr<lmdb_env>> open(const lmdb_env_options& options);
  ~lmdb_env();
  lmdb_env(const lmdb_env&) = delete;

  /// Runs `change` in one write transaction and commits. When the map is full it grows and `change` runs again from the
  /// start, so it must only change the transaction. Errors: of `change` (nothing is written); store_full;
  /// unknown_outcome when the commit failed: every later call fails with it too.
  result<> write(commit_kind kind, const std::function<result<>(MDB_txn*)>& change);
  /// Runs `look` in one read transaction.
  result<> read(const std::function<result<>(MDB_txn*)>& look);

  /// Begins a reader that passed the gate; end_read when done. For readers that keep their slot use renew/reset.
  result<MDB_txn*> begin_read();
  void end_read(MDB_txn* txn);
  result<> renew(MDB_txn* txn);
  void reset(MDB_txn* txn);

  /// Writes all that is committed at one moment to `fd`, compacted, as a file of its own. Any thread.
  result<> copy(int fd);

  [[nodiscard]] MDB_env* handle() const { return env_; }
  [[nodiscard]] const std::string& directory() const { return options_.directory; }
  /// Opens a named database, creating it when `create` (needs a write transaction).
  static result<std::optional<MDB_dbi>> open_dbi(MDB_txn* txn, const char* name, bool create);

 private:
  explicit lmdb_env(lmdb_env_options options) : options_(std::move(options)) {}
  result<> grow();
  void adopt_size();

  lmdb_env_options options_;
  MDB_env* env_ = nullptr;
  map_gate gate_;
  std::optional<error> broken_; ///< Of the writing thread: a commit whose outcome is unknown.
};

/// Reads a value; none when there is none. Valid as the transaction allows.
result<std::optional<std::string_view>> read_value(MDB_txn* txn, MDB_dbi dbi, std::string_view key);
result<> write_value(MDB_txn* txn, MDB_dbi dbi, std::string_view key, std::string_view value);
result<> delete_value(MDB_txn* txn, MDB_dbi dbi, std::string_view key);
/// Visits rows from the first key >= `from` upwards until `visit` returns false.
result<> visit_rows(MDB_txn* txn, MDB_dbi dbi, std::string_view from,
                    const std::function<bool(std::string_view, std::string_view)>& visit);

} // namespace weir::storage_detail
