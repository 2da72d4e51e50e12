#include <algorithm>
#include <weir/net/admission.hpp>

namespace weir {

admission::answer admission::admit(std::uint64_t id, const std::string& address, duration now) {
  if (pending_.size() >= limits_.pending)
    return answer::full;
  auto from = by_address_.find(address);
  if (from != by_address_.end() && from->second >= limits_.per_address)
    return answer::address_full;
  ++by_address_[address];
  pending_.emplace(id, entry{address, now + limits_.time});
  return answer::admitted;
}

void admission::done(std::uint64_t id) {
  auto i = pending_.find(id);
  if (i == pending_.end())
    return;
  auto from = by_address_.find(i->second.address);
  if (--from->second == 0)
    by_address_.erase(from);
  pending_.erase(i);
}

std::vector<std::uint64_t> admission::overdue(duration now) const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, e] : pending_)
    if (e.until <= now)
      ids.push_back(id);
  return ids;
}

std::optional<duration> admission::next() const {
  std::optional<duration> first;
  for (const auto& [id, e] : pending_)
    first = first ? std::min(*first, e.until) : e.until;
  return first;
}

} // namespace weir
