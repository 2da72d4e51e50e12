#include <sys/random.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <weir/core/fail_point.hpp>
#include <weir/record/bytes.hpp>
#include <weir/storage/lmdb_job_store.hpp>

namespace weir {

result<std::unique_ptr<job_store>> open_job_store(const job_store_options& options) {
  WEIR_ASSIGN(auto store, storage_detail::lmdb_job_store::open(options));
  return std::unique_ptr<job_store>(std::move(store));
}

result<std::optional<store_listing>> list_store(const job_store_options& options) {
  return storage_detail::lmdb_job_store::look(options);
}

result<> copy_store(const job_store_options& options, int fd) {
  storage_detail::lmdb_env_options o;
  o.directory = options.directory;
  o.read_only = true;
  WEIR_ASSIGN(auto env, storage_detail::lmdb_env::open(o));
  return env->copy(fd);
}

namespace storage_detail {
namespace {

constexpr std::uint64_t store_format = 1;

result<lineage_id> random_lineage() {
  lineage_id id;
  if (::getrandom(id.bytes.data(), id.bytes.size(), 0) != static_cast<ssize_t>(id.bytes.size()))
    return error{errc::unavailable, std::string("no random numbers from the system: ") + std::strerror(errno)};
  return id;
}

/// Uniform in 1 to 2^30.
result<std::uint64_t> random_step() {
  std::uint32_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits))
    return error{errc::unavailable, std::string("no random numbers from the system: ") + std::strerror(errno)};
  return 1 + std::uint64_t{bits >> 2};
}

std::string sealed_lineage(const lineage_id& id) {
  return seal(sealed::meta, std::string_view(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()));
}

} // namespace

result<std::unique_ptr<lmdb_job_store>> lmdb_job_store::open(const job_store_options& options) {
  std::unique_ptr<lmdb_job_store> store(new lmdb_job_store(options));
  lmdb_env_options env;
  env.directory = options.directory;
  env.map_size = options.map_size;
  env.max_size = options.max_size;
  env.unsynced = options.unsynced;
  WEIR_ASSIGN(store->env_, lmdb_env::open(env));
  WEIR_TRY(store->create_or_check());
  WEIR_TRY(store->load());
  WEIR_TRY(hit(fail_point::store_open_after));
  return store;
}

result<std::optional<store_listing>> lmdb_job_store::look(const job_store_options& options) {
  lmdb_job_store store(options);
  lmdb_env_options env;
  env.directory = options.directory;
  env.read_only = true;
  auto opened = lmdb_env::open(env);
  if (!opened) {
    if (opened.err().code == errc::not_found)
      return std::optional<store_listing>();
    return opened.err();
  }
  store.env_ = std::move(*opened);
  std::optional<store_listing> listing;
  // Whoever runs the job goes on: what is decided from and what is read must be of the same transaction.
  auto looked = store.env_->read([&](MDB_txn* txn) -> result<> {
    WEIR_ASSIGN(auto exists, store.open_databases(txn, false));
    if (!exists)
      return success();
    WEIR_TRY(store.load_meta(txn));
    WEIR_TRY(store.load_lists(txn));
    WEIR_ASSIGN(auto checkpoints, store.list_checkpoints(txn));
    listing = store_listing{store.lineage_, store.incarnation_, std::move(checkpoints), store.list_unpublished()};
    return success();
  });
  if (!looked)
    return looked.err();
  return listing;
}

result<bool> lmdb_job_store::open_databases(MDB_txn* txn, bool create) {
  std::pair<const char*, MDB_dbi*> names[] = {{"meta", &db_.meta},         {"base", &db_.base},     {"delta", &db_.delta},
                                              {"manifest", &db_.manifest}, {"outbox", &db_.outbox}, {"epoch", &db_.epoch},
                                              {"fact", &db_.fact}};
  unsigned found = 0;
  for (auto& [name, dbi] : names) {
    WEIR_ASSIGN(auto opened, lmdb_env::open_dbi(txn, name, create));
    if (opened) {
      *dbi = *opened;
      ++found;
    }
  }
  if (found != 0 && found != std::size(names))
    return error{errc::store_corrupt, where("only some of its databases are there: not a job store, or damaged")};
  return found != 0;
}

result<> lmdb_job_store::create_or_check() {
  // Handles opened in a read transaction become the environment's only when it commits, so a write transaction it is; one
  // that changes nothing writes nothing.
  return env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    WEIR_ASSIGN(auto exists, open_databases(txn, false));
    if (exists)
      return success();
    MDB_dbi main = 0;
    if (int rc = mdb_dbi_open(txn, nullptr, 0, &main); rc != 0)
      return lmdb_error(rc, where("opening"));
    MDB_stat stat{};
    mdb_stat(txn, main, &stat);
    if (stat.ms_entries != 0)
      return error{errc::store_corrupt, where("an LMDB file of something else than a job")};
    WEIR_ASSIGN(exists, open_databases(txn, true));
    WEIR_ASSIGN(auto id, random_lineage());
    WEIR_TRY(write_value(txn, db_.meta, format_key, sealed_number(store_format)));
    WEIR_TRY(write_value(txn, db_.meta, lineage_key, sealed_lineage(id)));
    return write_value(txn, db_.meta, incarnation_key, sealed_number(0));
  });
}

result<> lmdb_job_store::load() {
  return env_->read([this](MDB_txn* txn) -> result<> {
    WEIR_TRY(load_meta(txn));
    return load_lists(txn);
  });
}

result<> lmdb_job_store::load_meta(MDB_txn* txn) {
  auto meta = [&](std::string_view key) -> result<std::optional<std::string_view>> {
    WEIR_ASSIGN(auto bytes, read_value(txn, db_.meta, key));
    if (!bytes)
      return std::optional<std::string_view>();
    WEIR_ASSIGN(auto payload, unseal(sealed::meta, *bytes, where(std::string(key))));
    return std::optional(payload);
  };
  auto number = [&](std::string_view key) -> result<std::optional<std::uint64_t>> {
    WEIR_ASSIGN(auto payload, meta(key));
    if (!payload)
      return std::optional<std::uint64_t>();
    byte_reader in(*payload);
    auto n = in.varint();
    if (!in.done())
      return error{errc::store_corrupt, where(std::string(key) + ": malformed")};
    return std::optional(n);
  };
  WEIR_ASSIGN(auto format, number(format_key));
  if (!format)
    return error{errc::store_corrupt, where("no format number: not a job store")};
  if (*format != store_format)
    return error{errc::incompatible, where("format " + std::to_string(*format) + ", this release reads 1")};
  WEIR_ASSIGN(auto id, meta(lineage_key));
  if (!id || id->size() != lineage_.bytes.size())
    return error{errc::store_corrupt, where("no lineage")};
  std::memcpy(lineage_.bytes.data(), id->data(), id->size());
  WEIR_ASSIGN(auto incarnation, number(incarnation_key));
  if (!incarnation)
    return error{errc::store_corrupt, where("no incarnation")};
  incarnation_ = *incarnation;
  WEIR_ASSIGN(highest_used_, number(used_key));
  WEIR_ASSIGN(auto copied, read_value(txn, db_.meta, copied_key));
  if (copied) {
    WEIR_ASSIGN(copied_, parse_copied(*copied, where(std::string(copied_key))));
  }
  WEIR_ASSIGN(auto published, meta(published_key));
  if (published) {
    WEIR_ASSIGN(published_, decode_marker(*published));
  }
  WEIR_ASSIGN(auto apply, meta(apply_key));
  if (apply) {
    WEIR_ASSIGN(apply_, decode_apply(*apply));
  }
  return success();
}

result<> lmdb_job_store::load_lists(MDB_txn* txn) {
  std::vector<std::uint64_t> numbers;
  WEIR_TRY(visit_rows(txn, db_.manifest, {}, [&](std::string_view key, std::string_view) {
    numbers.push_back(parse_number_key(key));
    return true;
  }));
  for (auto n : numbers) {
    highest_used_ = std::max(highest_used_.value_or(n), n);
    auto record = read_manifest(txn, n);
    if (!record) {
      if (record.err().code == errc::incompatible)
        return record.err();
      damaged_.insert(n);
      continue;
    }
    next_sequence_ = std::max(next_sequence_, record->next_sequence);
    auto& known = complete_[n];
    known.incarnation = record->manifest.incarnation;
    known.deltas = std::move(record->deltas);
    for (const auto& d : known.deltas)
      known.bytes += d.bytes;
  }
  std::optional<error> damage;
  WEIR_TRY(visit_rows(txn, db_.epoch, {}, [&](std::string_view key, std::string_view bytes) {
    auto n = parse_number_key(key);
    auto payload = unseal(sealed::epoch, bytes, where("outbox list of checkpoint " + std::to_string(n)));
    auto record = payload ? decode_epoch(*payload) : result<epoch_record>(payload.err());
    if (!record) {
      damage = record.err();
      return false;
    }
    epochs_[n] = std::move(*record);
    return true;
  }));
  if (damage)
    return *damage;
  for (auto dbi : {db_.delta, db_.outbox})
    WEIR_TRY(visit_rows(txn, dbi, {}, [&](std::string_view key, std::string_view) {
      next_sequence_ = std::max(next_sequence_, parse_number_key(key) + 1);
      return true;
    }));
  return success();
}

result<std::uint64_t> lmdb_job_store::begin_incarnation() {
  copy_ = nullptr;
  orphans_.clear();
  std::set<std::uint64_t> listed;
  for (const auto& [number, known] : complete_)
    for (const auto& d : known.deltas)
      listed.insert(d.sequence);
  for (const auto& [number, epoch] : epochs_)
    for (const auto& c : epoch.chunks)
      listed.insert(c.sequence);
  WEIR_ASSIGN(auto step, random_step());
  auto next = incarnation_ + step;
  auto written = env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    WEIR_TRY(write_value(txn, db_.meta, incarnation_key, sealed_number(next)));
    // What a damaged manifest listed cannot be told from leftovers: it stays for whoever repairs.
    if (damaged_.empty()) {
      for (auto dbi : {db_.delta, db_.outbox}) {
        std::vector<std::string> leftovers;
        WEIR_TRY(visit_rows(txn, dbi, {}, [&](std::string_view key, std::string_view) {
          if (!listed.count(parse_number_key(key)))
            leftovers.emplace_back(key);
          return true;
        }));
        for (const auto& key : leftovers)
          WEIR_TRY(delete_value(txn, dbi, key));
      }
    }
    return hit(fail_point::incarnation_before_commit);
  });
  if (!written)
    return written.err();
  incarnation_ = next;
  counters_.clear();
  staged_deltas_.clear();
  staged_outboxes_.clear();
  buffer_.clear();
  buffer_bytes_ = 0;
  {
    std::lock_guard lock(chunk_index_->mutex);
    chunk_index_->sequence_of.clear();
  }
  WEIR_TRY(hit(fail_point::incarnation_after_commit));
  return incarnation_;
}

result<> lmdb_job_store::new_lineage() {
  WEIR_ASSIGN(auto id, random_lineage());
  auto written = env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    WEIR_TRY(write_value(txn, db_.meta, lineage_key, sealed_lineage(id)));
    // The marker speaks of the lineage that ends here.
    return delete_value(txn, db_.meta, published_key);
  });
  if (!written)
    return written.err();
  lineage_ = id;
  published_.reset();
  published_dirty_ = false;
  return success();
}

} // namespace storage_detail
} // namespace weir
