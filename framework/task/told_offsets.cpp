#include <algorithm>
#include <weir/task/told_offsets.hpp>

namespace weir {

told_offsets::offsets told_offsets::due(const offsets& next, duration now) const {
  offsets out;
  for (const auto& [partition, offset] : next) {
    auto known = told_.find(partition);
    if (known == told_.end() || known->second.next != offset || now - known->second.at >= again_)
      out.emplace(partition, offset);
  }
  return out;
}

told_offsets::offsets told_offsets::untold(const offsets& next) const {
  offsets out;
  for (const auto& [partition, offset] : next) {
    auto known = told_.find(partition);
    if (known == told_.end() || known->second.next != offset || !known->second.by_us)
      out.emplace(partition, offset);
  }
  return out;
}

void told_offsets::told(const offsets& what, duration now) {
  for (const auto& [partition, offset] : what)
    told_[partition] = {offset, now, true};
}

bool told_offsets::is_new(const offsets& what) const {
  return std::any_of(what.begin(), what.end(), [this](const auto& o) {
    auto known = told_.find(o.first);
    return known == told_.end() || known->second.next != o.second;
  });
}

} // namespace weir
