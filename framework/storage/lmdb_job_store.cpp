#include <sys/random.h>
#include <sys/stat.h>
#include <algorithm>
#include <cstring>
#include <weir/core/fail_point.hpp>
#include <weir/record/bytes.hpp>
#include <weir/storage/lmdb_job_store.hpp>

namespace weir {

result<std::unique_ptr<job_store>> open_job_store(const job_store_options& options) {
  WEIR_ASSIGN(auto store, storage_detail::lmdb_job_store::open(options));
  return std::unique_ptr<job_store>(std::move(store));
}

namespace storage_detail {
namespace {

constexpr std::string_view format_key = "format";
constexpr std::string_view lineage_key = "lineage";
constexpr std::string_view incarnation_key = "incarnation";
constexpr std::string_view used_key = "used";
constexpr std::string_view published_key = "published";
constexpr std::string_view apply_key = "apply";
constexpr std::uint64_t store_format = 1;

std::string sealed_number(std::uint64_t n) {
  std::string out;
  byte_writer(out).varint(n);
  return seal(sealed::meta, out);
}

result<lineage_id> random_lineage() {
  lineage_id id;
  if (::getrandom(id.bytes.data(), id.bytes.size(), 0) != static_cast<ssize_t>(id.bytes.size()))
    return error{errc::unavailable, std::string("no random numbers from the system: ") + std::strerror(errno)};
  return id;
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
  WEIR_ASSIGN(store->env_, lmdb_env::open(env));
  WEIR_TRY(store->create_or_check());
  WEIR_TRY(store->load());
  WEIR_TRY(hit(fail_point::store_open_after));
  return store;
}

result<> lmdb_job_store::create_or_check() {
  auto open_all = [this](MDB_txn* txn, bool create) -> result<bool> {
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
  };
  // Handles opened in a read transaction become the environment's only when it commits, so a write transaction it is; one
  // that changes nothing writes nothing.
  return env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    WEIR_ASSIGN(auto exists, open_all(txn, false));
    if (exists)
      return success();
    MDB_dbi main = 0;
    if (int rc = mdb_dbi_open(txn, nullptr, 0, &main); rc != 0)
      return lmdb_error(rc, where("opening"));
    MDB_stat stat{};
    mdb_stat(txn, main, &stat);
    if (stat.ms_entries != 0)
      return error{errc::store_corrupt, where("an LMDB file of something else than a job")};
    WEIR_ASSIGN(exists, open_all(txn, true));
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

result<manifest_record> lmdb_job_store::read_manifest(MDB_txn* txn, std::uint64_t number) {
  auto what = where("manifest of checkpoint " + std::to_string(number));
  WEIR_ASSIGN(auto bytes, read_value(txn, db_.manifest, number_key(number)));
  if (!bytes)
    return error{errc::store_corrupt, what + ": missing"};
  WEIR_ASSIGN(auto payload, unseal(sealed::manifest, *bytes, what));
  WEIR_ASSIGN(auto record, decode_manifest(payload));
  if (record.manifest.number != number)
    return error{errc::store_corrupt, what + ": holds the number " + std::to_string(record.manifest.number)};
  return record;
}

result<std::string_view> lmdb_job_store::read_chunk_payload(MDB_txn* txn, MDB_dbi dbi, const chunk_ref& ref,
                                                            const std::string& what) {
  WEIR_ASSIGN(auto bytes, read_value(txn, dbi, number_key(ref.sequence)));
  if (!bytes)
    return error{errc::store_corrupt, what + ": chunk " + std::to_string(ref.sequence) + " is missing"};
  return unseal(sealed::chunk, *bytes, what + ", chunk " + std::to_string(ref.sequence));
}

result<> lmdb_job_store::check_whole(MDB_txn* txn, std::uint64_t number) {
  WEIR_ASSIGN(auto record, read_manifest(txn, number));
  if (number < apply_.applied_end)
    return success();
  for (const auto& d : record.deltas)
    WEIR_TRY(read_chunk_payload(txn, db_.delta, d, where("checkpoint " + std::to_string(number))));
  return success();
}

result<std::vector<checkpoint_manifest>> lmdb_job_store::checkpoints() {
  std::vector<checkpoint_manifest> list;
  WEIR_TRY(env_->read([&](MDB_txn* txn) -> result<> {
    // A checkpoint is the base and all deltas up to it: one damaged delta takes every later checkpoint with it.
    for (const auto& [number, known] : complete_) {
      if (auto whole = check_whole(txn, number); !whole)
        break;
      auto record = read_manifest(txn, number);
      list.push_back(std::move(record->manifest));
    }
    return success();
  }));
  std::reverse(list.begin(), list.end());
  if (list.size() > options_.retained)
    list.resize(options_.retained);
  return list;
}

result<std::optional<error>> lmdb_job_store::newest_damaged() {
  std::optional<error> damage;
  WEIR_TRY(env_->read([&](MDB_txn* txn) -> result<> {
    for (const auto& [number, known] : complete_)
      if (auto whole = check_whole(txn, number); !whole) {
        damage = whole.err();
        return success();
      }
    if (!damaged_.empty() && (complete_.empty() || *damaged_.rbegin() > complete_.rbegin()->first))
      damage = read_manifest(txn, *damaged_.rbegin()).err();
    return success();
  }));
  return damage;
}

result<> lmdb_job_store::read_outbox(std::uint64_t checkpoint, const std::function<result<>(std::string_view)>& visit) {
  auto it = epochs_.find(checkpoint);
  if (it == epochs_.end())
    return success();
  auto what = where("outbox of checkpoint " + std::to_string(checkpoint));
  std::string copy;
  for (const auto& ref : it->second.chunks) {
    // Publishing takes as long as a broker takes: no transaction may stay open across it.
    WEIR_TRY(env_->read([&](MDB_txn* txn) -> result<> {
      WEIR_ASSIGN(auto payload, read_chunk_payload(txn, db_.outbox, ref, what));
      WEIR_ASSIGN(auto chunk, decode_chunk(payload));
      copy.assign(chunk.bytes);
      return success();
    }));
    WEIR_TRY(visit(copy));
  }
  return success();
}

result<std::vector<job_store::unpublished>> lmdb_job_store::unpublished_epochs() {
  std::vector<unpublished> list;
  for (const auto& [number, epoch] : epochs_) {
    if (is_published(number))
      continue;
    unpublished u{number, 0};
    for (const auto& c : epoch.chunks)
      u.bytes += c.bytes;
    list.push_back(u);
  }
  return list;
}

result<> lmdb_job_store::read_unapplied(
    const std::function<result<>(const participant_id&, std::uint64_t, std::string_view)>& visit) {
  for (const auto& [number, known] : complete_) {
    if (number < apply_.applied_end)
      continue;
    for (const auto& ref : known.deltas)
      WEIR_TRY(env_->read([&](MDB_txn* txn) -> result<> {
        WEIR_ASSIGN(auto payload, read_chunk_payload(txn, db_.delta, ref, where("checkpoint " + std::to_string(number))));
        WEIR_ASSIGN(auto chunk, decode_chunk(payload));
        return visit(chunk.who, number, chunk.bytes);
      }));
  }
  return success();
}

result<std::unique_ptr<base_reader>> lmdb_job_store::open_base() { return make_lmdb_base_reader(env_, db_.base); }

result<> lmdb_job_store::set_fact(std::string_view name, std::string_view value) {
  return env_->write(commit_kind::durable,
                     [&](MDB_txn* txn) { return write_value(txn, db_.fact, name, seal(sealed::fact, value)); });
}

result<std::optional<std::string>> lmdb_job_store::fact(std::string_view name) {
  std::optional<std::string> value;
  WEIR_TRY(env_->read([&](MDB_txn* txn) -> result<> {
    WEIR_ASSIGN(auto bytes, read_value(txn, db_.fact, name));
    if (bytes) {
      WEIR_ASSIGN(auto payload, unseal(sealed::fact, *bytes, where("fact '" + std::string(name) + "'")));
      value.emplace(payload);
    }
    return success();
  }));
  return value;
}

result<job_store::statistics> lmdb_job_store::stats() {
  statistics s;
  struct stat st {};
  if (::stat((options_.directory + "/data.mdb").c_str(), &st) == 0)
    s.file_bytes = static_cast<std::uint64_t>(st.st_size);
  s.unapplied_bytes = unapplied_bytes();
  for (const auto& [number, epoch] : epochs_)
    for (const auto& c : epoch.chunks)
      s.outbox_bytes += c.bytes;
  MDB_envinfo info{};
  mdb_env_info(env_->handle(), &info);
  // The reader table is only to be had as text: lines of pid, thread and transaction ("-" for an idle slot).
  std::string table;
  mdb_reader_list(
      env_->handle(),
      [](const char* text, void* out) {
        static_cast<std::string*>(out)->append(text);
        return 0;
      },
      &table);
  for (std::size_t at = 0; at < table.size();) {
    auto end = std::min(table.find('\n', at), table.size());
    unsigned long long txn = 0;
    if (std::sscanf(table.substr(at, end - at).c_str(), "%*d %*s %llu", &txn) == 1 && txn < info.me_last_txnid)
      s.oldest_reader_lag = std::max<std::uint64_t>(s.oldest_reader_lag, info.me_last_txnid - txn);
    at = end + 1;
  }
  return s;
}

result<> lmdb_job_store::check_readers() {
  int dead = 0;
  if (int rc = mdb_reader_check(env_->handle(), &dead); rc != 0)
    return lmdb_error(rc, where("checking readers"));
  return success();
}

result<std::uint64_t> lmdb_job_store::begin_incarnation() {
  std::set<std::uint64_t> listed;
  for (const auto& [number, known] : complete_)
    for (const auto& d : known.deltas)
      listed.insert(d.sequence);
  for (const auto& [number, epoch] : epochs_)
    for (const auto& c : epoch.chunks)
      listed.insert(c.sequence);
  auto next = incarnation_ + 1;
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

result<> lmdb_job_store::fall_back(std::uint64_t checkpoint) {
  if (!complete_.count(checkpoint))
    return error{errc::not_found, where("checkpoint " + std::to_string(checkpoint) + " is not there to go back to")};
  if (apply_.applied_end > checkpoint + 1 || (apply_.running && apply_.target > checkpoint))
    return error{errc::not_found, where("the base is already ahead of checkpoint " + std::to_string(checkpoint))};
  auto written = env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    for (auto it = complete_.upper_bound(checkpoint); it != complete_.end(); ++it) {
      WEIR_TRY(delete_value(txn, db_.manifest, number_key(it->first)));
      for (const auto& d : it->second.deltas)
        WEIR_TRY(delete_value(txn, db_.delta, number_key(d.sequence)));
    }
    for (auto it = damaged_.upper_bound(checkpoint); it != damaged_.end(); ++it)
      WEIR_TRY(delete_value(txn, db_.manifest, number_key(*it)));
    for (auto it = epochs_.upper_bound(checkpoint); it != epochs_.end(); ++it) {
      WEIR_TRY(delete_value(txn, db_.epoch, number_key(it->first)));
      for (const auto& c : it->second.chunks)
        WEIR_TRY(delete_value(txn, db_.outbox, number_key(c.sequence)));
    }
    WEIR_TRY(write_value(txn, db_.meta, used_key, sealed_number(*highest_used_)));
    return hit(fail_point::fall_back_before_commit);
  });
  if (!written)
    return written.err();
  complete_.erase(complete_.upper_bound(checkpoint), complete_.end());
  damaged_.erase(damaged_.upper_bound(checkpoint), damaged_.end());
  epochs_.erase(epochs_.upper_bound(checkpoint), epochs_.end());
  return hit(fail_point::fall_back_after_commit);
}

bool lmdb_job_store::is_published(std::uint64_t checkpoint) const {
  if (!published_ || published_->lineage != lineage_)
    return false;
  return checkpoint < published_->checkpoint || (checkpoint == published_->checkpoint && published_->ordinal == all_records);
}

} // namespace storage_detail
} // namespace weir
