#include <algorithm>
#include <chrono>
#include <cstring>
#include <weir/core/fail_point.hpp>
#include <weir/state/row_key.hpp>
#include <weir/storage/lmdb_job_store.hpp>

namespace weir::storage_detail {
namespace {

using steady = std::chrono::steady_clock;

// Half of each bound of a slice (20 ms, 8 MB): the other half is for branch pages, the free list and the commit itself.
constexpr auto slice_time = std::chrono::milliseconds(10);
constexpr std::size_t slice_pages = 1024;
constexpr std::size_t page_size = 4096;

} // namespace

std::vector<std::uint64_t> lmdb_job_store::eligible() const {
  std::vector<std::uint64_t> list;
  for (const auto& [number, known] : complete_)
    if (number >= apply_.applied_end)
      list.push_back(number);
  list.resize(list.size() > options_.retained ? list.size() - options_.retained : 0);
  return list;
}

std::uint64_t lmdb_job_store::unapplied_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [number, known] : complete_)
    if (number >= apply_.applied_end)
      bytes += known.bytes;
  return bytes;
}

result<job_store::apply_progress> lmdb_job_store::apply_slice() {
  apply_progress p;
  auto report = [&] {
    p.applied_checkpoint = apply_.applied_end == 0 ? 0 : apply_.applied_end - 1;
    auto waiting = eligible();
    bool over = unapplied_bytes() > options_.unapplied_limit;
    std::uint64_t bytes = 0;
    for (auto n : waiting)
      bytes += complete_[n].bytes;
    p.behind = over && !waiting.empty();
    p.more = apply_.running || p.behind ||
             (!waiting.empty() && (hurried_ || waiting.size() >= options_.apply_checkpoints || bytes >= options_.apply_bytes));
  };
  report();
  if (!p.more) {
    if (published_dirty_) {
      WEIR_TRY(env_->write(commit_kind::ordered, [this](MDB_txn* txn) { return write_published(txn); }));
      after_published_written();
      WEIR_TRY(hit(fail_point::published_after_commit));
    }
    return p;
  }
  if (!merge_checked_)
    WEIR_TRY(begin_merge(apply_.running ? apply_.target : eligible().back()));

  apply_state progress = apply_;
  progress.running = true;
  bool finished = false;
  auto written = env_->write(commit_kind::ordered, [&](MDB_txn* txn) -> result<> {
    progress.position = apply_.position;
    finished = false;
    WEIR_TRY(write_published(txn));
    WEIR_TRY(merge_some(txn, progress, finished));
    if (finished) {
      progress.applied_end = progress.target + 1;
      progress.running = false;
      progress.position.clear();
      WEIR_TRY(finish_merge(txn, progress));
    }
    WEIR_TRY(write_value(txn, db_.meta, apply_key, encode_apply(progress)));
    return hit(fail_point::apply_before_commit);
  });
  if (!written) {
    // The merge has moved on without the base.
    merge_.reset();
    return written.err();
  }
  after_published_written();
  apply_ = std::move(progress);
  if (finished)
    after_merge(apply_.applied_end);
  WEIR_TRY(hit(fail_point::apply_after_commit));
  report();
  return p;
}

result<> lmdb_job_store::begin_merge(std::uint64_t target) {
  std::vector<chunk_ref> chunks;
  WEIR_TRY(env_->read([&](MDB_txn* txn) -> result<> {
    for (const auto& [number, known] : complete_) {
      if (number < apply_.applied_end || number > target)
        continue;
      for (const auto& ref : known.deltas) {
        auto what = where("checkpoint " + std::to_string(number));
        WEIR_ASSIGN(auto payload, read_chunk_payload(txn, db_.delta, ref, what));
        WEIR_ASSIGN(auto record, decode_chunk(payload));
        if (auto whole = delta_chunk_reader::open(record.bytes); !whole)
          return whole.err().in(what);
        chunks.push_back(ref);
      }
    }
    return success();
  }));
  merge_chunks_ = std::move(chunks);
  merge_.reset();
  merge_checked_ = true;
  apply_.target = target;
  return success();
}

result<> lmdb_job_store::merge_some(MDB_txn* txn, apply_state& progress, bool& finished) {
  // The chunks are read through a reader of their own: views of a write transaction end with its next write.
  WEIR_ASSIGN(auto* reader, env_->begin_read());
  struct closer {
    lmdb_env* env;
    MDB_txn* txn;
    ~closer() { env->end_read(txn); }
  } close_reader{env_.get(), reader};
  std::vector<std::string_view> chunks;
  for (const auto& ref : merge_chunks_) {
    WEIR_ASSIGN(auto bytes, read_value(reader, db_.delta, number_key(ref.sequence)));
    if (!bytes || bytes->size() != ref.bytes)
      return error{errc::store_corrupt, where("chunk " + std::to_string(ref.sequence) + " of a merge under way is missing")};
    // Checked by begin_merge: only the frame is taken off.
    WEIR_ASSIGN(auto record, decode_chunk(bytes->substr(4, bytes->size() - 12)));
    chunks.push_back(record.bytes);
  }
  // A retry, or the first slice of a process, starts from the durable position.
  auto merge = std::exchange(merge_, std::nullopt);
  if (merge) {
    merge->rebase(chunks);
  } else {
    WEIR_ASSIGN(merge, delta_merge::open(chunks, progress.position));
  }

  MDB_cursor* cursor = nullptr;
  if (int rc = mdb_cursor_open(txn, db_.base, &cursor); rc != 0)
    return lmdb_error(rc, where("applying"));
  struct cursor_closer {
    MDB_cursor* c;
    ~cursor_closer() { mdb_cursor_close(c); }
  } close_cursor{cursor};
  auto start = steady::now();
  std::size_t pages = 0, rows = 0;
  while (pages < slice_pages && (++rows % 64 != 0 || steady::now() - start < slice_time)) {
    WEIR_ASSIGN(auto row, merge->next());
    if (!row) {
      finished = true;
      break;
    }
    WEIR_ASSIGN(bool done, merge_row(cursor, *row, pages));
    progress.position.assign(row->row_key);
    if (!done) {
      // A range that is not deleted to its end: the next slice comes to the same tombstone again.
      return success();
    }
    progress.position.push_back('\0');
  }
  if (!finished)
    merge_ = std::move(merge);
  return success();
}

result<bool> lmdb_job_store::merge_row(MDB_cursor* cursor, const delta_merge::row& row, std::size_t& pages) {
  auto k = to_val(row.row_key);
  MDB_val v{};
  auto failed = [this](int rc) { return lmdb_error(rc, where("applying a row")); };
  // Rows come in page order, so another page than the last one is a newly dirtied one.
  auto touched = [&](const void* p) {
    auto page = reinterpret_cast<std::uintptr_t>(p) / page_size;
    pages += page != last_page_;
    last_page_ = page;
  };
  switch (row.action) {
    case row_action::put:
    case row_action::declare: {
      v.mv_size = row.value.size() + base_checksum_size;
      if (int rc = mdb_cursor_put(cursor, &k, &v, MDB_RESERVE); rc != 0)
        return failed(rc);
      auto* to = static_cast<unsigned char*>(v.mv_data);
      auto sum = base_checksum(row.row_key, row.value);
      for (std::size_t i = 0; i < base_checksum_size; ++i)
        to[i] = static_cast<unsigned char>(sum >> (8 * i));
      std::memcpy(to + base_checksum_size, row.value.data(), row.value.size());
      touched(to);
      pages += row.value.size() / page_size;
      return true;
    }
    case row_action::erase: {
      int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
      if (rc == MDB_NOTFOUND)
        return true;
      if (rc == 0) {
        touched(v.mv_data);
        rc = mdb_cursor_del(cursor, 0);
      }
      if (rc != 0)
        return failed(rc);
      return true;
    }
    case row_action::drop_until: {
      std::string prefix(row.row_key);
      auto start = steady::now();
      std::size_t rows = 0;
      int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
      while (rc == 0 && to_view(k).substr(0, prefix.size()) == prefix) {
        auto parts = parse_row_key(state_kind::ordered, to_view(k));
        if (!parts)
          return error{errc::store_corrupt, where("a base row with a short key")};
        if (parts->time > row.until)
          break;
        if (pages >= slice_pages || (++rows % 64 == 0 && steady::now() - start >= slice_time))
          return false;
        touched(v.mv_data);
        rc = mdb_cursor_del(cursor, 0);
        // After a deletion the cursor is at the row that followed, or behind its page's last one.
        if (rc == 0)
          rc = mdb_cursor_get(cursor, &k, &v, MDB_GET_CURRENT);
        if (rc == EINVAL || rc == MDB_NOTFOUND) {
          k = to_val(prefix);
          rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        }
      }
      if (rc != 0 && rc != MDB_NOTFOUND)
        return failed(rc);
      return true;
    }
  }
  return true;
}

result<> lmdb_job_store::finish_merge(MDB_txn* txn, const apply_state& progress) {
  for (const auto& ref : merge_chunks_)
    WEIR_TRY(delete_value(txn, db_.delta, number_key(ref.sequence)));
  // The newest applied checkpoint stays known: it is the base itself.
  for (const auto& [number, known] : complete_)
    if (number < progress.target)
      WEIR_TRY(delete_value(txn, db_.manifest, number_key(number)));
  for (auto number : damaged_)
    if (number < progress.target)
      WEIR_TRY(delete_value(txn, db_.manifest, number_key(number)));
  return success();
}

void lmdb_job_store::after_merge(std::uint64_t applied_end) {
  {
    std::set<std::uint64_t> gone;
    for (const auto& ref : merge_chunks_)
      gone.insert(ref.sequence);
    std::lock_guard lock(chunk_index_->mutex);
    std::erase_if(chunk_index_->sequence_of, [&](const auto& e) { return gone.count(e.second) != 0; });
  }
  complete_.erase(complete_.begin(), complete_.lower_bound(applied_end - 1));
  damaged_.erase(damaged_.begin(), damaged_.lower_bound(applied_end - 1));
  if (auto it = complete_.find(applied_end - 1); it != complete_.end())
    it->second = {};
  merge_chunks_.clear();
  merge_.reset();
  merge_checked_ = false;
}

} // namespace weir::storage_detail
