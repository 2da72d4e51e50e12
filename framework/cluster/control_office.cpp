#include <weir/checkpoint/planted_bugs.hpp>
#include <weir/cluster/control_office.hpp>

namespace weir::cluster {

namespace {
constexpr unsigned retriable_attempts = 5;
} // namespace

append_step after_append(append_outcome outcome, unsigned attempts) {
  switch (outcome) {
    case append_outcome::committed:
      return append_step::done;
    case append_outcome::retriable:
      return attempts < retriable_attempts ? append_step::again : append_step::look;
    case append_outcome::replaced:
      return append_step::leave;
    case append_outcome::unknown:
      break;
  }
  return append_step::look;
}

look_step after_look(const cluster_state& read, std::uint64_t own_term, std::uint64_t serial) {
  if (read.term() != own_term)
    return look_step::leave;
  return read.last_serial() >= serial ? look_step::landed : look_step::again;
}

void control_office::take(std::function<void()> then) {
  log_->take([this, era = era_, then = std::move(then)](const result<>& taken) {
    if (era != era_)
      return;
    if (!taken && taken.err().code != errc::unavailable)
      return step_down(taken.err());
    if (!taken)
      return take(then);
    then();
  });
}

void control_office::read_then(std::function<void()> then) {
  look([this, era = era_, then = std::move(then)](const result<>& read) {
    if (era != era_)
      return;
    if (!read && read.err().code != errc::unavailable)
      return step_down(read.err());
    if (!read)
      return read_then(then);
    then();
  });
}

void control_office::look(answer done) {
  waiting_.push_back(std::move(done));
  // One under way may have asked for the end before what the caller wants to see was written.
  if (!reading_)
    read();
}

void control_office::read() {
  reading_ = true;
  readers_ = std::exchange(waiting_, {});
  log_->read(state_.next_offset(), [this](const result<std::vector<control_entry_at>>& entries) {
    result<> how = success();
    if (!entries)
      how = entries.err();
    else
      for (const auto& e : *entries)
        if (auto applied = state_.apply(e); !applied) {
          how = applied.err();
          break;
        }
    reading_ = false;
    // Whoever sleeps behind its commit reads of its successor here, before it speaks for anybody again.
    if (standing_ == standing::in && state_.term() != term_)
      step_down({errc::fenced, "'" + state_.leader().node + "' has taken the lead"});
    auto answered = std::exchange(readers_, {});
    if (!waiting_.empty())
      read();
    for (auto& done : answered)
      done(how);
  });
}

void control_office::enter(std::uint64_t nonce, answer done) {
  if (standing_ != standing::out)
    leave();
  ++era_;
  standing_ = standing::entering;
  nonce_ = nonce;
  entered_ = std::move(done);
  take([this] { read_then([this] { write_term(); }); });
}

void control_office::write_term() {
  auto before = state_.leader().nonce;
  control_record r{{{0, 0}, 0}, term_record{node_, nonce_}};
  log_->append({encode_control(r)}, [this, era = era_, before](append_outcome outcome) {
    if (era != era_)
      return;
    if (outcome == append_outcome::replaced)
      return step_down({errc::fenced, "another node has taken the lead before '" + node_ + "' could"});
    auto judge = [this, before] {
      if (state_.leader().nonce == nonce_) {
        term_ = state_.term();
        serial_ = 0;
        standing_ = standing::in;
        return entered(success());
      }
      if (state_.leader().nonce != before)
        return step_down({errc::fenced, "'" + state_.leader().node + "' has taken the lead before '" + node_ + "' could"});
      write_term();
    };
    if (outcome == append_outcome::unknown)
      return take([this, judge] { read_then(judge); });
    read_then(judge);
  });
}

void control_office::entered(result<> how) {
  if (auto done = std::exchange(entered_, nullptr))
    done(std::move(how));
}

void control_office::leave() {
  if (standing_ != standing::out)
    step_down({errc::fenced, "'" + node_ + "' has given up the lead"});
}

void control_office::step_down(const error& why) {
  ++era_;
  standing_ = standing::out;
  term_ = 0;
  busy_ = false;
  auto unfinished = std::exchange(queue_, {});
  entered(why);
  for (auto& j : unfinished)
    j.done(why);
}

void control_office::commit(std::uint64_t attempt, std::vector<control_body> bodies, answer done) {
  queue_.push_back({attempt, std::move(bodies), {}, std::move(done)});
  pump();
}

void control_office::remove(std::vector<std::string> keys, answer done) {
  queue_.push_back({0, {}, std::move(keys), std::move(done)});
  pump();
}

void control_office::pump() {
  if (busy_ || queue_.empty())
    return;
  if (standing_ != standing::in)
    return step_down({errc::fenced, "'" + node_ + "' does not lead"});
  busy_ = true;
  queue_.front().serial = serial_ += queue_.front().bodies.size();
  append();
}

void control_office::append() {
  auto& j = queue_.front();
  ++j.attempts;
  std::vector<control_entry> entries;
  auto serial = j.serial - j.bodies.size();
  for (const auto& body : j.bodies)
    entries.push_back(encode_control({{{term_, j.attempt}, ++serial}, body}));
  for (const auto& key : j.removed)
    entries.push_back({key, std::nullopt});
  log_->append(entries, [this, era = era_](append_outcome outcome) {
    if (era == era_)
      came_back(outcome);
  });
}

void control_office::came_back(append_outcome outcome) {
  if (outcome == append_outcome::unknown && planted::active(planted::bug::unknown_append_failed))
    return finish(error{errc::unavailable, "the control topic did not answer"});
  switch (after_append(outcome, queue_.front().attempts)) {
    case append_step::done:
      return read_then([this] { finish(success()); });
    case append_step::again:
      return append();
    case append_step::look:
      return look_for_it();
    case append_step::leave:
      return step_down({errc::fenced, "the broker refused '" + node_ + "' as leader: another node has taken the lead"});
  }
}

void control_office::look_for_it() {
  take([this] {
    read_then([this] {
      auto& j = queue_.front();
      j.attempts = 0;
      switch (after_look(state_, term_, j.serial)) {
        case look_step::landed:
          // A tombstone leaves no serial; written twice it says the same.
          return j.removed.empty() ? finish(success()) : append();
        case look_step::again:
          return append();
        case look_step::leave:
          return step_down({errc::fenced, "'" + state_.leader().node + "' has taken the lead"});
      }
    });
  });
}

void control_office::finish(result<> how) {
  auto j = std::move(queue_.front());
  queue_.pop_front();
  busy_ = false;
  j.done(std::move(how));
  pump();
}

} // namespace weir::cluster
