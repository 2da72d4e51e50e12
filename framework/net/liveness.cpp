#include <algorithm>
#include <weir/net/liveness.hpp>

namespace weir {

void liveness::heard(const std::string& peer, duration now) {
  auto i = heard_.find(peer);
  if (i != heard_.end())
    i->second = std::max(i->second, now);
}

liveness::outcome liveness::tick(duration now) {
  outcome o;
  o.was_frozen = last_tick_.count() >= 0 && now - last_tick_ > settings_.interval + settings_.frozen_after;
  last_tick_ = now;
  for (auto i = heard_.begin(); i != heard_.end();) {
    if (o.was_frozen)
      i->second = now;
    if (now - i->second >= settings_.lost_after) {
      o.lost.push_back(i->first);
      i = heard_.erase(i);
    } else {
      ++i;
    }
  }
  return o;
}

} // namespace weir
