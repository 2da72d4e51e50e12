#include <algorithm>
#include <weir/storage/lmdb_job_store.hpp>

namespace weir {
namespace storage_detail {
namespace {

constexpr std::size_t rebuild_transaction = std::size_t{16} << 20;

/// A store file whose rows are put there one by one.
class lmdb_rebuild final : public store_rebuild {
 public:
  static result<std::unique_ptr<store_rebuild>> open(const job_store_options& options) {
    const auto& directory = options.directory;
    lmdb_env_options o;
    o.directory = directory;
    o.map_size = options.map_size;
    o.unsynced = options.unsynced;
    std::unique_ptr<lmdb_rebuild> r(new lmdb_rebuild);
    WEIR_ASSIGN(r->env_, lmdb_env::open(o));
    WEIR_TRY(r->env_->write(commit_kind::ordered, [&](MDB_txn* txn) -> result<> {
      for (auto& [part, name, dbi] : r->parts_) {
        WEIR_ASSIGN(auto opened, lmdb_env::open_dbi(txn, name, false));
        if (!opened)
          return error{errc::store_corrupt, "the copy of a store in '" + directory + "' has no database '" + name + "'"};
        dbi = *opened;
      }
      WEIR_ASSIGN(auto bytes, read_value(txn, r->dbi_of(store_part::meta), copied_key));
      if (bytes) {
        WEIR_ASSIGN(r->copied_, parse_copied(*bytes, "the copy of a store in '" + directory + "'"));
      }
      return success();
    }));
    return std::unique_ptr<store_rebuild>(std::move(r));
  }

  [[nodiscard]] copied_change copied() const override { return copied_; }

  result<> change(const std::function<result<std::optional<row>>()>& next, const std::function<copied_change()>& made) override {
    std::vector<row> rows;
    for (bool more = true; more;) {
      std::size_t bytes = 0;
      rows.clear();
      // What makes the chunks mean something goes into one transaction, the last.
      for (bool chunks = true; more && (bytes < rebuild_transaction || !chunks);) {
        WEIR_ASSIGN(auto r, next());
        more = r.has_value();
        if (!more)
          break;
        chunks = r->part == store_part::delta || r->part == store_part::outbox;
        bytes += r->key.size() + r->value.size();
        rows.push_back(std::move(*r));
      }
      if (!more)
        copied_ = made();
      auto written = env_->write(more ? commit_kind::ordered : commit_kind::durable, [&](MDB_txn* txn) -> result<> {
        for (const auto& r : rows) {
          auto dbi = dbi_of(r.part);
          WEIR_TRY(r.removed ? delete_value(txn, dbi, r.key) : write_value(txn, dbi, r.key, r.value));
        }
        return more ? success() : write_value(txn, dbi_of(store_part::meta), copied_key, sealed_copied(copied_));
      });
      if (!written)
        return written.err();
    }
    return success();
  }

 private:
  lmdb_rebuild() = default;
  struct part {
    store_part id;
    const char* name;
    MDB_dbi dbi;
  };
  [[nodiscard]] MDB_dbi dbi_of(store_part id) const {
    return std::find_if(parts_.begin(), parts_.end(), [id](const part& p) { return p.id == id; })->dbi;
  }
  std::shared_ptr<lmdb_env> env_;
  std::vector<part> parts_{{store_part::meta, "meta", 0},   {store_part::fact, "fact", 0},
                           {store_part::delta, "delta", 0}, {store_part::manifest, "manifest", 0},
                           {store_part::epoch, "epoch", 0}, {store_part::outbox, "outbox", 0}};
  copied_change copied_;
};

} // namespace

change_sink::state lmdb_job_store::state_of_copy() const {
  change_sink::state s;
  s.lineage = lineage_;
  if (!complete_.empty()) {
    s.checkpoint = complete_.rbegin()->first;
    s.incarnation = complete_.rbegin()->second.incarnation;
  }
  return s;
}

result<> lmdb_job_store::write_copied(MDB_txn* txn, const std::optional<copied_change>& newest) {
  return newest ? write_value(txn, db_.meta, copied_key, sealed_copied(*newest)) : success();
}

result<> lmdb_job_store::set_copied(const copied_change& newest) {
  WEIR_TRY(env_->write(commit_kind::durable, [&](MDB_txn* txn) { return write_copied(txn, newest); }));
  copied_ = newest;
  return success();
}

result<> lmdb_job_store::copy_chunks(store_part part, const std::vector<chunk_ref>& refs) {
  auto dbi = part == store_part::delta ? db_.delta : db_.outbox;
  // In the order of their numbers: what is still in RAM is a run at the end.
  auto buffered_at = [&](std::uint64_t sequence) {
    auto at = std::lower_bound(buffer_.begin(), buffer_.end(), sequence,
                               [](const buffered& b, std::uint64_t n) { return b.sequence < n; });
    return at != buffer_.end() && at->sequence == sequence ? &at->value : nullptr;
  };
  return env_->read([&](MDB_txn* txn) -> result<> {
    for (const auto& ref : refs) {
      auto key = number_key(ref.sequence);
      if (const auto* value = buffered_at(ref.sequence)) {
        WEIR_TRY(copy_->put(part, key, *value));
        continue;
      }
      WEIR_ASSIGN(auto bytes, read_value(txn, dbi, key));
      if (!bytes)
        return error{errc::store_corrupt, where("chunk " + std::to_string(ref.sequence) + " is to be copied and is not there")};
      WEIR_TRY(copy_->put(part, key, *bytes));
    }
    return success();
  });
}

result<std::optional<copied_change>> lmdb_job_store::copy_checkpoint(const manifest_record& r, const epoch_record& epoch) {
  if (!copy_)
    return std::optional<copied_change>();
  const auto& m = r.manifest;
  WEIR_TRY(copy_->begin({lineage_, m.number, m.incarnation}));
  WEIR_TRY(copy_chunks(store_part::delta, r.deltas));
  WEIR_TRY(copy_chunks(store_part::outbox, epoch.chunks));
  for (auto n : orphans_) {
    WEIR_TRY(copy_->remove(store_part::manifest, number_key(n)));
    WEIR_TRY(copy_->remove(store_part::epoch, number_key(n)));
  }
  WEIR_TRY(copy_->put(store_part::manifest, number_key(m.number), encode_manifest(r)));
  if (!epoch.chunks.empty())
    WEIR_TRY(copy_->put(store_part::epoch, number_key(m.number), encode_epoch(epoch)));
  // What is published by now is deleted behind the next start; here it is only not published again.
  if (published_)
    WEIR_TRY(copy_->put(store_part::meta, published_key, encode_marker(*published_)));
  WEIR_ASSIGN(auto copied, copy_->commit());
  return std::optional(copied);
}

result<copied_change> lmdb_job_store::describe_to(change_sink& copy) {
  WEIR_TRY(copy.begin(state_of_copy()));
  std::optional<error> failed;
  auto all = [&](store_part part, MDB_dbi dbi) {
    return env_->read([&](MDB_txn* txn) -> result<> {
      auto visited = visit_rows(txn, dbi, {}, [&](std::string_view key, std::string_view value) {
        // How far base and copy are is of each file's own.
        if (part == store_part::meta && (key == apply_key || key == copied_key))
          return true;
        if (auto r = copy.put(part, key, value); !r)
          failed = r.err();
        return !failed;
      });
      return failed ? result<>(*failed) : visited;
    });
  };
  WEIR_TRY(all(store_part::meta, db_.meta));
  WEIR_TRY(all(store_part::fact, db_.fact));
  return copy.commit();
}

std::function<result<>(int)> lmdb_job_store::copier() {
  return [env = env_](int fd) -> result<> { return env->copy(fd); };
}

} // namespace storage_detail

result<copied_change> copied_in(const std::string& file) {
  using namespace storage_detail;
  auto doing = "reading the copy of a store '" + file + "'";
  struct closer {
    MDB_env* env = nullptr;
    ~closer() {
      if (env != nullptr)
        mdb_env_close(env);
    }
  } c;
  if (int rc = mdb_env_create(&c.env); rc != 0)
    return lmdb_error(rc, doing);
  mdb_env_set_maxdbs(c.env, 1);
  // Nobody writes a finished copy, and a shared directory may not be able to lock.
  if (int rc = mdb_env_open(c.env, file.c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0600); rc != 0)
    return lmdb_error(rc, doing);
  MDB_txn* txn = nullptr;
  if (int rc = mdb_txn_begin(c.env, nullptr, MDB_RDONLY, &txn); rc != 0)
    return lmdb_error(rc, doing);
  auto copied = [&]() -> result<copied_change> {
    WEIR_ASSIGN(auto meta, lmdb_env::open_dbi(txn, "meta", false));
    if (!meta)
      return error{errc::store_corrupt, doing + ": not a job store"};
    WEIR_ASSIGN(auto bytes, read_value(txn, *meta, copied_key));
    return bytes ? parse_copied(*bytes, doing) : result<copied_change>(copied_change{});
  }();
  mdb_txn_abort(txn);
  return copied;
}

result<std::unique_ptr<store_rebuild>> rebuild_store(const job_store_options& options) {
  return storage_detail::lmdb_rebuild::open(options);
}

} // namespace weir
