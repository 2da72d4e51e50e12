#include <algorithm>
#include <bit>
#include <weir/cluster/placement.hpp>

namespace weir::cluster {

namespace {

using mask = std::uint64_t;

struct search {
  std::vector<mask> links; ///< Of each candidate, both ways.
  mask present = 0;
  std::size_t candidates = 0;
  mask best = 0;

  [[nodiscard]] bool better(mask a, mask b) const {
    if (std::popcount(a) != std::popcount(b))
      return std::popcount(a) > std::popcount(b);
    if (std::popcount(a & present) != std::popcount(b & present))
      return std::popcount(a & present) > std::popcount(b & present);
    // Bit 0 is the first name: the lowest bit in which they differ decides.
    auto differ = a ^ b;
    return differ != 0 && (a & (differ & (~differ + 1))) != 0;
  }
  void grow(mask chosen, mask open) {
    if (better(chosen, best))
      best = chosen;
    while (open != 0 && std::popcount(chosen) + std::popcount(open) >= std::popcount(best)) {
      auto i = static_cast<std::size_t>(std::countr_zero(open));
      open &= open - 1;
      grow(chosen | mask{1} << i, open & links[i]);
    }
  }
};

} // namespace

std::set<std::string> connected_set(const std::string& leader, const std::vector<node_facts>& nodes,
                                    const std::set<std::string>& present) {
  const node_facts* lead = nullptr;
  std::vector<const node_facts*> candidates;
  for (const auto& n : nodes)
    if (n.node == leader)
      lead = &n;
  if (lead == nullptr)
    return {leader};
  auto linked = [](const node_facts& a, const node_facts& b) { return a.hears.count(b.node) > 0 && b.hears.count(a.node) > 0; };
  for (const auto& n : nodes)
    if (&n != lead && n.usable && linked(n, *lead))
      candidates.push_back(&n);
  // Those that are there already first, so that what is beyond the search is the new.
  std::sort(candidates.begin(), candidates.end(), [&](const auto* a, const auto* b) {
    auto there = present.count(a->node) > 0;
    return there != (present.count(b->node) > 0) ? there : a->node < b->node;
  });
  auto searched = std::min(candidates.size(), most_searched);
  std::sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(searched),
            [](const auto* a, const auto* b) { return a->node < b->node; });
  search s;
  s.candidates = searched;
  s.links.assign(searched, 0);
  for (std::size_t i = 0; i < searched; ++i) {
    if (present.count(candidates[i]->node) > 0)
      s.present |= mask{1} << i;
    for (std::size_t j = 0; j < searched; ++j)
      if (i != j && linked(*candidates[i], *candidates[j]))
        s.links[i] |= mask{1} << j;
  }
  s.grow(0, searched == 0 ? 0 : ~mask{0} >> (64 - searched));
  std::set<std::string> out{leader};
  std::vector<const node_facts*> chosen;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto fits = i < searched
                    ? (s.best >> i & 1) != 0
                    : std::all_of(chosen.begin(), chosen.end(), [&](const auto* c) { return linked(*c, *candidates[i]); });
    if (fits) {
      chosen.push_back(candidates[i]);
      out.insert(candidates[i]->node);
    }
  }
  return out;
}

void failure_record::on_failed(const std::set<std::string>& causes, duration now) {
  if (++in_a_row_ < timing_.failures_before_ban)
    return;
  for (const auto& node : causes) {
    auto& b = bans_[node];
    b.next = b.next == duration{0} ? timing_.ban_first : std::min(2 * b.next, timing_.ban_longest);
    b.until = now + b.next;
  }
}

void failure_record::on_complete(const std::set<std::string>& members) {
  in_a_row_ = 0;
  for (const auto& node : members)
    bans_.erase(node);
}

std::set<std::string> failure_record::left_out(duration now) const {
  std::set<std::string> out;
  for (const auto& [node, b] : bans_)
    if (now < b.until)
      out.insert(node);
  return out;
}

std::map<std::string, std::size_t> shares(std::size_t items, const std::map<std::string, std::uint32_t>& capacity,
                                          const std::map<std::string, std::size_t>& held) {
  std::map<std::string, std::size_t> out;
  std::uint64_t total = 0;
  for (const auto& [node, c] : capacity)
    total += c;
  if (total == 0)
    return out;
  struct rest {
    std::uint64_t remainder;
    bool holds_more; ///< Than what it gets for sure: giving it one of what is left over spares a move.
    std::string node;
  };
  std::vector<rest> rests;
  std::size_t given = 0;
  for (const auto& [node, c] : capacity) {
    auto exact = static_cast<std::uint64_t>(items) * c;
    given += out[node] = exact / total;
    auto has = held.find(node);
    rests.push_back({exact % total, has != held.end() && has->second > out[node], node});
  }
  std::stable_sort(rests.begin(), rests.end(), [](const rest& a, const rest& b) {
    return std::pair(a.remainder, a.holds_more) > std::pair(b.remainder, b.holds_more);
  });
  for (std::size_t i = 0; given < items; ++i, ++given)
    ++out[rests[i].node];
  return out;
}

std::vector<std::string> assign(const std::vector<std::string>& before, const std::map<std::string, std::uint32_t>& capacity) {
  std::map<std::string, std::size_t> held;
  for (const auto& owner : before)
    ++held[owner];
  auto left = shares(before.size(), capacity, held);
  if (left.empty())
    return std::vector<std::string>(before.size());
  std::vector<std::string> out(before.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    if (auto share = left.find(before[i]); share != left.end() && share->second > 0) {
      --share->second;
      out[i] = before[i];
    }
  auto next = left.begin();
  for (auto& owner : out)
    if (owner.empty()) {
      while (next->second == 0)
        ++next;
      --next->second;
      owner = next->first;
    }
  return out;
}

} // namespace weir::cluster
