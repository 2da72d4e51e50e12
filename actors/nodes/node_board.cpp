#include "actors/nodes/node_board.hpp"
#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <weir/cluster/placement.hpp>
#include "actors/json_words.hpp"

namespace weir {
namespace {

namespace json = boost::json;

json::array names(const auto& all) {
  json::array out;
  for (const auto& name : all)
    out.emplace_back(name);
  return out;
}

/// Whom a placement could use now, by what the nodes say of themselves and of each other.
std::set<std::string> able(const node_board::view& v, const std::string& leader) {
  if (!v.reports.contains(leader))
    return {};
  std::vector<cluster::node_facts> facts;
  for (const auto& [name, r] : v.reports) {
    auto draining = false;
    if (v.control)
      if (auto m = v.control->members().find(name); m != v.control->members().end())
        draining = m->second.draining;
    facts.push_back({name, r.capacity, r.control && r.directory && !draining && !r.leaving, {r.hears.begin(), r.hears.end()}});
  }
  auto chosen = cluster::connected_set(leader, facts, {});
  for (const auto& f : facts)
    if (!f.usable)
      chosen.erase(f.node);
  return chosen;
}

/// Where its store is made ready: where the service is to go, and its standbys.
json::array elsewhere(const node_board::view& v, const std::string& leader, const std::string& service) {
  json::array out;
  auto report = v.reports.find(leader);
  if (report == v.reports.end())
    return out;
  for (const auto& m : report->second.moves) {
    if (m.service != service)
      continue;
    json::object one{{"node", m.to}, {"standby", m.standby}, {"ready", false}, {"checkpoint", 0}, {"trouble", ""}};
    if (auto target = v.reports.find(m.to); target != v.reports.end())
      for (const auto& w : target->second.warm)
        if (w.name == service) {
          one["ready"] = w.ready;
          one["checkpoint"] = w.checkpoint;
          one["trouble"] = json_words(w.trouble);
        }
    out.emplace_back(std::move(one));
  }
  return out;
}

} // namespace

cluster::control_seat::surroundings node_board::surroundings(const std::string& self) const {
  std::lock_guard lock(mutex_);
  cluster::control_seat::surroundings s;
  s.directory_answered = view_.directory_answered;
  for (const auto& [name, l] : view_.links)
    s.peers += l.up ? 1 : 0;
  if (view_.control) {
    const auto& leader = view_.control->leader().node;
    auto found = view_.links.find(leader);
    s.hears_leader = leader == self || (found != view_.links.end() && found->second.up);
  }
  return s;
}

void node_board::note(const cluster::control_seat& seat) {
  std::lock_guard lock(mutex_);
  if (seat.has_read() && (!view_.control || view_.control->next_offset() != seat.state().next_offset()))
    view_.control = std::make_shared<const cluster::cluster_state>(seat.state());
  view_.trouble = seat.trouble();
  view_.log_answered = seat.log_answered();
  view_.leads = seat.leads();
  view_.replaced = seat.replaced();
}

std::string node_board::leader(const std::string& appointed) const {
  std::lock_guard lock(mutex_);
  return view_.control ? view_.control->leader().node : appointed;
}

bool gives_away(const node_board::view& v, const std::vector<running_service>& mine, duration passed) {
  constexpr auto longest = std::chrono::seconds(15), hearing = std::chrono::seconds(2);
  if (passed > longest || std::none_of(mine.begin(), mine.end(), [](const auto& s) { return s.active; }))
    return false;
  const auto leader = v.reports.find(v.control ? v.control->leader().node : "");
  const auto goes = [&](const running_service& s) {
    return s.active &&
           (s.phase == "stopping" ||
            (leader != v.reports.end() && std::any_of(leader->second.moves.begin(), leader->second.moves.end(),
                                                      [&](const planned_move& m) { return !m.standby && m.service == s.name; })));
  };
  return passed <= hearing || std::any_of(mine.begin(), mine.end(), goes);
}

std::string board_json(const node_board::view& v, const std::string& cluster, const std::string& self,
                       const std::string& leader) {
  json::object out;
  out["node"] = self;
  out["cluster"] = cluster;
  out["leader"] = leader;
  out["leads"] = v.leads;
  out["term"] = v.control && !v.control->leader().node.empty() ? json::value(v.control->term()) : json::value(nullptr);
  out["trouble"] = v.trouble;
  json::object links;
  for (const auto& [name, l] : v.links)
    links[name] = json::object{{"up", l.up}, {"why", l.why}};
  out["links"] = links;
  json::object nodes;
  for (const auto& [name, r] : v.reports)
    nodes[name] =
        json::object{{"address", r.address},     {"capacity", r.capacity}, {"hears", names(r.hears)}, {"control", r.control},
                     {"directory", r.directory}, {"term", r.term},         {"leaving", r.leaving}};
  out["nodes"] = nodes;
  out["able"] = names(able(v, leader));
  out["asks"] = json::object{{"here", v.asked.here},
                             {"elsewhere", v.asked.elsewhere},
                             {"again", v.asked.again},
                             {"unanswered", v.asked.unanswered},
                             {"open", v.asked.open}};
  json::object members;
  out["placed"] = json::object{};
  out["services"] = nullptr;
  if (v.control) {
    for (const auto& [name, m] : v.control->members())
      members[name] = json::object{
          {"address", m.address}, {"capacity", m.capacity}, {"draining", m.draining}, {"present", v.reports.contains(name)}};
    json::object placed;
    for (const auto& [name, job] : v.control->jobs()) {
      if (job.assignment.nodes.empty())
        continue;
      const auto& owner = job.assignment.nodes.front();
      auto& one = placed[name] = json::object{{"node", owner.node}, {"phase", nullptr}, {"detail", ""}};
      one.as_object()["elsewhere"] = elsewhere(v, leader, name);
      auto report = v.reports.find(owner.node);
      if (report == v.reports.end())
        continue;
      for (const auto& s : report->second.services)
        if (s.name == name) {
          auto& o = one.as_object();
          o["phase"] = json_words(s.phase);
          o["detail"] = json_words(s.detail);
          o["checkpoint"] = s.checkpoint;
          o["lag"] = s.lag;
          o["services_version"] = s.version;
        }
    }
    out["placed"] = placed;
    if (const auto& s = v.control->services())
      out["services"] = json::object{{"version", s->version}, {"text", s->text}, {"fallback", s->fallback.has_value()}};
  }
  out["members"] = members;
  return json::serialize(out);
}

} // namespace weir
