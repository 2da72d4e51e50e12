#include <xxhash.h>
#include <weir/core/fail_point.hpp>
#include <weir/record/key.hpp>
#include <weir/task/reader_core.hpp>

namespace weir {
namespace {

constexpr std::size_t poll_records = 1024;
constexpr std::size_t poll_bytes = std::size_t{256} << 10;

void keep_bytes(const record_view& r, std::string& out) {
  out.clear();
  byte_writer w(out);
  w.u8(static_cast<std::uint8_t>((r.key ? 1 : 0) | (r.value ? 2 : 0)));
  w.string(r.key.value_or(std::string_view{}));
  w.bytes(r.value.value_or(std::string_view{}));
}

std::uint64_t hash_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

} // namespace

reader_core::reader_core(parts p) : parts_(std::move(p)), position_(parts_.position) {
  parts_.context.output = parts_.output.get();
}

result<> reader_core::open() {
  WEIR_TRY(parts_.operators->open(parts_.context));
  idleness_ = idleness_tracker(parts_.operators->idle_after());
  if (parts_.restored)
    WEIR_TRY(restore());
  tell_others();
  return success();
}

result<> reader_core::restore() {
  // Empty: the checkpoint that was made before the first record.
  if (!position_.chain.empty())
    WEIR_TRY(parts_.operators->restore(position_.chain));
  if (position_.watermark != min_timestamp)
    parts_.output->broadcast([this] { return watermark_frame{position_.watermark}; });
  if (position_.idle) {
    const char flag = 1;
    byte_reader in(std::string_view(&flag, 1));
    if (!idleness_.restore(in))
      return error{errc::store_corrupt, "the idle flag of a partition is damaged"};
    parts_.output->broadcast([] { return status_frame{true}; });
  }
  return success();
}

result<reader_core::step_result> reader_core::step() {
  if (phase_ == reader_phase::stopped)
    return step_result::idle;
  if (blocked_) {
    if (!parts_.output->has_credit() || parts_.operators->waits_until())
      return step_result::idle;
    WEIR_TRY(after_rows(parts_.operators->resume()));
    parts_.output->flush();
    return step_result::more;
  }
  if (!barriers_.empty()) {
    auto b = barriers_.front();
    barriers_.pop_front();
    WEIR_TRY(answer(b));
    return step_result::more;
  }
  if (phase_ == reader_phase::reading && parts_.stop && position_.next_offset >= *parts_.stop) {
    finish();
    return step_result::more;
  }
  if (phase_ != reader_phase::reading || !wake_) {
    parts_.output->flush();
    return step_result::idle;
  }
  waiting_ = parts_.alignment.must_wait();
  if (waiting_ || waits_for_memory() || !parts_.output->has_credit()) {
    idleness_.on_unread();
    parts_.output->flush();
    return step_result::idle;
  }
  WEIR_TRY(poll());
  parts_.output->flush();
  // Nothing may wake a reader that has come to its stop offset: the end is sent in the next step.
  auto at_stop = parts_.stop && position_.next_offset >= *parts_.stop;
  return wake_ || blocked_ || at_stop ? step_result::more : step_result::idle;
}

result<> reader_core::poll() {
  polled_ = 0;
  auto polled = parts_.reader->poll(poll_records, poll_bytes, *this);
  if (failed_)
    return std::move(*std::exchange(failed_, std::nullopt));
  if (!polled) {
    if (polled.err().code == errc::unavailable) {
      // The connector keeps trying by itself and wakes us.
      wake_ = false;
      return success();
    }
    return polled.err().in("topic '" + parts_.topic + "' partition " + std::to_string(parts_.who.index));
  }
  wake_ = polled->more;
  if (at_stop_ && parts_.stop)
    position_.next_offset = std::max(position_.next_offset, *parts_.stop);
  else
    position_.next_offset = std::max(position_.next_offset, polled->next_offset);
  auto status = idleness_.on_poll(polled_ > 0, polled->at_end, parts_.time->monotonic());
  if (polled_ > 0) {
    if (status && !*status)
      parts_.output->broadcast([] { return status_frame{false}; });
    return after_rows(parts_.operators->flush_source());
  }
  if (status && *status)
    parts_.output->broadcast([] { return status_frame{true}; });
  tell_others();
  return success();
}

void reader_core::consume(const record_view& record) {
  if (failed_ || at_stop_)
    return;
  if (parts_.stop && record.offset >= *parts_.stop) {
    at_stop_ = true;
    return;
  }
  if (parts_.check_fingerprint) {
    parts_.check_fingerprint = false;
    if (auto same = check_last(record); !same) {
      failed_ = same.err();
      return;
    }
  }
  if (record.offset < position_.next_offset)
    return;
  if (auto r = parts_.operators->accept_raw(record); !r) {
    failed_ = r.err();
    return;
  }
  ++polled_;
  ++records_;
  position_.next_offset = record.offset + 1;
  if (!position_.last)
    position_.last.emplace();
  position_.last->offset = record.offset;
  position_.last->time_us = record.time.us;
  // Only the last record of a poll can be the last before a barrier.
  if (record.following < 0 || (parts_.stop && record.following >= *parts_.stop))
    keep_bytes(record, last_bytes_);
}

result<> reader_core::check_last(const record_view& record) {
  auto& last = *position_.last;
  if (record.offset != last.offset)
    return success(); // Gone by retention or compaction: that is allowed.
  std::string bytes;
  keep_bytes(record, bytes);
  if (record.time.us == last.time_us && hash_of(bytes) == last.hash)
    return success();
  return error{
      errc::store_foreign,
      "the record at offset " + std::to_string(last.offset) +
          " is not the one the checkpoint was made after: the topic was deleted and made anew. Restore the topic, or start "
          "the job with an empty store directory to process the new topic from its beginning"};
}

result<> reader_core::after_rows(result<progress> p) {
  if (!p)
    return p.err();
  blocked_ = *p == progress::blocked;
  if (!blocked_)
    send_watermark();
  tell_others();
  return success();
}

void reader_core::tell_others() {
  parts_.alignment.report({position_.watermark, idleness_.idle(), phase_ != reader_phase::reading});
}

void reader_core::send_watermark() {
  auto now = parts_.operators->source_watermark();
  if (now <= position_.watermark)
    return;
  position_.watermark = now;
  parts_.output->broadcast([now] { return watermark_frame{now}; });
}

void reader_core::finish() {
  phase_ = reader_phase::ended;
  waiting_ = false;
  tell_others();
  parts_.output->broadcast([] { return end_frame{}; });
  parts_.output->flush();
  parts_.finished();
}

std::string reader_core::save() const {
  auto s = position_;
  s.idle = idleness_.idle();
  s.chain.clear();
  parts_.operators->save(s.chain);
  if (s.last && !last_bytes_.empty())
    s.last->hash = hash_of(last_bytes_);
  return encode(s);
}

result<> reader_core::answer(const barrier_frame& b) {
  WEIR_TRY(hit(fail_point::reader_barrier));
  contribution c;
  c.who = parts_.who;
  c.inline_state = save();
  c.finished = phase_ == reader_phase::ended;
  parts_.output->broadcast([&b] { return barrier_frame{b}; });
  parts_.output->flush();
  WEIR_TRY(hit(fail_point::reader_forwarded));
  if (b.final_barrier)
    phase_ = reader_phase::stopped;
  parts_.acknowledge(b.checkpoint, std::move(c));
  return success();
}

std::optional<duration> reader_core::next_look() const {
  if (blocked_) {
    auto until = parts_.operators->waits_until();
    return until ? std::optional(parts_.time->monotonic() + (*until - parts_.time->now())) : std::nullopt;
  }
  return phase_ == reader_phase::reading ? idleness_.next_look() : std::nullopt;
}

} // namespace weir
