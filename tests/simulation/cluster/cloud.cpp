#include "tests/simulation/cluster/cloud.hpp"
#include <algorithm>
#include <set>

namespace weir::simulation {

namespace {
constexpr std::int64_t session_timeout = 6'000;
constexpr std::int64_t transaction_timeout = 5'000;
} // namespace

void control_topic::expire() {
  if (open_ >= 0 && world_->now() - opened_at_ > transaction_timeout) {
    world_->probe("control transaction timed out");
    end(state::aborted);
    ++epoch_;
  }
  for (auto it = members_.begin(); it != members_.end();) {
    if (world_->now() - it->second.heard <= session_timeout) {
      ++it;
      continue;
    }
    if (it->first == holder_)
      holder_.clear();
    it = members_.erase(it);
    ++generation_;
  }
}

control_topic::membership control_topic::poll(const member& m) {
  expire();
  auto [it, joined] = members_.try_emplace(m.node);
  if (joined)
    ++generation_;
  else if (it->second.start > m.start)
    return {0, false}; // The old process of a node that has a new one.
  it->second = {m.start, world_->now()};
  if (holder_.empty()) {
    holder_ = m.node;
    ++generation_;
  }
  return {generation_, holder_ == m.node};
}

void control_topic::leave(const member& m) {
  auto it = members_.find(m.node);
  if (it == members_.end() || it->second.start != m.start)
    return;
  members_.erase(it);
  ++generation_;
  if (holder_ == m.node) {
    holder_.clear();
    if (!members_.empty())
      holder_ = std::next(members_.begin(), world_->below(static_cast<std::int64_t>(members_.size())))->first;
  }
}

void control_topic::end(state s) {
  if (open_ < 0)
    return;
  transactions_[static_cast<std::size_t>(open_)] = s;
  log_.push_back({open_, true, {}});
  open_ = -1;
}

int control_topic::take() {
  expire();
  if (open_ >= 0)
    world_->probe("control transaction aborted by a successor");
  end(state::aborted);
  return ++epoch_;
}

control_topic::answer control_topic::add(int epoch, const member& m, std::uint64_t generation,
                                         const std::vector<cluster::control_entry>& entries) {
  expire();
  if (epoch != epoch_)
    return answer::fenced;
  if (world_->fault(10'000)) {
    end(state::aborted);
    return answer::retriable;
  }
  auto it = members_.find(m.node);
  if (generation != generation_ || it == members_.end() || it->second.start != m.start || holder_ != m.node) {
    end(state::aborted);
    world_->probe("stale generation refused");
    return answer::stale;
  }
  if (open_ < 0) {
    open_ = static_cast<int>(transactions_.size());
    transactions_.push_back(state::open);
    opened_at_ = world_->now();
  }
  for (const auto& e : entries)
    log_.push_back({open_, false, e});
  return answer::ok;
}

control_topic::answer control_topic::commit(int epoch) {
  expire();
  if (epoch != epoch_)
    return answer::fenced;
  end(state::committed);
  return answer::ok;
}

void control_topic::add_plain(const cluster::control_entry& e) { log_.push_back({-1, false, e}); }

std::uint64_t control_topic::last_stable() const {
  for (std::size_t i = 0; i < log_.size(); ++i)
    if (log_[i].transaction >= 0 && transactions_[static_cast<std::size_t>(log_[i].transaction)] == state::open)
      return i;
  return log_.size();
}

std::vector<cluster::control_entry_at> control_topic::read(std::uint64_t from) {
  expire();
  auto end = last_stable();
  if (world_->chance(1)) {
    world_->probe("control topic compacted");
    compacted_below_ = end;
  }
  std::vector<cluster::control_entry_at> out;
  std::set<std::string> newer;
  for (auto i = end; i > from; --i) {
    const auto& e = log_[i - 1];
    if (!committed(e))
      continue;
    auto last = newer.insert(e.what.key).second;
    if (last || i > compacted_below_)
      out.push_back({i - 1, e.what});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<cluster::control_entry_at> control_topic::history() const {
  std::vector<cluster::control_entry_at> out;
  auto end = last_stable();
  for (std::size_t i = 0; i < end; ++i)
    if (committed(log_[i]))
      out.push_back({i, log_[i].what});
  return out;
}

void directory::crash(const std::string& writer) {
  for (auto it = files_.begin(); it != files_.end();) {
    auto& f = it->second;
    auto lost = f.writer == writer && !f.named && world_->chance(50);
    if (f.writer == writer && !f.synced && world_->chance(70)) {
      f.bytes.resize(f.bytes.size() / 2);
      world_->probe("file torn by a crash");
    }
    if (lost)
      world_->probe("name lost by a crash");
    it = lost ? files_.erase(it) : std::next(it);
  }
}

const std::string* directory::find(const std::string& name) const {
  auto it = files_.find(name);
  return it == files_.end() ? nullptr : &it->second.bytes;
}

result<> directory::create(const std::string& writer, const std::string& name, std::string_view bytes) {
  if (files_.count(name) > 0)
    return error{errc::already_exists, name};
  if (ever_.count(name) > 0)
    world_->wrong("the name of a removed file is used again: " + name);
  files_[name] = {std::string(bytes), writer, false, false};
  return success();
}

result<> directory::sync_file(const std::string& name) {
  auto it = files_.find(name);
  if (it == files_.end())
    return error{errc::not_found, name};
  if (world_->fault(5'000))
    return error{errc::unknown_outcome, name};
  it->second.synced = true;
  return success();
}

result<> directory::rename(const std::string& from, const std::string& to) {
  auto it = files_.find(from);
  if (it == files_.end())
    return error{errc::not_found, from};
  if (files_.count(to) > 0)
    return error{errc::already_exists, to};
  if (ever_.count(to) > 0)
    world_->wrong("the name of a removed file is used again: " + to);
  files_[to] = std::move(it->second);
  files_.erase(from);
  files_[to].named = false;
  return success();
}

result<> directory::sync_names(const std::string& writer) {
  for (auto& [name, f] : files_)
    if (f.writer == writer)
      f.named = true;
  return success();
}

std::vector<std::string> directory::list() const {
  std::vector<std::string> out;
  for (const auto& [name, f] : files_)
    out.push_back(name);
  return out;
}

result<> directory::remove(const std::string& name) {
  if (files_.erase(name) > 0)
    ever_[name] = true;
  return success();
}

} // namespace weir::simulation
