#include "actors/nodes/service_placer.hpp"
#include <algorithm>
#include <memory>

namespace weir {

cluster::placing_facts service_placer::facts_of(const cluster::cluster_state& read, const std::string& leader,
                                                const reports& heard, const std::vector<cluster::service_need>& needs,
                                                duration now) {
  cluster::placing_facts f;
  f.leader = leader;
  f.services = needs;
  for (const auto& [name, r] : heard) {
    auto member = read.members().find(name);
    auto draining = member != read.members().end() && member->second.draining;
    f.nodes.push_back({name, r.capacity, r.control && r.directory && !draining && !r.leaving, {r.hears.begin(), r.hears.end()}});
    f.starts[name] = r.start;
    for (const auto& w : r.warm) {
      f.warming[w.name].insert(name);
      if (w.ready)
        f.warm[w.name].insert(name);
    }
    for (const auto& s : r.services) {
      const auto* job = read.job(s.name);
      if (s.active && r.control && r.directory && job != nullptr && !job->assignment.nodes.empty() &&
          job->assignment.nodes.front().node == name && job->assignment.nodes.front().start == r.start)
        f.running.insert(s.name);
      if (!s.failed || !read.services() || s.version != read.services()->version)
        continue;
      auto [at, first] = failed_[s.name].emplace(name, now + ban);
      if (!first && now >= at->second) {
        at->second = now + ban;
        f.again.insert(s.name);
      }
    }
  }
  for (const auto& [service, nodes] : failed_)
    for (const auto& [node, until] : nodes)
      if (now < until)
        f.failed_on[service].insert(node);
  return f;
}

void service_placer::hears(const reports& heard) {
  for (const auto& [name, r] : heard)
    known_.insert(name);
}

void service_placer::turn(cluster::control_seat& seat, const reports& heard, const std::vector<cluster::service_need>& needs,
                          duration now) {
  if (!since_)
    since_ = now;
  if (writing_)
    return;
  const auto& read = seat.state();
  auto may_come =
      std::any_of(read.members().begin(), read.members().end(), [&](const auto& m) { return !known_.contains(m.first); });
  if (may_come && now - *since_ < patience)
    return;
  auto facts = facts_of(read, seat.office().node(), heard, needs, now);
  if (auto able = cluster::nodes_able(read, facts); able != able_) {
    able_ = std::move(able);
    able_since_ = now;
  }
  facts.settled = now - able_since_ >= calm;
  // What nodes report is some intervals old: by that alone two of them would be chosen in turn for ever.
  std::map<std::string, std::set<std::string>> chosen;
  for (const auto& m : moves_)
    if (m.standby)
      chosen[m.service].insert(m.to);
  for (auto& [service, nodes] : chosen)
    facts.warming[service] = std::move(nodes);
  auto all = cluster::place_services(read, facts);
  moves_.clear();
  for (const auto& [service, to] : cluster::hold_back(read, facts, all))
    moves_.push_back({service, to, false});
  for (const auto& [service, nodes] : cluster::standbys(read, facts))
    for (const auto& node : nodes)
      moves_.push_back({service, node, true});
  write(seat, std::move(all));
}

void service_placer::write(cluster::control_seat& seat, std::vector<cluster::assignment_record> all) {
  if (all.empty())
    return;
  writing_ = true;
  auto open = std::make_shared<std::size_t>(all.size());
  for (auto& a : all) {
    const auto* job = seat.state().job(a.job);
    auto attempt = job == nullptr ? 1 : job->current.attempt + 1;
    seat.office().commit(attempt, {std::move(a)}, [this, open](const result<>&) {
      // A lead that was lost on the way is the next leader's to make up for.
      if (--*open == 0)
        writing_ = false;
    });
  }
}

} // namespace weir
