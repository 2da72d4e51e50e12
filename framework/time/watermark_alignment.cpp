#include <weir/time/watermark_alignment.hpp>

namespace weir {

bool runs_ahead(timestamp own, std::optional<timestamp> lowest, duration max_drift) {
  if (!lowest || own <= *lowest)
    return false;
  // Unsigned: between the beginning and the end of time lies more than a duration can say.
  return static_cast<std::uint64_t>(own.us) - static_cast<std::uint64_t>(lowest->us) >
         static_cast<std::uint64_t>(max_drift.count());
}

std::size_t watermark_alignment::join(duration max_drift) {
  auto who = members_.size();
  members_.push_back({{}, max_drift, false});
  // Nobody is slower than one that read nothing.
  slowest_ = who;
  return who;
}

std::vector<std::size_t> watermark_alignment::report(std::size_t who, const alignment_facts& facts) {
  auto& m = members_[who];
  auto before = lowest();
  m.facts = facts;
  if (slowest_ == who)
    find_slowest();
  else if (m.counts() && (!before || facts.watermark < *before))
    slowest_ = who;
  std::vector<std::size_t> released;
  if (held_ == 0 || before == lowest())
    return released;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    auto& other = members_[i];
    if (!other.held || runs_ahead(other.facts.watermark, lowest(), other.max_drift))
      continue;
    other.held = false;
    --held_;
    released.push_back(i);
  }
  return released;
}

bool watermark_alignment::hold(std::size_t who) {
  auto& m = members_[who];
  auto waits = runs_ahead(m.facts.watermark, lowest(), m.max_drift);
  if (waits != m.held)
    waits ? ++held_ : --held_;
  m.held = waits;
  return waits;
}

std::optional<timestamp> watermark_alignment::lowest() const {
  return slowest_ ? std::optional(members_[*slowest_].facts.watermark) : std::nullopt;
}

void watermark_alignment::find_slowest() {
  slowest_.reset();
  for (std::size_t i = 0; i < members_.size(); ++i)
    if (members_[i].counts() && (!slowest_ || members_[i].facts.watermark < members_[*slowest_].facts.watermark))
      slowest_ = i;
}

} // namespace weir
