#include <weir/storage/lmdb_job_store.hpp>

namespace weir::storage_detail {
namespace {

/// Keeps one reader slot; the snapshot lasts from the first read to release().
class lmdb_base_reader final : public base_reader {
 public:
  lmdb_base_reader(std::shared_ptr<lmdb_env> env, MDB_dbi base, MDB_txn* txn) : env_(std::move(env)), base_(base), txn_(txn) {}
  ~lmdb_base_reader() override {
    release();
    if (txn_)
      mdb_txn_abort(txn_);
  }

  result<std::optional<std::string_view>> get(std::string_view row_key) override {
    WEIR_TRY(hold());
    WEIR_ASSIGN(auto stored, read_value(txn_, base_, row_key));
    if (!stored)
      return std::optional<std::string_view>();
    WEIR_ASSIGN(auto value, check_base_row(row_key, *stored));
    return std::optional(value);
  }

  result<> scan(std::string_view row_key, const std::function<bool(std::string_view, std::string_view)>& visit) override {
    WEIR_TRY(hold());
    std::optional<error> damage;
    WEIR_TRY(visit_rows(txn_, base_, row_key, [&](std::string_view key, std::string_view stored) {
      auto value = check_base_row(key, stored);
      if (!value) {
        damage = value.err();
        return false;
      }
      return visit(key, *value);
    }));
    if (damage)
      return *damage;
    return success();
  }

  void release() override {
    if (!held_)
      return;
    env_->reset(txn_);
    held_ = false;
  }

  [[nodiscard]] bool empty() const override {
    MDB_stat stat{};
    if (held_) {
      mdb_stat(txn_, base_, &stat);
      return stat.ms_entries == 0;
    }
    auto looked = env_->read([&](MDB_txn* txn) -> result<> {
      mdb_stat(txn, base_, &stat);
      return success();
    });
    return looked.ok() && stat.ms_entries == 0;
  }

 private:
  result<> hold() {
    if (held_)
      return success();
    WEIR_TRY(env_->renew(txn_));
    held_ = true;
    return success();
  }

  std::shared_ptr<lmdb_env> env_;
  MDB_dbi base_;
  MDB_txn* txn_;
  bool held_ = false;
};

} // namespace

result<std::unique_ptr<base_reader>> make_lmdb_base_reader(std::shared_ptr<lmdb_env> env, MDB_dbi base) {
  WEIR_ASSIGN(auto* txn, env->begin_read());
  env->reset(txn);
  return std::unique_ptr<base_reader>(std::make_unique<lmdb_base_reader>(std::move(env), base, txn));
}

} // namespace weir::storage_detail
