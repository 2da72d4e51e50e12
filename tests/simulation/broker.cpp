#include "tests/simulation/broker.hpp"

namespace weir::simulation {

int broker::open_transaction(producer& p) {
  if (p.transaction < 0) {
    p.transaction = static_cast<int>(transactions_.size());
    transactions_.push_back(state::open);
  }
  return p.transaction;
}

void broker::end(producer& p, state s) {
  if (p.transaction >= 0)
    transactions_[static_cast<std::size_t>(p.transaction)] = s;
  p.transaction = -1;
}

int broker::init(const std::string& id) {
  auto& p = producers_[id];
  if (p.transaction >= 0)
    world_->probe("open transaction aborted by its successor");
  end(p, state::aborted);
  return ++p.epoch;
}

broker::answer broker::add(const std::string& id, int epoch, const std::vector<item>& records, std::size_t& which) {
  auto& p = producers_[id];
  if (p.epoch != epoch)
    return answer::fenced;
  if (world_->fault(20'000)) {
    end(p, state::aborted);
    return answer::retriable;
  }
  auto t = open_transaction(p);
  for (which = 0; which < records.size(); ++which)
    if (const auto& r = records[which]; !r.letter && refused_.count(r.id) > 0) {
      end(p, state::aborted);
      return answer::refused;
    }
  for (const auto& r : records)
    partitions_[static_cast<std::size_t>(r.key) % partitions_.size()].push_back({t, r});
  return answer::ok;
}

broker::answer broker::commit(const std::string& id, int epoch, const marker& m) {
  auto& p = producers_[id];
  if (p.epoch != epoch)
    return answer::fenced;
  if (world_->fault(20'000)) {
    end(p, state::aborted);
    return answer::retriable;
  }
  markers_.push_back({open_transaction(p), id, m});
  end(p, state::committed);
  return answer::ok;
}

void broker::abort(const std::string& id, int epoch) {
  auto& p = producers_[id];
  if (p.epoch == epoch)
    end(p, state::aborted);
}

void broker::open_foreign(const std::string& id) { markers_.push_back({open_transaction(producers_[id]), id, {}}); }

void broker::close_foreign(const std::string& id) { end(producers_[id], state::aborted); }

broker::marker_view broker::read_markers(const std::string& id) const {
  marker_view view;
  view.high_watermark = markers_.size();
  view.last_stable = last_stable(markers_);
  for (std::size_t i = 0; i < view.last_stable; ++i)
    if (markers_[i].id == id && committed(markers_[i].transaction))
      view.found = markers_[i].mark;
  return view;
}

std::vector<item> broker::read_committed(std::size_t partition) const {
  const auto& log = partitions_[partition];
  std::vector<item> out;
  auto end = last_stable(log);
  for (std::size_t i = 0; i < end; ++i)
    if (committed(log[i].transaction))
      out.push_back(log[i].record);
  return out;
}

bool broker::any_open() const {
  for (const auto& [id, p] : producers_)
    if (p.transaction >= 0)
      return true;
  return false;
}

} // namespace weir::simulation
