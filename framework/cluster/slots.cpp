#include <algorithm>
#include <weir/checkpoint/planted_bugs.hpp>
#include <weir/cluster/slots.hpp>

namespace weir::cluster {

bool entry_published(const outbox_entry& e, const std::map<slot_id, marker>& published) {
  auto found = published.find(e.slot);
  if (found == published.end())
    return false;
  const auto& m = found->second;
  return m.checkpoint > e.checkpoint || (m.checkpoint == e.checkpoint && m.ordinal == all_records);
}

bool may_publish(const outbox_entry& e, const std::vector<outbox_entry>& entries, const std::map<slot_id, marker>& published) {
  return std::all_of(entries.begin(), entries.end(), [&](const auto& other) {
    if (planted::active(planted::bug::publish_ahead) && other.slot != e.slot)
      return true;
    return other.checkpoint > e.after || entry_published(other, published);
  });
}

bool slot_drained(const slot_id& slot, std::uint64_t incarnation, const std::vector<outbox_entry>& entries,
                  const std::map<slot_id, marker>& published) {
  auto found = published.find(slot);
  if (found == published.end() || found->second.incarnation != incarnation)
    return false;
  return std::all_of(entries.begin(), entries.end(),
                     [&](const auto& e) { return e.slot != slot || entry_published(e, published); });
}

std::vector<slot_owner> assign_slots(const std::vector<slot_owner>& before, const std::string& connection,
                                     const std::vector<std::string>& working, const std::set<slot_id>& drained) {
  std::vector<slot_owner> out;
  std::set<std::uint32_t> used;
  std::set<std::string> served;
  auto works = [&](const std::string& node) { return std::find(working.begin(), working.end(), node) != working.end(); };
  std::vector<slot_owner> left;
  for (const auto& s : before) {
    if (s.slot.connection != connection) {
      out.push_back(s);
      continue;
    }
    if (!s.draining && works(s.node) && served.insert(s.node).second) {
      used.insert(s.slot.index);
      out.push_back(s);
    } else if (!s.draining || drained.count(s.slot) == 0) {
      used.insert(s.slot.index);
      left.push_back(s);
    }
  }
  // Round about, so that one node does not get all that a lost one left; a working owner keeps what it drains.
  std::size_t next = 0;
  for (auto& s : left) {
    if (!works(s.node) && !working.empty())
      s.node = working[next++ % working.size()];
    s.draining = true;
    out.push_back(s);
  }
  std::uint32_t free = 0;
  for (const auto& node : working)
    if (served.count(node) == 0) {
      while (used.count(free) > 0)
        ++free;
      used.insert(free);
      out.push_back({{connection, free}, node, false});
    }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.slot < b.slot; });
  return out;
}

slot_step decide_slot(const std::string& self, std::uint64_t own_incarnation, const slot_standing& read) {
  if (read.owner != self)
    return slot_step::give_up;
  return read.incarnation == own_incarnation ? slot_step::go_on : slot_step::take_anew;
}

} // namespace weir::cluster
