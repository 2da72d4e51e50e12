#include <algorithm>
#include <set>
#include <utility>
#include <weir/graph/source_consumers.hpp>

namespace weir {

std::vector<source_consumer> source_consumers(const job_plan& plan) {
  std::vector<source_consumer> all;
  std::vector<std::set<std::string>> topics;
  for (const auto& v : plan.vertices) {
    if (v.kind != vertex_kind::source)
      continue;
    const auto& at = v.source.topic;
    std::size_t i = 0;
    while (i < all.size() && (all[i].connection != at.connection || topics[i].contains(at.topic)))
      ++i;
    if (i == all.size()) {
      all.push_back({at.connection, {}});
      topics.emplace_back();
    }
    all[i].sources.push_back(v.name);
    topics[i].insert(at.topic);
  }
  return all;
}

std::map<std::int32_t, std::int64_t> lowest_offsets(const std::map<std::string, std::map<std::int32_t, std::int64_t>>& next,
                                                    const std::vector<std::string>& sources) {
  std::map<std::int32_t, std::int64_t> lowest;
  for (const auto& name : sources) {
    auto found = next.find(name);
    if (found == next.end())
      continue;
    for (const auto& [partition, offset] : found->second) {
      auto [it, first] = lowest.emplace(partition, offset);
      if (!first)
        it->second = std::min(it->second, offset);
    }
  }
  return lowest;
}

} // namespace weir
