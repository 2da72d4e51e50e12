#include <algorithm>
#include <weir/core/fail_point.hpp>
#include <weir/storage/lmdb_job_store.hpp>

namespace weir::storage_detail {
namespace {

constexpr std::size_t transaction_limit = std::size_t{16} << 20;
constexpr std::size_t chunk_limit = std::size_t{1} << 30; // LMDB lengths are 32 bits.

} // namespace

result<std::uint64_t> lmdb_job_store::stage(MDB_dbi dbi, const participant_id& who, std::string_view chunk) {
  if (chunk.size() > chunk_limit)
    return error{errc::too_large, where("a chunk of " + std::to_string(chunk.size()) + " bytes")};
  bool delta = dbi == db_.delta;
  auto& c = counters_[who];
  auto& next = delta ? c.delta_next : c.outbox_next;
  auto value = encode_chunk({who, incarnation_, next, chunk});
  staged s{who, next, {next_sequence_, value.size()}};
  buffer_bytes_ += value.size();
  buffer_.push_back({dbi, next_sequence_, std::move(value)});
  ++next_sequence_;
  (delta ? staged_deltas_ : staged_outboxes_).push_back(s);
  ++next;
  if (buffer_bytes_ >= options_.stage_buffer)
    WEIR_TRY(flush_staged());
  return s.number;
}

result<std::uint64_t> lmdb_job_store::stage_delta(const participant_id& who, std::string_view chunk) {
  return stage(db_.delta, who, chunk);
}

result<std::uint64_t> lmdb_job_store::stage_outbox(const participant_id& who, std::string_view chunk) {
  return stage(db_.outbox, who, chunk);
}

result<> lmdb_job_store::write_buffer(MDB_txn* txn, std::size_t from, std::size_t to) {
  for (auto i = from; i < to; ++i)
    WEIR_TRY(write_value(txn, buffer_[i].dbi, number_key(buffer_[i].sequence), buffer_[i].value));
  return success();
}

result<> lmdb_job_store::flush_staged() {
  while (!buffer_.empty()) {
    std::size_t end = 0, bytes = 0;
    while (end < buffer_.size() && (end == 0 || bytes + buffer_[end].value.size() <= transaction_limit))
      bytes += buffer_[end++].value.size();
    WEIR_TRY(env_->write(commit_kind::ordered, [&](MDB_txn* txn) { return write_buffer(txn, 0, end); }));
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(end));
    buffer_bytes_ -= bytes;
    WEIR_TRY(hit(fail_point::stage_after_commit));
  }
  std::lock_guard lock(chunk_index_->mutex);
  for (const auto& s : staged_deltas_)
    chunk_index_->sequence_of.emplace(std::pair{s.who, s.number}, s.ref.sequence);
  return success();
}

std::function<result<std::string>(std::uint64_t)> lmdb_job_store::chunk_reader(const participant_id& who) {
  return [env = env_, index = chunk_index_, delta = db_.delta, who](std::uint64_t number) -> result<std::string> {
    auto name = "chunk " + std::to_string(number) + " of '" + who.vertex + "' " + std::to_string(who.index);
    std::uint64_t sequence = 0;
    {
      std::lock_guard lock(index->mutex);
      auto it = index->sequence_of.find({who, number});
      if (it == index->sequence_of.end())
        return error{errc::not_found, name + ": not in the store"};
      sequence = it->second;
    }
    std::string copy;
    WEIR_TRY(env->read([&](MDB_txn* txn) -> result<> {
      WEIR_ASSIGN(auto bytes, read_value(txn, delta, number_key(sequence)));
      if (!bytes)
        return error{errc::not_found, name + ": not in the store any more"};
      WEIR_ASSIGN(auto payload, unseal(sealed::chunk, *bytes, name));
      WEIR_ASSIGN(auto chunk, decode_chunk(payload));
      copy.assign(chunk.bytes);
      return success();
    }));
    return copy;
  };
}

result<> lmdb_job_store::complete(const checkpoint_manifest& m) {
  auto name = "checkpoint " + std::to_string(m.number);
  if (highest_used_ && m.number <= *highest_used_)
    return error{errc::invalid_argument,
                 where(name + ": number " + std::to_string(*highest_used_) + " is already complete or closed")};
  // Which staged chunks belong to it: those of each participant up to the end it announced.
  std::map<participant_id, const contribution*> of;
  for (const auto& c : m.contributions) {
    if (!of.emplace(c.who, &c).second)
      return error{errc::invalid_argument, where(name + ": '" + c.who.vertex + "' contributes twice")};
    auto it = counters_.find(c.who);
    auto counted = it == counters_.end() ? counters() : it->second;
    if (c.delta_end < counted.delta_done || c.delta_end > counted.delta_next || c.outbox_end < counted.outbox_done ||
        c.outbox_end > counted.outbox_next)
      return error{errc::invalid_argument, where(name + ": '" + c.who.vertex + "' " + std::to_string(c.who.index) +
                                                 " announces chunks that were not staged")};
  }
  auto takes = [&](const staged& s, std::uint64_t contribution::*end) {
    auto it = of.find(s.who);
    return it != of.end() && s.number < it->second->*end;
  };
  manifest_record record{m, {}, next_sequence_};
  epoch_record epoch;
  auto collect = [&](const std::vector<staged>& from, std::uint64_t contribution::*end, std::vector<chunk_ref>& refs) {
    std::vector<const staged*> mine;
    for (const auto& s : from)
      if (takes(s, end))
        mine.push_back(&s);
    std::sort(mine.begin(), mine.end(),
              [](auto* a, auto* b) { return std::tie(a->who, a->number) < std::tie(b->who, b->number); });
    for (auto* s : mine)
      refs.push_back(s->ref);
  };
  collect(staged_deltas_, &contribution::delta_end, record.deltas);
  collect(staged_outboxes_, &contribution::outbox_end, epoch.chunks);

  // What does not fit into the last transaction goes ahead of it: chunks without a manifest mean nothing.
  if (buffer_bytes_ > transaction_limit)
    WEIR_TRY(flush_staged());
  WEIR_ASSIGN(auto copied, copy_checkpoint(record, epoch));
  auto written = env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    WEIR_TRY(write_buffer(txn, 0, buffer_.size()));
    WEIR_TRY(write_copied(txn, copied));
    WEIR_TRY(write_value(txn, db_.manifest, number_key(m.number), encode_manifest(record)));
    if (!epoch.chunks.empty())
      WEIR_TRY(write_value(txn, db_.epoch, number_key(m.number), encode_epoch(epoch)));
    WEIR_TRY(write_published(txn));
    return hit(fail_point::complete_before_commit);
  });
  if (!written) {
    if (copied)
      orphans_.insert(m.number);
    return written.err();
  }
  copied_ = copied.value_or(copied_);
  orphans_.clear();
  after_published_written();
  buffer_.clear();
  buffer_bytes_ = 0;
  highest_used_ = m.number;
  {
    std::lock_guard lock(chunk_index_->mutex);
    for (const auto& s : staged_deltas_)
      chunk_index_->sequence_of.emplace(std::pair{s.who, s.number}, s.ref.sequence);
  }
  std::erase_if(staged_deltas_, [&](const staged& s) { return takes(s, &contribution::delta_end); });
  std::erase_if(staged_outboxes_, [&](const staged& s) { return takes(s, &contribution::outbox_end); });
  for (const auto& c : m.contributions) {
    auto& counted = counters_[c.who];
    counted.delta_done = c.delta_end;
    counted.outbox_done = c.outbox_end;
  }
  auto& known = complete_[m.number];
  known.incarnation = m.incarnation;
  for (const auto& d : record.deltas)
    known.bytes += d.bytes;
  known.deltas = std::move(record.deltas);
  if (!epoch.chunks.empty())
    epochs_[m.number] = std::move(epoch);
  return hit(fail_point::complete_after_commit);
}

result<job_store::verdict> lmdb_job_store::close(std::uint64_t checkpoint) {
  if (closed_.count(checkpoint))
    return verdict::closed;
  if (highest_used_ && checkpoint <= *highest_used_)
    return complete_.count(checkpoint) || checkpoint < apply_.applied_end ? verdict::complete : verdict::closed;
  auto written = env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
    WEIR_TRY(write_value(txn, db_.meta, used_key, sealed_number(checkpoint)));
    return hit(fail_point::close_before_commit);
  });
  if (!written)
    return written.err();
  highest_used_ = checkpoint;
  closed_.insert(checkpoint);
  WEIR_TRY(hit(fail_point::close_after_commit));
  return verdict::closed;
}

result<> lmdb_job_store::set_published(const marker& m) {
  WEIR_TRY(hit(fail_point::published_before_commit));
  published_ = m;
  published_dirty_ = true;
  return success();
}

result<> lmdb_job_store::write_published(MDB_txn* txn) {
  if (!published_dirty_)
    return success();
  WEIR_TRY(hit(fail_point::outbox_delete_before));
  WEIR_TRY(write_value(txn, db_.meta, published_key, encode_marker(*published_)));
  for (const auto& [number, epoch] : epochs_) {
    if (!is_published(number))
      continue;
    WEIR_TRY(delete_value(txn, db_.epoch, number_key(number)));
    for (const auto& c : epoch.chunks)
      WEIR_TRY(delete_value(txn, db_.outbox, number_key(c.sequence)));
  }
  return success();
}

void lmdb_job_store::after_published_written() {
  if (!published_dirty_)
    return;
  std::erase_if(epochs_, [this](const auto& e) { return is_published(e.first); });
  published_dirty_ = false;
}

} // namespace weir::storage_detail
