#include <algorithm>
#include <weir/cluster/liveness.hpp>

namespace weir::cluster {

peer_watch::tick peer_watch::on_tick(duration now) {
  tick out;
  out.was_frozen = now - last_tick_ > timing_.keep_alive + timing_.jump;
  last_tick_ = now;
  for (auto it = heard_.begin(); it != heard_.end();) {
    if (out.was_frozen)
      it->second = now;
    if (now - it->second > timing_.lost) {
      out.lost.insert(it->first);
      it = heard_.erase(it);
    } else {
      ++it;
    }
  }
  return out;
}

std::set<std::string> peer_watch::hears() const {
  std::set<std::string> out;
  for (const auto& [peer, when] : heard_)
    out.insert(peer);
  return out;
}

lead_watch::verdict lead_watch::decide(const facts& f) {
  if (f.was_frozen)
    return verdict::frozen;
  if (f.now - f.kafka_answered > timing_.give_up)
    return verdict::no_kafka;
  if (f.now - f.directory_answered > timing_.give_up)
    return verdict::no_directory;
  if (f.peers_seen == 0 && f.alive_in_topic > 0 && f.now >= lonely_until_) {
    lonely_next_ = lonely_next_ == duration{0} ? timing_.lonely_first : std::min(2 * lonely_next_, timing_.lonely_longest);
    lonely_until_ = f.now + lonely_next_;
    return verdict::alone;
  }
  return verdict::lead;
}

} // namespace weir::cluster
