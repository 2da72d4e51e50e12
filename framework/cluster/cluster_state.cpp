#include <algorithm>
#include <weir/cluster/cluster_state.hpp>

namespace weir::cluster {

namespace {

/// What follows the prefix; none: the key has another one.
std::optional<std::string> behind(std::string_view key, std::string_view prefix) {
  if (!key.starts_with(prefix))
    return std::nullopt;
  return std::string(key.substr(prefix.size()));
}

} // namespace

std::string job_state::owner_of(const slot_id& slot) const {
  for (const auto& s : assignment.slots)
    if (s.slot == slot)
      return s.node;
  return {};
}

std::uint64_t job_state::highest_number() const { return std::max(closed, complete ? complete->checkpoint : 0); }

const job_state* cluster_state::job(const std::string& name) const {
  auto found = jobs_.find(name);
  return found == jobs_.end() ? nullptr : &found->second;
}

result<cluster_state::applied> cluster_state::apply(const control_entry_at& e) {
  if (e.offset < next_)
    return applied::unread;
  if (!e.entry.value) {
    forget(e.entry.key);
    next_ = e.offset + 1;
    return applied::taken;
  }
  auto record = decode_control(e.entry.key, *e.entry.value);
  if (!record)
    return record.err().in("offset " + std::to_string(e.offset) + " of the control topic");
  next_ = e.offset + 1;
  return take(*record, e.offset) ? applied::taken : applied::stale;
}

void cluster_state::forget(std::string_view key) {
  if (auto node = behind(key, "member/"))
    members_.erase(*node);
  else if (auto gone = behind(key, "alive/"))
    alive_.erase(*gone);
  else if (auto batch = behind(key, "garbage/")) {
    auto slash = batch->rfind('/');
    if (auto job = jobs_.find(batch->substr(0, slash)); job != jobs_.end() && slash != std::string::npos)
      std::erase_if(job->second.garbage, [&](const auto& g) { return std::to_string(g.first) == batch->substr(slash + 1); });
  }
}

bool cluster_state::take(const control_record& r, std::uint64_t offset) {
  if (const auto* alive = std::get_if<alive_record>(&r.body)) {
    alive_[alive->node] = offset;
    return true;
  }
  if (const auto* term = std::get_if<term_record>(&r.body)) {
    term_ = offset;
    leader_ = *term;
    serial_ = r.mark.serial;
    return true;
  }
  // Compaction removes older term records, never newer ones: what is below the newest one seen was written too late.
  if (r.mark.by.term < term_)
    return false;
  if (r.mark.by.term == term_)
    serial_ = std::max(serial_, r.mark.serial);
  if (const auto* member = std::get_if<member_record>(&r.body)) {
    members_[member->node] = *member;
  } else if (const auto* services = std::get_if<services_record>(&r.body)) {
    services_ = *services;
  } else if (const auto* assignment = std::get_if<assignment_record>(&r.body)) {
    auto& job = jobs_[assignment->job];
    if (r.mark.by <= job.current)
      return false;
    job.current = r.mark.by;
    job.incarnation = offset;
    job.assignment = *assignment;
  } else if (const auto* complete = std::get_if<complete_record>(&r.body)) {
    auto& job = jobs_[complete->job];
    // Of an older attempt, or a number that was decided already: the first decision stands.
    if (r.mark.by < job.current || complete->checkpoint <= job.highest_number())
      return false;
    job.complete = *complete;
    job.completed_by = r.mark.by;
  } else if (const auto* closed = std::get_if<closed_record>(&r.body)) {
    auto& job = jobs_[closed->job];
    if (r.mark.by < job.current)
      return false;
    // Also of one that was complete before: the question alone replaces, by compaction, what was closed earlier.
    job.closed = std::max(job.closed, closed->checkpoint);
  } else if (const auto* garbage = std::get_if<garbage_record>(&r.body)) {
    jobs_[garbage->job].garbage[garbage->batch] = garbage->names;
  }
  return true;
}

} // namespace weir::cluster
