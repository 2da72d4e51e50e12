#include <weir/cluster/orders.hpp>

namespace weir::cluster {

result<decided> decide_services(const cluster_state& read, const std::string& text) {
  if (text.size() > longest_services)
    return error{errc::too_large, "a services file of a cluster has at most " + std::to_string(longest_services >> 10) +
                                      " KiB, this one has " + std::to_string(text.size()) + " bytes"};
  const auto& now = read.services();
  auto version = std::to_string(now ? now->version : 0);
  if (now ? now->text == text : text.empty())
    return decided{{}, "version " + version + " says the same already"};
  services_record r;
  r.version = now ? now->version + 1 : 1;
  r.text = text;
  if (now)
    r.fallback = now->text;
  auto said = "version " + std::to_string(r.version) + " is in force";
  return decided{{std::move(r)}, std::move(said)};
}

result<decided> decide_draining(const cluster_state& read, const std::string& node, bool draining) {
  auto found = read.members().find(node);
  if (found == read.members().end()) {
    std::string known;
    for (const auto& [name, m] : read.members())
      known += (known.empty() ? "" : ", ") + name;
    return error{errc::not_found, "no node '" + node + "' has joined the cluster (known: " + known + ")"};
  }
  auto said = "node '" + node + "' " + (draining ? "gets no work any more" : "gets work again");
  if (found->second.draining == draining)
    return decided{{}, said};
  auto r = found->second;
  r.draining = draining;
  return decided{{std::move(r)}, std::move(said)};
}

std::vector<control_body> decide_members(const cluster_state& read, const std::vector<member_record>& reported) {
  std::vector<control_body> out;
  for (auto r : reported) {
    auto found = read.members().find(r.node);
    if (found != read.members().end()) {
      const auto& m = found->second;
      r.draining = m.draining;
      if (m.address == r.address && m.capacity == r.capacity && m.start == r.start)
        continue;
    }
    out.emplace_back(std::move(r));
  }
  return out;
}

} // namespace weir::cluster
