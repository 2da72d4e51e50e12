#include "actors/hosting/host_core.hpp"
#include <algorithm>
#include <weir/caf.hpp>

namespace weir {
namespace {

// A request's id: partition, try, number of the event modulo a width that no window comes near.
constexpr unsigned number_bits = 38, attempt_bits = 8;
constexpr std::uint64_t number_mask = (std::uint64_t{1} << number_bits) - 1;
constexpr std::uint64_t attempt_mask = (std::uint64_t{1} << attempt_bits) - 1;
constexpr std::uint64_t drain_id = most_request_id;

std::uint64_t id_of(std::size_t partition, unsigned attempt, std::uint64_t number) {
  return std::uint64_t{partition} << (number_bits + attempt_bits) | (attempt & attempt_mask) << number_bits |
         (number & number_mask);
}

/// So many times in_flight may lie between the lowest event that is not done and the next to be read.
constexpr std::size_t ahead_factor = 64;
/// More than that, and the actor publishes faster than the topics take.
constexpr std::size_t most_open_publishes = 100'000;
/// An error of these may come from the actor's death, which is no answer: for so long nothing follows from it.
constexpr duration doubt = std::chrono::seconds(1);
bool may_be_death(const caf::error& e) {
  return e.category() == caf::make_error(caf::exit_reason::kill).category() || e == caf::sec::request_receiver_down;
}

/// Time between two looks at events without an answer.
constexpr duration look_interval = std::chrono::milliseconds(250);
/// An event that has no answer for so long is shown; earlier if half its time-out is over.
constexpr duration long_time = std::chrono::seconds(5);

} // namespace

host_core::host_core(parts p)
    : parts_(std::move(p)),
      appender_(std::move(parts_.outputs),
                [this](std::uint64_t call, std::optional<ask_error> failed) { on_appended(call, std::move(failed)); }),
      written_(parts_.service->outputs),
      failed_tries_(parts_.shared->counter("weir.failed_tries")),
      late_tries_(parts_.shared->counter("weir.timed_out_tries")),
      skipped_(parts_.shared->counter("weir.skipped_events")),
      letters_(parts_.shared->counter("weir.dead_letters")) {
  partitions_.reserve(parts_.partitions.size());
  for (auto& from : parts_.partitions) {
    const auto& s = parts_.service->subscriptions[from.source];
    event_window<event> window(from.next_offset, s.in_flight, ahead_factor * s.in_flight);
    partitions_.push_back({std::move(from), &s, std::move(window), {}, {}, {}, true, false, 0, 0});
    auto& made = partitions_.back();
    made.ended = made.parts.stop && made.parts.next_offset >= *made.parts.stop;
  }
  parts_.partitions.clear();
}

std::string host_core::place_of(const partition& p, std::int64_t offset) const {
  return *p.from->topic + "/" + std::to_string(p.parts.partition) + " offset " + std::to_string(offset);
}

void host_core::fail(errc code, const std::string& place, const std::string& why) {
  if (failed_)
    return;
  failed_ = error{code, (place.empty() ? "" : "event " + place + ": ") + why};
}

result<> host_core::step() {
  more_ = false;
  answers_.clear();
  static_cast<answer_box*>(caf::actor_cast<caf::abstract_actor*>(parts_.box))->take(answers_);
  for (const auto& a : answers_)
    on_answer(a);
  auto now = parts_.time->monotonic();
  on_due(now);
  for (std::size_t i = 0; i < partitions_.size() && !failed_; ++i) {
    send_waiting(i);
    poll(i);
  }
  auto open = appender_.open();
  if (auto written = appender_.poll(); !written && !failed_)
    fail(written.err().code, "", written.err().message);
  more_ = more_ || appender_.open() < open; // A letter that is out makes room.
  finish();
  look_at_unanswered(now);
  show();
  if (failed_)
    return *failed_;
  return success();
}

void host_core::on_answer(const event_answer& a) {
  if (a.id == drain_id) {
    answered_drain_ = true;
    if (a.failed)
      fail(errc::user_code_failed, "", "the actor failed to drain: " + parts_.system->render(*a.failed));
    return;
  }
  auto index = a.id >> (number_bits + attempt_bits);
  auto attempt = a.id >> number_bits & attempt_mask;
  if (index >= partitions_.size())
    return;
  auto& p = partitions_[index];
  auto number = p.window.first() + ((a.id - p.window.first()) & number_mask);
  auto* e = p.window.find(number);
  // What is done or on its way to the dead letters has its end. A late answer of an earlier try counts when it is a good one.
  if (e == nullptr || e->state == event_state::done || e->state == event_state::letter)
    return;
  if (!a.failed) {
    ++answered_;
    p.window.close(*e);
  } else if (e->state == event_state::open && (e->attempt & attempt_mask) == attempt) {
    if (may_be_death(*a.failed)) {
      retries_.emplace(parts_.time->monotonic() + doubt, retry{index, number, e->attempt});
      return;
    }
    failed_try(index, number, *e, "answered with an error: " + parts_.system->render(*a.failed));
  }
}

void host_core::on_due(duration now) {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    auto& p = partitions_[i];
    while (!p.deadlines.empty()) {
      auto d = p.deadlines.front();
      auto* e = p.window.find(d.number);
      auto stands = e != nullptr && e->state == event_state::open && e->attempt == d.attempt;
      if (stands && d.at > now)
        break;
      p.deadlines.pop_front();
      if (!stands)
        continue;
      late_tries_->fetch_add(1, std::memory_order_relaxed);
      failed_try(i, d.number, *e, "no answer within " + std::to_string(p.from->timeout.count() / 1000) + " ms");
    }
  }
  while (!retries_.empty() && retries_.begin()->first <= now) {
    auto r = retries_.begin()->second;
    auto& p = partitions_[r.partition];
    auto* e = p.window.find(r.number);
    retries_.erase(retries_.begin());
    if (e == nullptr)
      continue;
    if (r.doubtful == 0 && e->state == event_state::resting)
      send(r.partition, r.number, *e);
    if (r.doubtful != 0 && e->state == event_state::open && e->attempt == r.doubtful)
      failed_try(r.partition, r.number, *e, "answered with the end of another actor");
  }
}

void host_core::failed_try(std::size_t index, std::uint64_t number, entry& e, const std::string& reason) {
  auto& p = partitions_[index];
  const auto& policy = p.from->failures;
  failed_tries_->fetch_add(1, std::memory_order_relaxed);
  if (e.attempt < policy.tries.attempts) {
    p.window.rest(e);
    retries_.emplace(parts_.time->monotonic() + policy.tries.backoff, retry{index, number, 0});
    return;
  }
  auto what = reason + " (" + std::to_string(e.attempt) + (e.attempt == 1 ? " try)" : " tries)");
  switch (policy.action) {
    case error_action::fail:
      return fail(errc::user_code_failed, place_of(p, e.offset), what);
    case error_action::skip:
      parts_.log.warning("an event is skipped", {{"event", place_of(p, e.offset)}, {"cause", what}});
      skipped_->fetch_add(1, std::memory_order_relaxed);
      return p.window.close(e);
    case error_action::dead_letter: {
      auto letter = std::move(*e.event.raw);
      letter.headers = letter_headers(p, e.offset, std::move(letter.headers), "refused", what);
      p.window.write(e);
      return append_letter(*p.from->failure_letters, std::move(letter), index, number);
    }
  }
}

header_list host_core::letter_headers(const partition& p, std::int64_t offset, header_list own, const char* reason,
                                      const std::string& what) const {
  own.emplace_back("weir.origin.topic", *p.from->topic);
  own.emplace_back("weir.origin.partition", std::to_string(p.parts.partition));
  own.emplace_back("weir.origin.offset", std::to_string(offset));
  own.emplace_back("weir.reason", reason);
  own.emplace_back("weir.operator", p.from->name);
  own.emplace_back("weir.error", what);
  return own;
}

void host_core::append_letter(std::size_t output, raw_record letter, std::size_t index, std::uint64_t number) {
  auto call = next_call_++;
  calls_[call] = {output, [this, index, number](const std::optional<std::string>& failed) {
                    auto& p = partitions_[index];
                    auto* e = p.window.find(number);
                    if (failed)
                      return fail(errc::user_code_failed, place_of(p, e->offset), "its dead letter was not written: " + *failed);
                    letters_->fetch_add(1, std::memory_order_relaxed);
                    p.window.close(*e);
                  }};
  appender_.append(call, output, std::move(letter));
}

void host_core::publish(detail::publish_order order, std::function<void(std::optional<std::string>)> done) {
  if (order.refused)
    return done("not published: " + order.refused->message);
  if (order.output >= written_.size())
    return done("not published: this service has no such publication");
  if (appender_.open() >= most_open_publishes)
    return done("not published: " + std::to_string(most_open_publishes) + " records wait for their topics already");
  auto call = next_call_++;
  calls_[call] = {order.output, std::move(done)};
  appender_.append(call, order.output, std::move(order.record));
}

void host_core::on_appended(std::uint64_t call, std::optional<ask_error> failed) {
  auto found = calls_.find(call);
  if (found == calls_.end())
    return;
  auto a = std::move(found->second);
  calls_.erase(found);
  if (!failed)
    ++written_[a.output];
  a.done(failed ? std::optional(failed->message) : std::nullopt);
}

void host_core::send(std::size_t index, std::uint64_t number, entry& e) {
  auto& p = partitions_[index];
  p.window.send(e);
  p.deadlines.push_back({parts_.time->monotonic() + p.from->timeout, number, e.attempt});
  ++p.sent;
  ask_for(parts_.target, parts_.box, id_of(index, e.attempt, number),
          e.attempt == 1 ? e.event.message : p.from->again(e.event.message, e.attempt));
}

void host_core::send_waiting(std::size_t index) {
  auto& p = partitions_[index];
  while (!p.waiting.empty() && p.window.may_send()) {
    auto number = p.waiting.front();
    p.waiting.pop_front();
    send(index, number, *p.window.find(number));
  }
}

void host_core::poll(std::size_t index) {
  auto& p = partitions_[index];
  auto room = p.window.room();
  // A few at a time rather than one by one: a poll costs more than a record.
  if (p.unreadable && p.window.undone() == 0)
    return fail(p.unreadable->code, "", p.unreadable->message);
  if (draining_ || p.unreadable || p.ended || room == 0 || (room < p.from->in_flight / 4 && p.window.undone() > 0))
    return;
  if (!p.more && !p.parts.woken->exchange(false))
    return;
  polled_ = &p;
  auto polled = p.parts.reader->poll(room, parts_.poll_bytes, *this);
  polled_ = nullptr;
  if (failed_)
    return;
  if (p.unreadable) {
    more_ = more_ || p.window.undone() == 0;
    return;
  }
  if (!polled) {
    p.more = false;
    // The connector keeps trying by itself and wakes us.
    if (polled.err().code != errc::unavailable)
      fail(polled.err().code, "",
           "topic '" + *p.from->topic + "' partition " + std::to_string(p.parts.partition) + ": " + polled.err().message);
    return;
  }
  p.more = polled->more;
  auto next = p.parts.stop ? std::min(polled->next_offset, *p.parts.stop) : polled->next_offset;
  p.window.read_up_to(next);
  p.ended = p.parts.stop && next >= *p.parts.stop;
  more_ = more_ || (p.more && !p.ended && p.window.room() > 0 && p.window.undone() == 0);
}

void host_core::consume(const record_view& record) {
  auto& p = *polled_;
  if (failed_ || p.unreadable || (p.parts.stop && record.offset >= *p.parts.stop))
    return;
  ++p.read;
  const auto& from = *p.from;
  if (!record.value && !from.takes_tombstones && from.without_value == tombstones::skip) {
    skipped_->fetch_add(1, std::memory_order_relaxed);
    return p.window.close(*p.window.find(p.window.read(record.offset, {})));
  }
  auto message = from.decode(record, from.topic);
  if (!message)
    return reject(p, record, message.err());
  event e{std::move(*message), nullptr};
  if (from.failure_letters) {
    e.raw = std::make_unique<raw_record>();
    if (auto kept = decode_record(record, *e.raw); !kept)
      return reject(p, record, kept.err());
  }
  p.waiting.push_back(p.window.read(record.offset, std::move(e)));
  send_waiting(index_of(p));
}

void host_core::reject(partition& p, const record_view& record, const error& e) {
  switch (p.from->errors.action) {
    case error_action::fail:
      p.unreadable = error{e.code, "event " + place_of(p, record.offset) + ": " + e.message};
      return;
    case error_action::skip:
      skipped_->fetch_add(1, std::memory_order_relaxed);
      return p.window.close(*p.window.find(p.window.read(record.offset, {})));
    case error_action::dead_letter: {
      raw_record letter;
      if (record.key)
        letter.key = std::string(*record.key);
      if (record.value)
        letter.value = std::string(*record.value);
      letter.time = record.time;
      letter.headers = letter_headers(p, record.offset, record.headers.unpack(), "unreadable", e.message);
      auto number = p.window.read(record.offset, {});
      p.window.write(*p.window.find(number));
      return append_letter(*p.from->error_letters, std::move(letter), index_of(p), number);
    }
  }
}

void host_core::finish() {
  if (drained_ || failed_)
    return;
  auto over = std::all_of(partitions_.begin(), partitions_.end(),
                          [this](const partition& p) { return p.window.undone() == 0 && (draining_ || p.ended); });
  // Without an input there is no end to it but a stop.
  if (!over || (partitions_.empty() && !draining_) || appender_.open() > 0)
    return;
  draining_ = true;
  if (!parts_.service->asked_to_drain || answered_drain_) {
    drained_ = true;
  } else if (!asked_to_drain_) {
    asked_to_drain_ = true;
    ask_for(parts_.target, parts_.box, drain_id, caf::make_message(caf_drain{}));
  }
}

std::optional<duration> host_core::next_look() const {
  std::optional<duration> at;
  auto sooner = [&at](duration d) { at = at ? std::min(*at, d) : d; };
  if (!retries_.empty())
    sooner(retries_.begin()->first);
  for (const auto& p : partitions_)
    if (!p.deadlines.empty())
      sooner(p.deadlines.front().at);
  if (at || showing_unanswered_)
    sooner(looked_ + look_interval);
  return at;
}

void host_core::look_at_unanswered(duration now) {
  if (now - looked_ < look_interval)
    return;
  looked_ = now;
  std::string text;
  auto longest = duration{0};
  for (auto& p : partitions_) {
    // Those in front that are answered are dropped here too, so that a front is an open event.
    for (; !p.deadlines.empty(); p.deadlines.pop_front()) {
      const auto& d = p.deadlines.front();
      const auto* e = p.window.find(d.number);
      if (e == nullptr || e->state != event_state::open || e->attempt != d.attempt)
        continue;
      auto age = now - (d.at - p.from->timeout);
      if (age >= std::min(p.from->timeout / 2, long_time) && age > longest) {
        longest = age;
        text = "event " + place_of(p, e->offset) + " has no answer since " + std::to_string(age.count() / 1000) + " ms";
      }
      break;
    }
  }
  if (text.empty() && !showing_unanswered_)
    return;
  showing_unanswered_ = !text.empty();
  parts_.shared->set_unanswered(std::move(text));
}

void host_core::show() {
  std::uint64_t sent = 0, read = 0, open = 0, written = 0;
  for (auto& p : partitions_) {
    p.parts.meter.report(p.read, p.sent, {&p.sent, 1});
    auto& f = p.parts.meter.figures();
    f.next_offset.store(p.window.lowest_not_done(), std::memory_order_relaxed);
    auto behind = p.parts.reader->lag();
    f.lag.store(behind < 0 ? behind : behind + static_cast<std::int64_t>(p.window.undone()), std::memory_order_relaxed);
    f.state.store(p.ended ? partition_state::ended : partition_state::reading, std::memory_order_relaxed);
    p.parts.open->undone.store(p.window.undone(), std::memory_order_relaxed);
    p.parts.open->lowest_not_done.store(p.window.lowest_not_done(), std::memory_order_release);
    sent += p.sent;
    read += p.read;
    open += p.window.open();
  }
  for (std::size_t i = 0; i < written_.size(); ++i) {
    parts_.output_meters[i].report(written_[i], written_[i], {});
    written += written_[i];
  }
  parts_.meter.report(sent, written, written_);
  auto& shared = *parts_.shared;
  shared.records_in.fetch_add(read - std::exchange(told_in_, read), std::memory_order_relaxed);
  shared.records_out.fetch_add(written - std::exchange(told_out_, written), std::memory_order_relaxed);
  shared.open_events.store(open, std::memory_order_relaxed);
}

} // namespace weir
