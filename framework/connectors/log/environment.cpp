#include <weir/connectors/log/detail/environment.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

namespace weir::log_detail {

namespace {

/// Tables of the environment; room for later formats.
constexpr unsigned max_tables = 16;
/// Slots are kept by idle transactions: partitions read at once, over all processes.
constexpr unsigned max_readers = 1024;
constexpr std::int64_t reader_check_ms = 60'000;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

error lmdb_error(int rc, const std::string& what) {
  auto code = errc::unavailable;
  switch (rc) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
      code = errc::store_corrupt;
      break;
    case MDB_VERSION_MISMATCH:
      code = errc::incompatible;
      break;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
      code = errc::store_full;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = errc::not_authorized;
      break;
    default:
      break;
  }
  return {code, "embedded log: " + what + ": " + mdb_strerror(rc)};
}

result<std::optional<std::string_view>> transaction::find(MDB_dbi table, std::string_view key) const {
  auto k = to_val(key);
  MDB_val v;
  auto rc = mdb_get(txn_, table, &k, &v);
  if (rc == MDB_NOTFOUND)
    return std::optional<std::string_view>{};
  if (rc != 0)
    return lmdb_error(rc, "reading");
  return std::optional<std::string_view>{to_view(v)};
}

result<> transaction::check(int rc, const char* what) {
  if (rc == 0)
    return success();
  full_ = full_ || rc == MDB_MAP_FULL;
  return lmdb_error(rc, what);
}

result<> transaction::put(MDB_dbi table, std::string_view key, std::string_view value) {
  auto k = to_val(key);
  auto v = to_val(value);
  return check(mdb_put(txn_, table, &k, &v, 0), "writing");
}

result<> transaction::erase(MDB_dbi table, std::string_view key) {
  auto k = to_val(key);
  auto rc = mdb_del(txn_, table, &k, nullptr);
  return check(rc == MDB_NOTFOUND ? 0 : rc, "erasing");
}

result<> cursor::open(const transaction& t, MDB_dbi table) {
  auto rc = mdb_cursor_open(t.raw(), table, &cursor_);
  return rc == 0 ? success() : result<>(lmdb_error(rc, "opening a cursor"));
}

result<bool> cursor::move(MDB_cursor_op op) {
  auto rc = mdb_cursor_get(cursor_, &key_, &value_, op);
  if (rc == MDB_NOTFOUND)
    return false;
  if (rc != 0)
    return lmdb_error(rc, "reading");
  return true;
}

result<bool> cursor::seek(std::string_view at_or_after) {
  key_ = to_val(at_or_after);
  return move(MDB_SET_RANGE);
}

result<> cursor::erase(transaction& t) { return t.check(mdb_cursor_del(cursor_, 0), "erasing"); }

result<std::unique_ptr<environment>> environment::open(const std::string& directory, const log_open_options& options) {
  namespace fs = std::filesystem;
  std::error_code ec;
  auto data = fs::path(directory) / "data.mdb";
  if (options.create) {
    fs::create_directories(directory, ec);
    if (!fs::is_directory(directory))
      return {
          ec && ec.value() != EEXIST && ec.value() != ENOTDIR ? errc::not_authorized : errc::invalid_argument,
          "embedded log: cannot make the directory '" + directory + "': " + (ec ? ec.message() : "there is a file of this name")};
  } else if (!fs::exists(data, ec)) {
    return {errc::not_found, "embedded log: there is no log in '" + directory + "'"};
  }
  std::unique_ptr<environment> e(new environment);
  e->path_ = directory;
  e->process_ = ::getpid();
  auto fail = [&](int rc, const char* what) -> error {
    auto err = lmdb_error(rc, std::string(what) + " '" + directory + "'");
    if (rc == MDB_INVALID)
      err.message = "embedded log: '" + data.string() + "' is not an LMDB file";
    return err;
  };
  if (auto rc = mdb_env_create(&e->env_); rc != 0)
    return fail(rc, "opening");
  mdb_env_set_maxdbs(e->env_, max_tables);
  mdb_env_set_maxreaders(e->env_, max_readers);
  if (auto rc = mdb_env_set_mapsize(e->env_, options.initial_map_bytes); rc != 0)
    return fail(rc, "reserving address space for");
  if (auto rc = mdb_env_open(e->env_, directory.c_str(), MDB_NOTLS | MDB_NORDAHEAD, 0640); rc != 0)
    return fail(rc, "opening");
  // A file cut short would kill the process with SIGBUS at the first touch of a missing page.
  MDB_envinfo info;
  MDB_stat stat;
  mdb_env_info(e->env_, &info);
  mdb_env_stat(e->env_, &stat);
  auto size = fs::file_size(data, ec);
  if (ec || size < (info.me_last_pgno + 1) * stat.ms_psize)
    return {errc::store_corrupt, "embedded log: '" + data.string() + "' is cut short: " + std::to_string(size) + " bytes of " +
                                     std::to_string((info.me_last_pgno + 1) * stat.ms_psize)};
  e->check_readers();
  WEIR_TRY(e->open_tables());
  return e;
}

environment::~environment() {
  // In a child made by fork the environment is the parent's: closing it would free the parent's reader slots.
  if (!env_ || process_ != ::getpid())
    return;
  for (auto* t : idle_readers_)
    mdb_txn_abort(t);
  mdb_env_close(env_);
}

result<> environment::open_tables() {
  MDB_txn* txn = nullptr;
  std::shared_lock<std::shared_mutex> lock;
  WEIR_TRY(begin(MDB_RDONLY, lock, txn));
  auto opened = open_tables_in(txn, 0);
  if (opened) {
    auto rc = mdb_txn_commit(txn);
    return rc == 0 ? success() : result<>(lmdb_error(rc, "opening the tables"));
  }
  mdb_txn_abort(txn);
  lock = {};
  if (opened.err().code != errc::not_found)
    return opened;
  WEIR_TRY(begin(0, lock, txn));
  MDB_stat stat;
  mdb_env_stat(env_, &stat);
  MDB_dbi main;
  if (auto rc = mdb_dbi_open(txn, nullptr, 0, &main); rc == 0 && mdb_stat(txn, main, &stat) == 0 && stat.ms_entries > 0) {
    // Another process may have made the tables in the meantime; anything else in here is somebody else's database.
    auto again = open_tables_in(txn, 0);
    if (!again) {
      mdb_txn_abort(txn);
      return {errc::store_corrupt, "embedded log: '" + path_ + "' holds an LMDB database that is not a log"};
    }
  }
  if (auto made = open_tables_in(txn, MDB_CREATE); !made) {
    mdb_txn_abort(txn);
    return made;
  }
  auto rc = mdb_txn_commit(txn);
  return rc == 0 ? success() : result<>(lmdb_error(rc, "making the tables"));
}

result<> environment::open_tables_in(MDB_txn* txn, unsigned flags) {
  const std::pair<const char*, MDB_dbi*> all[] = {
      {"weir.log", &dbs_.meta}, {"topics", &dbs_.topics}, {"partitions", &dbs_.partitions}, {"chunks", &dbs_.chunks},
      {"latest", &dbs_.latest}, {"groups", &dbs_.groups}, {"publishers", &dbs_.publishers}};
  for (const auto& [name, dbi] : all) {
    auto rc = mdb_dbi_open(txn, name, flags, dbi);
    if (rc == MDB_NOTFOUND)
      return {errc::not_found, name};
    if (rc != 0)
      return lmdb_error(rc, "opening the tables of '" + path_ + "'");
  }
  return success();
}

std::shared_lock<std::shared_mutex> environment::pass_gate() {
  std::lock_guard turn(turnstile_);
  return std::shared_lock(gate_);
}

result<> environment::begin(unsigned flags, std::shared_lock<std::shared_mutex>& lock, MDB_txn*& txn) {
  for (;;) {
    lock = pass_gate();
    auto rc = mdb_txn_begin(env_, nullptr, flags, &txn);
    if (rc == 0)
      return success();
    if (rc == MDB_READERS_FULL) {
      int dead = 0;
      mdb_reader_check(env_, &dead);
      if (dead > 0)
        continue;
      return {errc::unavailable,
              "embedded log: all " + std::to_string(max_readers) + " reader slots of '" + path_ + "' are taken"};
    }
    lock = {};
    if (rc != MDB_MAP_RESIZED)
      return lmdb_error(rc, "beginning a transaction");
    WEIR_TRY(adopt_growth());
  }
}

result<> environment::acquire_reader(std::shared_lock<std::shared_mutex>& lock, MDB_txn*& txn) {
  txn = nullptr;
  {
    std::lock_guard idle(idle_mutex_);
    if (!idle_readers_.empty()) {
      txn = idle_readers_.back();
      idle_readers_.pop_back();
    }
  }
  while (txn) {
    lock = pass_gate();
    auto rc = mdb_txn_renew(txn);
    if (rc == 0)
      return success();
    lock = {};
    if (rc != MDB_MAP_RESIZED) {
      mdb_txn_abort(txn);
      return lmdb_error(rc, "beginning a transaction");
    }
    if (auto grown = adopt_growth(); !grown) {
      mdb_txn_abort(txn);
      return grown;
    }
  }
  return begin(MDB_RDONLY, lock, txn);
}

void environment::release_reader(MDB_txn* txn) {
  mdb_txn_reset(txn);
  std::lock_guard idle(idle_mutex_);
  idle_readers_.push_back(txn);
}

result<> environment::read(const std::function<result<>(const transaction&)>& body) {
  std::shared_lock<std::shared_mutex> lock;
  MDB_txn* txn = nullptr;
  WEIR_TRY(acquire_reader(lock, txn));
  struct closer {
    environment& env;
    MDB_txn* txn;
    ~closer() { env.release_reader(txn); }
  } close{*this, txn};
  return body(transaction(txn));
}

result<> environment::write(const std::function<result<>(transaction&)>& body) {
  if (auto now = steady_ms(); now - readers_checked_ms_.load(std::memory_order_relaxed) > reader_check_ms)
    check_readers();
  for (;;) {
    std::shared_lock<std::shared_mutex> lock;
    MDB_txn* txn = nullptr;
    WEIR_TRY(begin(0, lock, txn));
    MDB_envinfo info;
    mdb_env_info(env_, &info);
    transaction t(txn);
    auto done = body(t);
    auto full = t.map_was_full();
    if (!done || full) {
      mdb_txn_abort(txn);
    } else {
      auto rc = mdb_txn_commit(txn);
      if (rc == 0)
        return success();
      full = rc == MDB_MAP_FULL;
      if (!full && rc != ENOSPC && rc != EDQUOT)
        return {errc::unknown_outcome, "embedded log: committing to '" + path_ + "' failed: " + mdb_strerror(rc)};
      done = lmdb_error(rc, "committing");
    }
    if (!full)
      return done;
    lock = {};
    WEIR_TRY(grow(info.me_mapsize));
  }
}

result<> environment::grow(std::size_t seen_bytes) {
  std::lock_guard turn(turnstile_);
  std::unique_lock alone(gate_);
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  if (info.me_mapsize > seen_bytes)
    return success();
  // The file grows with what is written; the map is only address space.
  auto rc = mdb_env_set_mapsize(env_, info.me_mapsize * 2);
  return rc == 0 ? success() : result<>(lmdb_error(rc, "growing the map to " + std::to_string(info.me_mapsize * 2) + " bytes"));
}

result<> environment::adopt_growth() {
  std::lock_guard turn(turnstile_);
  std::unique_lock alone(gate_);
  auto rc = mdb_env_set_mapsize(env_, 0);
  return rc == 0 ? success() : result<>(lmdb_error(rc, "adopting a map grown by another process"));
}

std::uint64_t environment::last_transaction() {
  auto lock = pass_gate();
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  return info.me_last_txnid;
}

std::size_t environment::map_bytes() {
  auto lock = pass_gate();
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  return info.me_mapsize;
}

void environment::check_readers() {
  readers_checked_ms_.store(steady_ms(), std::memory_order_relaxed);
  auto lock = pass_gate();
  int dead = 0;
  mdb_reader_check(env_, &dead);
}

} // namespace weir::log_detail
