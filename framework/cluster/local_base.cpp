#include <algorithm>
#include <weir/checkpoint/planted_bugs.hpp>
#include <weir/cluster/local_base.hpp>

namespace weir::cluster {

base_plan decide_base(const range_chain* chain, const local_range& local) {
  static const std::vector<chain_link> nothing;
  const auto& links = chain == nullptr ? nothing : chain->links;
  base_plan plan;
  std::size_t from = 0;
  if (local.applied)
    for (std::size_t i = 0; i < links.size(); ++i)
      if (links[i].file.name == *local.applied) {
        plan.use_base = true;
        from = i + 1;
      }
  auto prepared = [&](const std::string& id) {
    return std::any_of(local.prepared.begin(), local.prepared.end(), [&](const auto& d) { return d.id == id; });
  };
  for (auto i = from; i < links.size(); ++i)
    plan.steps.push_back({i, links[i].file.name, prepared(links[i].file.name)});
  for (const auto& d : local.prepared) {
    if (std::any_of(plan.steps.begin(), plan.steps.end(), [&](const auto& s) { return s.id == d.id; }))
      continue;
    if (planted::active(planted::bug::off_chain_delta) && !links.empty() && d.checkpoint <= links.back().checkpoint)
      plan.steps.push_back({0, d.id, true});
    else
      plan.discard.push_back(d.id);
  }
  return plan;
}

} // namespace weir::cluster
