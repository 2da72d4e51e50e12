#include <algorithm>
#include <tuple>
#include <weir/cluster/service_placement.hpp>

namespace weir::cluster {
namespace {

std::map<std::string, std::uint32_t> able(const placing_facts& f, const std::set<std::string>& present) {
  std::map<std::string, std::uint32_t> out;
  auto chosen = connected_set(f.leader, f.nodes, present);
  for (const auto& n : f.nodes)
    if (n.usable && chosen.contains(n.node) && f.starts.contains(n.node))
      out[n.node] = n.capacity;
  return out;
}

/// The one with most room that is none of `not_these`; empty: there is none.
std::string roomiest(const std::map<std::string, std::uint32_t>& capacity, const std::vector<std::string>& owners,
                     const std::set<std::string>& not_these) {
  std::string best;
  auto load = [&](const std::string& node) {
    return static_cast<double>(std::count(owners.begin(), owners.end(), node)) / std::max(capacity.at(node), 1U);
  };
  for (const auto& [node, c] : capacity)
    if (!not_these.contains(node) && (best.empty() || load(node) < load(best)))
      best = node;
  return best;
}

/// Everything stays where it is while that can work; the rest goes where most room is.
std::vector<std::string> keep(const std::vector<std::string>& before, const std::map<std::string, std::uint32_t>& capacity) {
  auto out = before;
  for (auto& owner : out)
    if (!capacity.contains(owner))
      owner.clear();
  for (auto& owner : out)
    if (owner.empty())
      owner = roomiest(capacity, out, {});
  return out;
}

std::set<std::string> owners_of(const cluster_state& read, const placing_facts& f) {
  std::set<std::string> out;
  for (const auto& s : f.services)
    out.insert(service_owner(read, s.name));
  return out;
}

} // namespace

std::set<std::string> nodes_able(const cluster_state& read, const placing_facts& f) {
  std::set<std::string> out;
  for (const auto& [node, capacity] : able(f, owners_of(read, f)))
    out.insert(node);
  return out;
}

std::string service_owner(const cluster_state& read, const std::string& service) {
  const auto* job = read.job(service);
  return job == nullptr || job->assignment.nodes.empty() ? std::string() : job->assignment.nodes.front().node;
}

std::vector<assignment_record> place_services(const cluster_state& read, const placing_facts& f) {
  std::vector<std::string> before;
  std::vector<const service_need*> free;
  for (const auto& s : f.services) {
    if (s.with_leader)
      continue;
    free.push_back(&s);
    before.push_back(service_owner(read, s.name));
  }
  auto capacity = able(f, owners_of(read, f));
  for (std::size_t i = 0; i < free.size(); ++i)
    if (auto warm = f.warm.find(free[i]->name); warm != f.warm.end() && !capacity.contains(before[i])) {
      auto ready = capacity;
      std::erase_if(ready, [&](const auto& n) { return !warm->second.contains(n.first); });
      if (!ready.empty())
        before[i] = roomiest(ready, before, {});
    }
  std::map<std::string, std::string> owners;
  if (!capacity.empty()) {
    auto placed = f.settled ? assign(before, capacity) : keep(before, capacity);
    for (std::size_t i = 0; i < free.size(); ++i) {
      auto bad = f.failed_on.find(free[i]->name);
      if (bad != f.failed_on.end() && bad->second.contains(placed[i]))
        if (auto other = roomiest(capacity, placed, bad->second); !other.empty())
          placed[i] = other;
      owners[free[i]->name] = placed[i];
    }
  }
  for (const auto& s : f.services)
    if (s.with_leader && capacity.contains(f.leader))
      owners[s.name] = f.leader;

  std::vector<assignment_record> out;
  auto write = [&](const std::string& service, std::vector<node_start> nodes) {
    assignment_record r;
    r.job = service;
    r.nodes = std::move(nodes);
    out.push_back(std::move(r));
  };
  for (const auto& [service, owner] : owners) {
    const auto* job = read.job(service);
    auto start = f.starts.at(owner);
    if (job != nullptr && !job->assignment.nodes.empty() && job->assignment.nodes.front().node == owner &&
        job->assignment.nodes.front().start == start && !f.again.contains(service))
      continue;
    write(service, {{owner, start}});
  }
  for (const auto& [name, job] : read.jobs())
    if (!job.assignment.nodes.empty() &&
        std::none_of(f.services.begin(), f.services.end(), [&n = name](const auto& s) { return s.name == n; }))
      write(name, {});
  return out;
}

std::map<std::string, std::string> hold_back(const cluster_state& read, const placing_facts& f,
                                             std::vector<assignment_record>& all) {
  std::map<std::string, std::string> out;
  std::erase_if(all, [&](const assignment_record& a) {
    if (a.nodes.empty() || !f.running.contains(a.job) || service_owner(read, a.job) == a.nodes.front().node)
      return false;
    auto warm = f.warm.find(a.job);
    if (warm != f.warm.end() && warm->second.contains(a.nodes.front().node))
      return false;
    out[a.job] = a.nodes.front().node;
    return true;
  });
  return out;
}

std::map<std::string, std::set<std::string>> standbys(const cluster_state& read, const placing_facts& f) {
  auto capacity = able(f, owners_of(read, f));
  std::map<std::string, double> load;
  std::map<std::string, std::set<std::string>> out;
  auto give = [&](const std::string& service, const std::string& node) {
    if (out[service].insert(node).second)
      load[node] += 1.0 / std::max(capacity.at(node), 1U);
  };
  auto others = [&](const service_need& s) {
    auto nodes = capacity;
    nodes.erase(service_owner(read, s.name));
    return nodes;
  };
  // Who has read a copy goes on with it; only then the others, so that they see whose load that is.
  for (const auto& s : f.services)
    if (auto at = f.warming.find(s.name); at != f.warming.end() && !s.with_leader)
      for (const auto& [node, c] : others(s))
        if (at->second.contains(node) && out[s.name].size() < s.standby)
          give(s.name, node);
  for (const auto& s : f.services) {
    auto left = s.with_leader || service_owner(read, s.name).empty() ? std::map<std::string, std::uint32_t>{} : others(s);
    while (out[s.name].size() < s.standby) {
      std::erase_if(left, [&](const auto& n) { return out[s.name].contains(n.first); });
      if (left.empty())
        break;
      // Of equal ones the next by name behind the owner, around: so owners with one service each stand by for one each.
      const auto owner = service_owner(read, s.name);
      auto order = [&](const std::string& n) { return std::tuple(load[n], n < owner, n); };
      give(s.name, std::min_element(left.begin(), left.end(), [&](const auto& a, const auto& b) {
                     return order(a.first) < order(b.first);
                   })->first);
    }
  }
  std::erase_if(out, [](const auto& o) { return o.second.empty(); });
  return out;
}

std::map<std::string, std::uint64_t> services_of(const cluster_state& read, const std::string& node, std::uint64_t start) {
  std::map<std::string, std::uint64_t> out;
  for (const auto& [name, job] : read.jobs())
    if (!job.assignment.nodes.empty() && job.assignment.nodes.front().node == node && job.assignment.nodes.front().start == start)
      out[name] = job.incarnation;
  return out;
}

} // namespace weir::cluster
