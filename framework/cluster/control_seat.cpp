#include <weir/cluster/control_seat.hpp>

namespace weir::cluster {

namespace {

std::string sentence(lead_watch::verdict v) {
  switch (v) {
    case lead_watch::verdict::lead:
      break;
    case lead_watch::verdict::frozen:
      return "this node did not run for a while";
    case lead_watch::verdict::no_kafka:
      return "the control topic's broker does not answer this node";
    case lead_watch::verdict::no_directory:
      return "the shared directory does not answer this node";
    case lead_watch::verdict::alone:
      return "this node sees no peer while the control topic shows others alive";
  }
  return {};
}

} // namespace

control_seat::control_seat(lead_source& source, control_log& log, options o)
    : source_(&source), options_(std::move(o)), office_(log, options_.node), watch_(options_.times) {}

void control_seat::turn(duration now, const surroundings& s) {
  if (replaced_)
    return;
  auto frozen = last_turn_ && now - *last_turn_ > options_.times.keep_alive + options_.times.jump;
  last_turn_ = now;
  log_answered_ = s.log_answered;
  // Before the poll: its answer is of the time before the sleep.
  if (office_.now() != control_office::standing::out)
    watch(now, frozen, s);
  auto held = source_->poll();
  if (held == lead_source::standing::replaced) {
    replaced_ = true;
    why_left_ = "another process has joined in this node's name";
    office_.leave();
  } else if (held != lead_source::standing::holds && office_.now() != control_office::standing::out) {
    why_left_ = "the group has given the lead to another node";
    office_.leave();
  } else if (now >= rests_until_ && now - s.log_answered <= options_.times.give_up && has_read_) {
    source_->rejoin();
    if (held == lead_source::standing::holds && office_.now() == control_office::standing::out)
      office_.enter(options_.random(), [this](const result<>& r) {
        if (!r)
          why_left_ = r.err().message;
      });
  }
  tell();
  look(now);
  if (s.hears_leader || leads())
    leader_heard_ = now;
  if (options_.say && has_read_ && now - leader_heard_ > options_.times.lost && now >= next_beat_) {
    next_beat_ = now + options_.times.keep_alive;
    control_record r{{}, alive_record{options_.node, options_.start, ++beat_}};
    options_.say(encode_control(r));
  }
}

void control_seat::watch(duration now, bool frozen, const surroundings& s) {
  lead_watch::facts f;
  f.now = now;
  f.kafka_answered = s.log_answered;
  f.directory_answered = s.directory_answered;
  f.peers_seen = s.peers;
  f.alive_in_topic = alive_elsewhere(now);
  f.was_frozen = frozen;
  if (auto v = watch_.decide(f); v != lead_watch::verdict::lead)
    give_up(now, sentence(v));
}

std::size_t control_seat::alive_elsewhere(duration now) {
  std::size_t n = 0;
  for (const auto& [node, offset] : office_.state().alive()) {
    auto [it, first] = signs_.try_emplace(node, sign{offset, now - options_.times.lost - duration{1}});
    if (!first && it->second.offset != offset)
      it->second = {offset, now};
    n += node != options_.node && now - it->second.at <= options_.times.lost ? 1 : 0;
  }
  return n;
}

void control_seat::give_up(duration now, const std::string& why) {
  if (office_.now() == control_office::standing::out)
    return;
  options_.log.warning("gives up the lead", {{"why", why}});
  why_left_ = why;
  office_.leave();
  source_->give_up();
  rests_until_ = now + options_.rest + duration{static_cast<std::int64_t>(options_.random() % (options_.rest.count() + 1))};
  tell();
}

void control_seat::tell() {
  if (leads() == told_in_)
    return;
  told_in_ = leads();
  if (told_in_) {
    why_left_ = "another node has taken the lead";
    options_.log.info("leads the cluster", {{"term", office_.term()}});
    if (options_.entered)
      options_.entered();
    return;
  }
  options_.log.info("leads the cluster no more", {{"why", why_left_}});
  if (options_.left)
    options_.left(why_left_);
}

void control_seat::look(duration now) {
  if (looking_ || now < next_look_)
    return;
  looking_ = true;
  next_look_ = now + options_.times.keep_alive;
  office_.look([this](const result<>& r) {
    looking_ = false;
    auto trouble = r ? std::string{} : r.err().message;
    if (!trouble.empty() && trouble != trouble_)
      options_.log.warning("the control topic cannot be read", {{"why", trouble}});
    trouble_ = trouble;
    has_read_ = has_read_ || r.ok();
  });
}

} // namespace weir::cluster
