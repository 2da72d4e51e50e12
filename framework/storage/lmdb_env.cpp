#include <sys/stat.h>
#include <cerrno>
#include <cstring>
#include <map>
#include <weir/storage/directories.hpp>
#include <weir/storage/lmdb_env.hpp>

namespace weir::storage_detail {
namespace {

struct registry {
  std::mutex mutex;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<lmdb_env>> open;
};

registry& environments() {
  static registry r;
  return r;
}

constexpr unsigned max_reader_slots = 1024;
constexpr unsigned max_databases = 16;

} // namespace

error lmdb_error(int rc, const std::string& doing) {
  auto text = doing + ": " + mdb_strerror(rc);
  switch (rc) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
      return {errc::store_full, text};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_BAD_TXN:
      return {errc::store_corrupt, text};
    case MDB_PANIC:
      // What readers meet behind a commit whose meta page could not be written: the file itself may be sound.
      return {errc::unknown_outcome, text};
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return {errc::incompatible, text};
    case MDB_BAD_VALSIZE:
      return {errc::too_large, text};
    default:
      return {errc::unavailable, text};
  }
}

void map_gate::enter() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !closed_; });
  ++inside_;
}

void map_gate::leave() {
  std::lock_guard lock(mutex_);
  --inside_;
  changed_.notify_all();
}

bool map_gate::run_alone(int patience_ms, const std::function<void()>& alone) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  bool empty = changed_.wait_for(lock, std::chrono::milliseconds(patience_ms), [this] { return inside_ == 0; });
  if (empty)
    alone();
  closed_ = false;
  changed_.notify_all();
  return empty;
}

result<std::shared_ptr<lmdb_env>> lmdb_env::open(const lmdb_env_options& options) {
  if (!options.read_only)
    WEIR_TRY(make_directories(options.directory));
  struct stat st {};
  if (::stat(options.directory.c_str(), &st) != 0)
    return error{options.read_only && errno == ENOENT ? errc::not_found : errc::unavailable,
                 "'" + options.directory + "': " + std::strerror(errno)};
  auto& r = environments();
  std::lock_guard lock(r.mutex);
  auto& known = r.open[{st.st_dev, st.st_ino}];
  auto doing = "opening the store '" + options.directory + "'";
  if (auto env = known.lock()) {
    if (env->options_.read_only && !options.read_only)
      return error{errc::unavailable, doing + ": this process is reading it"};
    return env;
  }

  std::shared_ptr<lmdb_env> env(new lmdb_env(options));
  auto size = options.map_size;
  if (options.max_size != 0 && (size == 0 || size > options.max_size))
    size = options.max_size;
  constexpr std::size_t page = 4096;
  size = std::max<std::size_t>(size / page * page, 64 * page);
  if (int rc = mdb_env_create(&env->env_); rc != 0)
    return lmdb_error(rc, doing);
  // A reader takes the size that the writer has noted in the file.
  if (!options.read_only)
    mdb_env_set_mapsize(env->env_, size);
  mdb_env_set_maxdbs(env->env_, max_databases);
  // Whoever opens first sizes the lock file for all: a reader too.
  mdb_env_set_maxreaders(env->env_, max_reader_slots);
  unsigned flags = MDB_NOTLS | (options.read_only ? unsigned{MDB_RDONLY} : 0U) | (options.unsynced ? unsigned{MDB_NOSYNC} : 0U);
  if (int rc = mdb_env_open(env->env_, options.directory.c_str(), flags, 0600); rc != 0) {
    if (rc == ENOENT && options.read_only)
      return error{errc::not_found, doing + ": " + mdb_strerror(rc)};
    return lmdb_error(rc, doing);
  }
  known = env;
  return env;
}

lmdb_env::~lmdb_env() {
  if (env_)
    mdb_env_close(env_);
}

void lmdb_env::adopt_size() {
  gate_.run_alone(options_.grow_patience_ms, [this] { mdb_env_set_mapsize(env_, 0); });
}

result<> lmdb_env::grow() {
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  auto limit = options_.max_size;
  if (limit != 0 && info.me_mapsize >= limit / 4096 * 4096)
    return error{errc::store_full,
                 "the store '" + options_.directory + "' has reached its limit of " + std::to_string(limit) + " bytes"};
  auto size = info.me_mapsize * 2;
  if (limit != 0)
    size = std::min(size, limit / 4096 * 4096);
  int rc = 0;
  if (!gate_.run_alone(options_.grow_patience_ms, [&] { rc = mdb_env_set_mapsize(env_, size); }))
    return error{errc::store_full,
                 "the store '" + options_.directory + "' must grow its map, but a reader does not let go of it"};
  if (rc != 0)
    return lmdb_error(rc, "growing the map of the store '" + options_.directory + "'");
  return success();
}

result<> lmdb_env::write(commit_kind kind, const std::function<result<>(MDB_txn*)>& change) {
  for (;;) {
    if (broken_)
      return *broken_;
    gate_.enter();
    MDB_txn* txn = nullptr;
    // Per transaction, so no flag of the environment changes under the readers.
    unsigned flags = kind == commit_kind::ordered ? MDB_NOMETASYNC : 0;
    int rc = mdb_txn_begin(env_, nullptr, flags, &txn);
    if (rc != 0) {
      gate_.leave();
      if (rc == MDB_MAP_RESIZED) {
        adopt_size();
        continue;
      }
      return lmdb_error(rc, "beginning a transaction in '" + options_.directory + "'");
    }
    auto changed = change(txn);
    if (!changed) {
      mdb_txn_abort(txn);
      gate_.leave();
      if (!changed.err().message.ends_with(mdb_strerror(MDB_MAP_FULL)))
        return changed;
      WEIR_TRY(grow());
      continue;
    }
    rc = mdb_txn_commit(txn);
    gate_.leave();
    if (rc == 0)
      return success();
    if (rc == MDB_MAP_FULL) {
      WEIR_TRY(grow());
      continue;
    }
    broken_ = error{errc::unknown_outcome, "committing to the store '" + options_.directory + "': " + mdb_strerror(rc)};
  }
}

result<MDB_txn*> lmdb_env::begin_read() {
  for (;;) {
    gate_.enter();
    MDB_txn* txn = nullptr;
    int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
    if (rc == 0)
      return txn;
    gate_.leave();
    if (rc != MDB_MAP_RESIZED)
      return lmdb_error(rc, "reading the store '" + options_.directory + "'");
    adopt_size();
  }
}

void lmdb_env::end_read(MDB_txn* txn) {
  mdb_txn_abort(txn);
  gate_.leave();
}

result<> lmdb_env::renew(MDB_txn* txn) {
  for (;;) {
    gate_.enter();
    int rc = mdb_txn_renew(txn);
    if (rc == 0)
      return success();
    gate_.leave();
    if (rc != MDB_MAP_RESIZED)
      return lmdb_error(rc, "reading the store '" + options_.directory + "'");
    adopt_size();
  }
}

void lmdb_env::reset(MDB_txn* txn) {
  mdb_txn_reset(txn);
  gate_.leave();
}

result<> lmdb_env::read(const std::function<result<>(MDB_txn*)>& look) {
  WEIR_ASSIGN(auto* txn, begin_read());
  auto r = look(txn);
  end_read(txn);
  return r;
}

result<> lmdb_env::copy(int fd) {
  // The map must not move meanwhile: LMDB's own reader is not one that passed the gate.
  gate_.enter();
  auto rc = mdb_env_copyfd2(env_, fd, MDB_CP_COMPACT);
  gate_.leave();
  return rc == 0 ? success() : lmdb_error(rc, "copying the store '" + options_.directory + "'");
}

result<std::optional<MDB_dbi>> lmdb_env::open_dbi(MDB_txn* txn, const char* name, bool create) {
  MDB_dbi dbi = 0;
  int rc = mdb_dbi_open(txn, name, create ? MDB_CREATE : 0, &dbi);
  if (rc == MDB_NOTFOUND)
    return std::optional<MDB_dbi>();
  if (rc != 0)
    return lmdb_error(rc, std::string("opening the database '") + name + "'");
  return std::optional(dbi);
}

result<std::optional<std::string_view>> read_value(MDB_txn* txn, MDB_dbi dbi, std::string_view key) {
  auto k = to_val(key);
  MDB_val v;
  int rc = mdb_get(txn, dbi, &k, &v);
  if (rc == MDB_NOTFOUND)
    return std::optional<std::string_view>();
  if (rc != 0)
    return lmdb_error(rc, "reading a row");
  return std::optional(to_view(v));
}

result<> write_value(MDB_txn* txn, MDB_dbi dbi, std::string_view key, std::string_view value) {
  auto k = to_val(key);
  auto v = to_val(value);
  if (int rc = mdb_put(txn, dbi, &k, &v, 0); rc != 0)
    return lmdb_error(rc, "writing a row");
  return success();
}

result<> delete_value(MDB_txn* txn, MDB_dbi dbi, std::string_view key) {
  auto k = to_val(key);
  if (int rc = mdb_del(txn, dbi, &k, nullptr); rc != 0 && rc != MDB_NOTFOUND)
    return lmdb_error(rc, "deleting a row");
  return success();
}

result<> visit_rows(MDB_txn* txn, MDB_dbi dbi, std::string_view from,
                    const std::function<bool(std::string_view, std::string_view)>& visit) {
  MDB_cursor* cursor = nullptr;
  if (int rc = mdb_cursor_open(txn, dbi, &cursor); rc != 0)
    return lmdb_error(rc, "opening a cursor");
  auto k = to_val(from);
  MDB_val v;
  int rc = mdb_cursor_get(cursor, &k, &v, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  while (rc == 0 && visit(to_view(k), to_view(v)))
    rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
  mdb_cursor_close(cursor);
  if (rc != 0 && rc != MDB_NOTFOUND)
    return lmdb_error(rc, "reading rows");
  return success();
}

} // namespace weir::storage_detail
