#include <sys/stat.h>
#include <algorithm>
#include <cstdio>
#include <weir/core/fail_point.hpp>
#include <weir/storage/lmdb_job_store.hpp>

namespace weir::storage_detail {

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
    WEIR_ASSIGN(list, list_checkpoints(txn));
    return success();
  }));
  return list;
}

result<std::vector<checkpoint_manifest>> lmdb_job_store::list_checkpoints(MDB_txn* txn) {
  std::vector<checkpoint_manifest> list;
  // A checkpoint is the base and all deltas up to it: one damaged delta takes every later checkpoint with it.
  for (const auto& [number, known] : complete_) {
    if (auto whole = check_whole(txn, number); !whole)
      break;
    // A merge under way has left it: the base is that of its target, in part.
    if (apply_.running && number < apply_.target)
      continue;
    WEIR_ASSIGN(auto record, read_manifest(txn, number));
    list.push_back(std::move(record.manifest));
  }
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

result<> lmdb_job_store::read_outbox(std::uint64_t checkpoint,
                                     const std::function<result<>(const participant_id&, std::string_view)>& visit) {
  auto it = epochs_.find(checkpoint);
  if (it == epochs_.end())
    return success();
  auto what = where("outbox of checkpoint " + std::to_string(checkpoint));
  std::string copy;
  participant_id who;
  for (const auto& ref : it->second.chunks) {
    // Publishing takes as long as a broker takes: no transaction may stay open across it.
    WEIR_TRY(env_->read([&](MDB_txn* txn) -> result<> {
      WEIR_ASSIGN(auto payload, read_chunk_payload(txn, db_.outbox, ref, what));
      WEIR_ASSIGN(auto chunk, decode_chunk(payload));
      copy.assign(chunk.bytes);
      who = std::move(chunk.who);
      return success();
    }));
    WEIR_TRY(visit(who, copy));
  }
  return success();
}

result<std::vector<job_store::unpublished>> lmdb_job_store::unpublished_epochs() { return list_unpublished(); }

std::vector<job_store::unpublished> lmdb_job_store::list_unpublished() const {
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
      WEIR_TRY(env_->read([&, number = number](MDB_txn* txn) -> result<> {
        WEIR_ASSIGN(auto payload, read_chunk_payload(txn, db_.delta, ref, where("checkpoint " + std::to_string(number))));
        WEIR_ASSIGN(auto chunk, decode_chunk(payload));
        return visit(chunk.who, number, chunk.bytes);
      }));
  }
  return success();
}

result<std::unique_ptr<base_reader>> lmdb_job_store::open_base() { return make_lmdb_base_reader(env_, db_.base); }

result<> lmdb_job_store::set_fact(std::string_view name, std::string_view value) {
  auto sealed_value = seal(sealed::fact, value);
  std::optional<copied_change> copied;
  if (copy_) {
    WEIR_TRY(copy_->begin(state_of_copy()));
    WEIR_TRY(copy_->put(store_part::fact, name, sealed_value));
    WEIR_ASSIGN(copied, copy_->commit());
  }
  auto written = env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    WEIR_TRY(write_copied(txn, copied));
    return write_value(txn, db_.fact, name, sealed_value);
  });
  if (!written)
    return written.err();
  copied_ = copied.value_or(copied_);
  return success();
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

} // namespace weir::storage_detail
