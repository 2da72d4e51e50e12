#include "tests/e2e/damage.hpp"

#include <lmdb.h>
#include <memory>
#include <stdexcept>
#include <string>

namespace weir::e2e {
namespace {

void check(int rc, const std::filesystem::path& store) {
  if (rc != 0)
    throw std::runtime_error("damaging '" + store.string() + "': " + mdb_strerror(rc));
}

struct close_environment {
  void operator()(MDB_env* e) const { mdb_env_close(e); }
};
struct abort_transaction {
  void operator()(MDB_txn* t) const { mdb_txn_abort(t); }
};

} // namespace

void damage_newest_checkpoint(const std::filesystem::path& store) {
  MDB_env* made = nullptr;
  check(mdb_env_create(&made), store);
  const std::unique_ptr<MDB_env, close_environment> environment(made);
  check(mdb_env_set_maxdbs(made, 16), store);
  check(mdb_env_open(made, store.c_str(), 0, 0600), store);
  MDB_txn* begun = nullptr;
  check(mdb_txn_begin(made, nullptr, 0, &begun), store);
  std::unique_ptr<MDB_txn, abort_transaction> transaction(begun);
  MDB_dbi manifests = 0;
  check(mdb_dbi_open(begun, "manifest", 0, &manifests), store);
  MDB_cursor* cursor = nullptr;
  check(mdb_cursor_open(begun, manifests, &cursor), store);
  MDB_val key{}, value{};
  check(mdb_cursor_get(cursor, &key, &value, MDB_LAST), store);
  std::string bytes(static_cast<const char*>(value.mv_data), value.mv_size);
  bytes.at(bytes.size() / 2) ^= 0x20;
  value = {bytes.size(), bytes.data()};
  check(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), store);
  check(mdb_txn_commit(transaction.release()), store);
}

} // namespace weir::e2e
