#include "actors/nodes/node_speaker.hpp"
#include <set>
#include <weir/cluster/service_placement.hpp>
#include <weir/core/clock.hpp>

namespace weir {
namespace {

duration now() { return system_clock().monotonic(); }

node_answer no_leader(const std::string& leader) {
  return answer_of(error{errc::unavailable, leader.empty() ? "the cluster has no leader yet; try again"
                                                           : "the leader, node '" + leader + "', is not connected; try again"});
}

} // namespace

void speaker_state::start(speaker_options o) {
  options = std::move(o);
  node_asks_options a;
  a.self = options.self;
  a.most_open = options.most_asks;
  a.ask_here = options.ask_here ? options.ask_here : [](const auto&...) { return false; };
  a.known = [board = options.board](const std::string& service) {
    auto seen = board->look();
    return seen.control && !cluster::service_owner(*seen.control, service).empty();
  };
  asks = std::make_unique<node_asks>(self, std::move(a), peers);
  tick();
}

void speaker_state::up(const peer_link& l) {
  peers[l.node] = l;
  options.board->change([&](auto& v) { v.links[l.node] = {true, ""}; });
}

void speaker_state::down(const msg::peer_down& m) {
  peers.erase(m.node);
  reports.erase(m.node);
  asks->lost(m.node);
  options.board->change([&](auto& v) {
    v.links[m.node] = {false, m.why};
    v.reports.erase(m.node);
  });
}

void speaker_state::tick() {
  self->delayed_send(self, options.interval, msg::speaker_tick{});
  speak();
}

void speaker_state::speak() {
  auto at = now();
  auto seen = options.board->look();
  auto& mine = options.report;
  mine.hears.clear();
  for (const auto& [name, p] : peers)
    mine.hears.push_back(name);
  const auto reads = options.seated ? seen.control && seen.trouble.empty() && at - seen.log_answered <= options.lost_after
                                    : peers.contains(options.appointed_leader);
  mine.control = reads && !seen.ends;
  mine.leaving = seen.leaving;
  mine.directory = at - seen.directory_answered <= options.lost_after;
  mine.term = seen.control ? seen.control->term() : 0;
  if (options.services)
    mine.services = options.services();
  if (options.warm)
    mine.warm = options.warm();
  mine.moves = seen.leads ? seen.moves : std::vector<planned_move>{};
  // It would not hear that it shall stop, or could not: nobody waits for its last checkpoints.
  if (!reads || !mine.directory)
    for (auto& s : mine.services)
      s.active = false;
  reports[options.self] = {mine, at};
  std::map<std::string, node_report> fresh;
  for (auto it = reports.begin(); it != reports.end();) {
    if (at - it->second.at > options.lost_after) {
      it = reports.erase(it);
      continue;
    }
    fresh[it->first] = it->second.report;
    ++it;
  }
  options.board->change([&](auto& v) {
    v.reports = fresh;
    v.asked = asks->counted();
  });
  if (auto m = make_node_message(encode_word(mine)))
    for (const auto& [name, p] : peers)
      self->send(p.peer, *m);
  options.tick(fresh);
}

void speaker_state::hear(node_report r) {
  auto active = [](const node_report& of) {
    std::set<std::string> out;
    for (const auto& s : of.services)
      if (s.active)
        out.insert(s.name);
    return out;
  };
  auto& kept = reports[r.node];
  auto changed = active(kept.report) != active(r);
  kept = {std::move(r), now()};
  if (!changed)
    return;
  options.board->change([&](auto& v) { v.reports[kept.report.node] = kept.report; });
  if (options.others_changed)
    options.others_changed();
}

void speaker_state::from_afar(const node_message& m) {
  if (m.what != node_message::kind::payload)
    return;
  auto word = decode_word(m.bytes);
  if (!word)
    return;
  if (auto* r = std::get_if<node_report>(&*word)) {
    // Only a node itself says what it is: whose connection it came by is known.
    auto sender = self->current_sender();
    auto peer = peers.find(r->node);
    if (peer == peers.end() || !sender || sender->node() != peer->second.peer.node())
      return;
    return hear(std::move(*r));
  }
  if (auto* a = std::get_if<node_ask>(&*word))
    return asks->from_afar(std::move(*a));
  auto* c = std::get_if<node_command>(&*word);
  if (c == nullptr)
    return;
  auto id = ++next_id;
  asked.emplace(id, self->make_response_promise());
  c->passed_on = true;
  order(std::move(*c), [me = caf::actor_cast<caf::actor>(self), id](node_answer a) {
    caf::anon_send(me, msg::order_done{id, std::move(a)});
  });
}

void speaker_state::ask(msg::ask_elsewhere m) {
  if (const auto of = options.board->shards_of(m.what.service); of > 1)
    m.what.service = shard_name(m.what.service, m.what.topic_hash % of);
  std::string owner;
  for (const auto& [node, h] : reports)
    for (const auto& s : h.report.services)
      if (s.name == m.what.service && s.active && node != options.self)
        owner = node;
  asks->ask(std::move(m), owner);
}

void speaker_state::order(node_command c, std::function<void(node_answer)> done) {
  if (c.what == node_command::verb::status)
    return done({0, options.status()});
  auto leader = options.board->leader(options.appointed_leader);
  if (options.board->look().leads)
    return options.lead(std::move(c), std::move(done));
  auto peer = peers.find(leader);
  if (c.passed_on || peer == peers.end())
    return done(no_leader(leader));
  c.passed_on = true;
  auto m = make_node_message(encode_word(std::move(c)));
  if (!m)
    return done(answer_of(m.err()));
  self->request(peer->second.peer, caf::duration{options.order_time}, std::move(*m))
      .then(
          [done](const node_message& answer) {
            auto word = decode_word(answer.bytes);
            if (word && std::holds_alternative<node_answer>(*word))
              return done(std::get<node_answer>(*word));
            done(answer_of(error{errc::decode_failed, "the leader's answer cannot be read"}));
          },
          [done, leader](const caf::error&) {
            done(answer_of(error{errc::unavailable, "the leader, node '" + leader +
                                                        "', did not answer: look at `weir cluster status` whether it was done"}));
          });
}

caf::behavior node_speaker(caf::stateful_actor<speaker_state>* self, speaker_options options) {
  self->state.start(std::move(options));
  self->set_down_handler([](caf::down_msg&) {});
  return {
      [self](const msg::peer_up& m) { self->state.up(m.link); },
      [self](const msg::peer_down& m) { self->state.down(m); },
      [self](const msg::speaker_tick&) { self->state.tick(); },
      [self](const msg::speak_now&) { self->state.speak(); },
      [self](const node_message& m) { self->state.from_afar(m); },
      [self](msg::ask_elsewhere& m) { self->state.ask(std::move(m)); },
      [self](const msg::look_again& m) {
        if (auto again = self->state.asks->take(m.id))
          self->state.ask(std::move(*again));
      },
      [self](msg::asked_here& m) { self->state.asks->answered(m); },
      [self](msg::order& m) { self->state.order(std::move(m.what), std::move(m.done)); },
      [self](msg::order_done& m) {
        auto promise = self->state.asked.find(m.id);
        if (promise == self->state.asked.end())
          return;
        if (auto answer = make_node_message(encode_word(std::move(m.answer))))
          promise->second.deliver(std::move(*answer));
        self->state.asked.erase(promise);
      },
  };
}

} // namespace weir
