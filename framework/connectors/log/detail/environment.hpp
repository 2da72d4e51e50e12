#pragma once
#include <lmdb.h>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>
#include <weir/connectors/log/embedded_log.hpp>
#include <weir/core/result.hpp>

namespace weir::log_detail {

/// An LMDB return code as an error that says what was tried.
error lmdb_error(int rc, const std::string& what);

inline MDB_val to_val(std::string_view s) { return {s.size(), const_cast<char*>(s.data())}; }
inline std::string_view to_view(const MDB_val& v) { return {static_cast<const char*>(v.mv_data), v.mv_size}; }

/// The tables of a log; docs/formats/log.md.
struct tables {
  MDB_dbi meta = 0;
  MDB_dbi topics = 0;
  MDB_dbi partitions = 0;
  MDB_dbi chunks = 0;
  MDB_dbi latest = 0;
  MDB_dbi groups = 0;
  MDB_dbi publishers = 0;
};

/// A transaction that lives as long as this object; made by environment only. Used by one thread.
class transaction {
 public:
  explicit transaction(MDB_txn* txn) : txn_(txn) {}
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

  [[nodiscard]] MDB_txn* raw() const { return txn_; }
  /// The value, or nothing. The view is valid until the next write or the end of the transaction.
  result<std::optional<std::string_view>> find(MDB_dbi table, std::string_view key) const;
  result<> put(MDB_dbi table, std::string_view key, std::string_view value);
  result<> erase(MDB_dbi table, std::string_view key);
  /// Translates a code and remembers a full map, so that the environment grows it and repeats the transaction.
  result<> check(int rc, const char* what);
  [[nodiscard]] bool map_was_full() const { return full_; }

 private:
  MDB_txn* txn_;
  bool full_ = false;
};

class cursor {
 public:
  cursor() = default;
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;
  ~cursor() {
    if (cursor_)
      mdb_cursor_close(cursor_);
  }
  result<> open(const transaction& t, MDB_dbi table);
  /// Moves; false when there is nothing. Key and value are valid like those of `transaction::find`.
  result<bool> move(MDB_cursor_op op);
  result<bool> seek(std::string_view at_or_after);
  result<> erase(transaction& t);
  [[nodiscard]] std::string_view key() const { return to_view(key_); }
  [[nodiscard]] std::string_view value() const { return to_view(value_); }

 private:
  MDB_cursor* cursor_ = nullptr;
  MDB_val key_{};
  MDB_val value_{};
};

/// One LMDB environment, opened once per process. Any thread. Grows its map when it is full or when another process has
/// grown it: for that moment no transaction of this process may be alive, which is why every one is inside `read` or
/// `write` and holds `gate_` shared.
class environment {
 public:
  static result<std::unique_ptr<environment>> open(const std::string& directory, const log_open_options& options);
  ~environment();
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

  /// Runs `body` in a read transaction. Does not wait for writers.
  result<> read(const std::function<result<>(const transaction&)>& body);
  /// Runs `body` in a write transaction and commits it durably if it succeeds; again, from the start, if the map was too
  /// small. Errors: the body's (nothing happened); store_full; unavailable; unknown_outcome (the commit itself failed).
  result<> write(const std::function<result<>(transaction&)>& body);
  /// Number of the last committed transaction, of any process. Costs a look at two pages, no system call.
  [[nodiscard]] std::uint64_t last_transaction();
  [[nodiscard]] std::size_t map_bytes();
  [[nodiscard]] const tables& dbs() const { return dbs_; }
  /// Frees the slots of readers that died.
  void check_readers();
  [[nodiscard]] int process() const { return process_; }

 private:
  environment() = default;
  result<> open_tables();
  result<> open_tables_in(MDB_txn* txn, unsigned flags);
  result<> begin(unsigned flags, std::shared_lock<std::shared_mutex>& lock, MDB_txn*& txn);
  result<> acquire_reader(std::shared_lock<std::shared_mutex>& lock, MDB_txn*& txn);
  void release_reader(MDB_txn* txn);
  std::shared_lock<std::shared_mutex> pass_gate();
  result<> grow(std::size_t seen_bytes);
  result<> adopt_growth();

  MDB_env* env_ = nullptr;
  tables dbs_;
  std::string path_;
  int process_ = 0;
  std::mutex turnstile_; ///< Keeps new transactions back while a growth waits for the old ones.
  std::shared_mutex gate_;
  std::mutex idle_mutex_;
  std::vector<MDB_txn*> idle_readers_; ///< Reset: they keep a reader slot, but pin no page.
  std::atomic<std::int64_t> readers_checked_ms_{0};
};

} // namespace weir::log_detail
