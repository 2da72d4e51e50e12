#include <algorithm>
#include <weir/checkpoint/coordinator.hpp>
#include <weir/checkpoint/planted_bugs.hpp>

namespace weir {

checkpoint_coordinator::checkpoint_coordinator(options o, std::uint64_t next, std::set<participant_id> participants, duration now)
    : options_(o), next_(next), participants_(std::move(participants)), last_begin_(now), last_end_(now - o.min_pause) {}

duration checkpoint_coordinator::due() const { return std::max(last_begin_ + options_.interval, last_end_ + options_.min_pause); }

void checkpoint_coordinator::begin(actions& out, duration now) {
  attempt_ = attempt{};
  attempt_->checkpoint = next_++;
  attempt_->began = now;
  attempt_->final_barrier = final_requested_;
  attempt_->missing = participants_;
  last_begin_ = now;
  // Cleared here and not at the end: what happens from now on may lie behind the barrier.
  activity_ = false;
  now_requested_ = false;
  out.push_back(send_barrier{attempt_->checkpoint, attempt_->final_barrier});
  complete_if_all_acked(out);
}

void checkpoint_coordinator::complete_if_all_acked(actions& out) {
  if (!attempt_->missing.empty())
    return;
  attempt_->now = phase::completing;
  store_complete ask{attempt_->checkpoint, {}, attempt_->final_barrier, !attempt_->got.empty()};
  for (const auto& [who, c] : attempt_->got) {
    ask.ended = ask.ended && c.finished;
    ask.contributions.push_back(c);
  }
  out.push_back(std::move(ask));
}

void checkpoint_coordinator::close(actions& out, std::string why) {
  attempt_->now = phase::closing;
  attempt_->why = std::move(why);
  out.push_back(store_close{attempt_->checkpoint});
}

void checkpoint_coordinator::fail(actions& out, error cause) {
  failed_ = true;
  out.push_back(fail_job{std::move(cause)});
}

void checkpoint_coordinator::begin_if_requested(actions& out, duration now) {
  if (!attempt_ && !stopped_ && !failed_ && (now_requested_ || final_requested_))
    begin(out, now);
}

void checkpoint_coordinator::finish(actions& out, duration now) {
  auto ended = !attempt_->got.empty() && attempt_->missing.empty() &&
               std::all_of(attempt_->got.begin(), attempt_->got.end(), [](const auto& g) { return g.second.finished; });
  out.push_back(announce_complete{attempt_->checkpoint, attempt_->final_barrier, ended});
  stopped_ = attempt_->final_barrier || ended;
  failures_ = 0;
  last_end_ = now;
  attempt_.reset();
  begin_if_requested(out, now);
}

checkpoint_coordinator::actions checkpoint_coordinator::on_tick(duration now) {
  actions out;
  if (stopped_ || failed_)
    return out;
  if (!attempt_) {
    if (now_requested_ || final_requested_ || (activity_ && now >= due()))
      begin(out, now);
  } else if (attempt_->now == phase::collecting && now - attempt_->began >= options_.timeout) {
    const auto& who = *attempt_->missing.begin();
    close(out, "checkpoint " + std::to_string(attempt_->checkpoint) + " timed out: " + std::to_string(attempt_->missing.size()) +
                   " participants did not answer, the first is '" + who.vertex + "' " + std::to_string(who.index));
  }
  return out;
}

void checkpoint_coordinator::on_activity() { activity_ = true; }

checkpoint_coordinator::actions checkpoint_coordinator::on_ack(std::uint64_t checkpoint, contribution c, duration) {
  actions out;
  if (failed_ || !attempt_ || attempt_->now != phase::collecting)
    return out;
  if (attempt_->checkpoint != checkpoint && !planted::active(planted::bug::late_ack_counts))
    return out;
  if (attempt_->missing.erase(c.who) == 0)
    return out;
  auto who = c.who;
  attempt_->got.emplace(std::move(who), std::move(c));
  complete_if_all_acked(out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_completed(std::uint64_t checkpoint, duration now) {
  actions out;
  if (!failed_ && attempt_ && attempt_->checkpoint == checkpoint && attempt_->now == phase::completing)
    finish(out, now);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_closed(std::uint64_t checkpoint, bool was_complete, duration now) {
  actions out;
  if (failed_ || !attempt_ || attempt_->checkpoint != checkpoint || attempt_->now != phase::closing)
    return out;
  if (was_complete) {
    finish(out, now);
    return out;
  }
  auto why = std::move(attempt_->why);
  out.push_back(announce_closed{checkpoint, why});
  attempt_.reset();
  last_end_ = now;
  activity_ = true; // What it would have covered is still to be covered.
  if (++failures_ > options_.tolerated_failures)
    fail(out, {errc::unavailable, std::to_string(failures_) + " checkpoints in a row were closed, the last because: " + why});
  else
    begin_if_requested(out, now);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_store_failed(std::uint64_t checkpoint, const error& e, duration) {
  actions out;
  if (failed_ || !attempt_ || attempt_->checkpoint != checkpoint || attempt_->now == phase::collecting)
    return out;
  auto lost = e.code == errc::unknown_outcome || e.code == errc::store_corrupt || e.code == errc::fenced;
  if (lost || attempt_->now == phase::closing)
    fail(out, e.in("checkpoint " + std::to_string(checkpoint)));
  else
    close(out, "the store did not complete checkpoint " + std::to_string(checkpoint) + ": " + e.message);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_declined(std::uint64_t checkpoint, const participant_id& who,
                                                                    const std::string& why, duration) {
  actions out;
  if (failed_ || !attempt_ || attempt_->checkpoint != checkpoint || attempt_->now != phase::collecting)
    return out;
  if (attempt_->missing.count(who) == 0 && attempt_->got.count(who) == 0)
    return out;
  close(out,
        "'" + who.vertex + "' " + std::to_string(who.index) + " declined checkpoint " + std::to_string(checkpoint) + ": " + why);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::request_now(duration now) {
  actions out;
  now_requested_ = true;
  begin_if_requested(out, now);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::request_final(duration now) {
  actions out;
  final_requested_ = true;
  begin_if_requested(out, now);
  return out;
}

void checkpoint_coordinator::set_participants(std::set<participant_id> participants) {
  if (participants == participants_)
    return;
  participants_ = std::move(participants);
  activity_ = true;
}

std::optional<duration> checkpoint_coordinator::next_tick() const {
  if (stopped_ || failed_)
    return std::nullopt;
  if (attempt_)
    return attempt_->now == phase::collecting ? std::optional(attempt_->began + options_.timeout) : std::nullopt;
  return activity_ ? std::optional(due()) : std::nullopt;
}

std::optional<checkpoint_coordinator::running_info> checkpoint_coordinator::running() const {
  if (!attempt_)
    return std::nullopt;
  return running_info{attempt_->checkpoint, attempt_->began, {attempt_->missing.begin(), attempt_->missing.end()}};
}

bool checkpoint_coordinator::stopped() const { return stopped_; }

} // namespace weir
