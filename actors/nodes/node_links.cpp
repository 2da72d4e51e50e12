#include "actors/nodes/node_links.hpp"
#include <future>
#include <weir/core/clock.hpp>

namespace weir {
namespace {

duration now() { return system_clock().monotonic(); }

} // namespace

result<node_message> make_node_message(std::string bytes) {
  if (bytes.size() > longest_node_message)
    return error{errc::too_large, "a message between nodes has at most " + std::to_string(longest_node_message) +
                                      " bytes, this one " + std::to_string(bytes.size())};
  return node_message{1, node_message::kind::payload, std::move(bytes)};
}

void links_state::start(links_options o) {
  options = std::move(o);
  alive = liveness(options.alive);
  for (const auto& m : options.members)
    if (m.name != options.self.node)
      peers[m.name].at = m;
  tick();
}

void links_state::dial(peer& p, link_purpose purpose) {
  p.dialling = true;
  options.way->dial(p.at, purpose, [me = caf::actor_cast<caf::actor>(self), name = p.at.name](auto r) {
    if (r)
      caf::anon_send(me, msg::link_opened{std::move(*r), true});
    else
      caf::anon_send(me, msg::dial_failed{name, r.err()});
  });
}

void links_state::failed(const msg::dial_failed& m) {
  auto& p = peers.at(m.node);
  p.dialling = false;
  p.next_dial = now() + options.redial;
  if (m.why.message != p.last_failure)
    options.log.warning("cannot connect", {{"node", m.node}, {"why", m.why.message}});
  p.last_failure = m.why.message;
  if (p.actors) // It was for frames: a node without them is of no use.
    end(p, m.why.message);
}

void links_state::opened(msg::link_opened& m) {
  auto& who = m.what->who;
  auto known = peers.find(who->peer());
  if (stopped || known == peers.end())
    return who->gone();
  auto& p = known->second;
  p.dialling = p.dialling && !m.dialled;
  who->on_closed([me = caf::actor_cast<caf::actor>(self)](const node_connection& c, const std::string& why) {
    caf::anon_send(me, msg::link_closed{c.peer(), c.session(), why});
  });
  if (who->purpose() == link_purpose::frames)
    return take_frames(p, *m.what);
  if (p.actors) // Its end is known to the gate already and the message about it under way.
    end(p, p.actors->reason());
  p.actors = who;
  alive.add(p.at.name, now());
  auto scribe = make_scribe(self->system(), std::move(m.what->socket), who, options.limits);
  if (m.dialled)
    dial_actors_of(p, std::move(scribe));
  else
    accept_actors(self->system(), std::move(scribe), options.speaker);
}

void links_state::dial_actors_of(peer& p, caf::io::scribe_ptr scribe) {
  auto session = p.actors->session();
  dial_actors(self, std::move(scribe), caf::duration{options.alive.lost_after})
      .then(
          [this, name = p.at.name, session](const caf::node_id& node, const caf::strong_actor_ptr& speaker,
                                            const std::set<std::string>&) {
            auto& other = peers.at(name);
            if (!other.actors || other.actors->session() != session)
              return;
            if (!speaker)
              return end(other, "no actor speaks for it");
            other.node = node;
            send_to_links(self->system(), options.speaker, node, node_message{1, node_message::kind::hello, {}});
            speaks(other, caf::actor_cast<caf::actor>(speaker));
            dial(other, link_purpose::frames);
          },
          [this, name = p.at.name, session](const caf::error& e) {
            auto& other = peers.at(name);
            if (other.actors && other.actors->session() == session)
              end(other, "CAF's handshake failed: " + self->system().render(e));
          });
}

void links_state::take_frames(peer& p, opened_connection& c) {
  if (!p.actors || p.actors->process() != c.who->process())
    return c.who->gone();
  p.frames = c.who;
  auto scribe = make_scribe(self->system(), std::move(c.socket), c.who, frame_wire_limits());
  p.link = spawn_frame_link(self->system(), std::move(scribe), c.who, options.frames);
  maybe_up(p);
}

void links_state::speaks(peer& p, const caf::actor& speaker) {
  p.speaker = speaker;
  maybe_up(p);
}

void links_state::maybe_up(peer& p) {
  if (p.up || !p.speaker || !p.frames)
    return;
  p.up = true;
  p.last_failure.clear();
  options.log.info("connected", {{"node", p.at.name}, {"address", p.actors->address()}});
  options.up({p.at.name, p.speaker, p.link, p.frames->session()});
}

links_state::peer* links_state::by_node(const caf::node_id& node) {
  auto text = to_string(node);
  for (auto& [name, p] : peers)
    if (p.actors && p.actors->process() == text)
      return &p;
  return nullptr;
}

void links_state::from_afar(const node_message& m) {
  auto sender = self->current_sender();
  if (!sender || m.version != 1)
    return;
  auto* p = by_node(sender->node());
  if (p == nullptr)
    return;
  alive.heard(p->at.name, now());
  p->node = sender->node();
  if (m.what == node_message::kind::hello && !p->speaker)
    speaks(*p, caf::actor_cast<caf::actor>(sender));
}

void links_state::end(peer& p, const std::string& why) {
  alive.remove(p.at.name);
  for (auto* c : {&p.actors, &p.frames})
    if (*c)
      (*c)->close(why);
  p.next_dial = now() + options.redial;
  auto was_up = std::exchange(p.up, false);
  p.actors.reset();
  p.frames.reset();
  p.speaker = nullptr;
  p.link = nullptr;
  if (was_up) {
    options.log.log(stopped ? log_level::info : log_level::warning, "connection lost", {{"node", p.at.name}, {"why", why}});
    options.down(p.at.name, why);
  }
}

void links_state::closed(const msg::link_closed& m) {
  auto& p = peers.at(m.node);
  for (const auto& c : {p.actors, p.frames})
    if (c && c->session() == m.session)
      return end(p, m.why);
}

void links_state::tick() {
  if (stopped)
    return;
  self->delayed_send(self, options.alive.interval, msg::links_tick{});
  auto at = now();
  auto seen = alive.tick(at);
  if (seen.was_frozen)
    options.log.warning("this node did not run for a while: what it did not hear meanwhile is held against nobody");
  for (const auto& name : seen.lost)
    end(peers.at(name), "nothing was heard of it for " + std::to_string(options.alive.lost_after.count() / 1000) + " ms");
  for (auto& [name, p] : peers) {
    if (p.actors && p.node)
      send_to_links(self->system(), caf::actor_cast<caf::actor>(self), p.node,
                    node_message{1, node_message::kind::keep_alive, {}});
    if (!p.actors && !p.dialling && dials(name) && p.next_dial <= at)
      dial(p, link_purpose::actors);
  }
}

void links_state::stop() {
  stopped = true;
  // CAF does not wait for brokers when a system ends: what they hold would be lost to it.
  std::vector<std::future<void>> ends;
  for (auto& [name, p] : peers) {
    for (const auto& c : {p.actors, p.frames}) {
      if (!c)
        continue;
      auto over = std::make_shared<std::promise<void>>();
      ends.push_back(over->get_future());
      c->on_closed([over](const node_connection&, const std::string&) { over->set_value(); });
    }
    end(p, "this node stops");
  }
  // A system that ends before them never ends, so a machine under load gets its time.
  for (const auto& e : ends)
    e.wait_for(std::chrono::seconds(10));
  unregister_links(self->system());
  options.speaker = nullptr;
  self->quit();
}

caf::behavior node_links(caf::stateful_actor<links_state>* self, links_options options) {
  self->state.start(std::move(options));
  // Proxies of lost nodes: the connections say it already.
  self->set_down_handler([](caf::down_msg&) {});
  return {
      [self](msg::link_opened& m) { self->state.opened(m); },       [self](const msg::dial_failed& m) { self->state.failed(m); },
      [self](const msg::link_closed& m) { self->state.closed(m); }, [self](const node_message& m) { self->state.from_afar(m); },
      [self](const msg::links_tick&) { self->state.tick(); },       [self](const msg::links_stop&) { self->state.stop(); },
  };
}

} // namespace weir
