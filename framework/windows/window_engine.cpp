#include <weir/windows/window_engine.hpp>

#include <algorithm>

namespace weir {

result<> window_engine::open(chain_runtime& runtime, const std::string& operator_name, const std::string& schema) {
  const auto& context = *runtime.context;
  if (context.state == nullptr)
    return {errc::internal, "operator '" + operator_name + "' has windows but its task has no keyed state"};
  state_ = context.state;
  first_group_ = context.first_key_group;
  last_group_ = context.last_key_group;
  set_watermark(runtime.watermark);
  WEIR_ASSIGN(handle_, state_->declare({operator_name, "slices", state_kind::ordered, schema}));
  return success();
}

void window_engine::set_watermark(timestamp w) { passed_ = shape_.clamp(w, lateness_) + duration{1}; }

void window_engine::begin(timestamp before) {
  floor_ = shape_.end_at_or_before(shape_.clamp(before, lateness_) + duration{1});
  firing_ = true;
  group_ = first_group_;
  fired_ = floor_;
  end_.reset();
}

result<progress> window_engine::fire(window_firing& to) {
  while (group_ <= last_group_) {
    if (!end_) {
      WEIR_ASSIGN(auto found, next_window());
      if (!found) {
        WEIR_TRY(leave_group());
        continue;
      }
    }
    auto fired = shape_.one_slice() ? fire_single(to) : fire_merged(to);
    if (!fired)
      return fired.err();
    if (!*fired)
      return progress::blocked;
    fired_ = *end_;
    end_.reset();
  }
  firing_ = false;
  return progress::done;
}

result<bool> window_engine::next_window() {
  // The next window to fire starts right behind the start of the last one that fired: older slices are of no use to it.
  auto from = shape_.done_slices(fired_) + shape_.slice();
  WEIR_ASSIGN(auto slice, state_->first_time(handle_, static_cast<std::uint16_t>(group_), from));
  if (!slice)
    return false;
  auto end = std::max(shape_.first_end(*slice), fired_ + shape_.slide());
  if (end > passed_)
    return false;
  end_ = end;
  after_key_.clear();
  gathered_ = false;
  return true;
}

result<> window_engine::leave_group() {
  auto group = static_cast<std::uint16_t>(group_);
  auto done = shape_.done_slices(shape_.end_at_or_before(passed_ - lateness_));
  WEIR_ASSIGN(auto oldest, state_->first_time(handle_, group, min_timestamp));
  if (oldest && *oldest <= done)
    WEIR_TRY(state_->drop_until(handle_, group, done));
  ++group_;
  fired_ = floor_;
  return success();
}

/// A window of one slice: its entries are its results.
result<bool> window_engine::fire_single(window_firing& to) {
  result<bool> more = true;
  auto visit = [&](timestamp, std::string_view key, std::string_view accumulator) {
    more = to.emit(key, *end_, accumulator);
    after_key_.assign(key);
    return more && *more;
  };
  WEIR_TRY(state_->scan(handle_, static_cast<std::uint16_t>(group_), *end_, after_key_, *end_, visit));
  return more;
}

result<bool> window_engine::fire_merged(window_firing& to) {
  if (!gathered_)
    WEIR_TRY(gather(to));
  while (next_merged_ < merged_.size()) {
    auto& [key, accumulator] = merged_[next_merged_++];
    WEIR_ASSIGN(auto more, to.emit(key, *end_, accumulator));
    if (!more)
      return false;
  }
  merged_.clear();
  return true;
}

/// The accumulators of all keys of one key group in one window, slices merged in the order of time.
result<> window_engine::gather(window_firing& to) {
  merged_.clear();
  next_merged_ = 0;
  auto visit = [&](timestamp, std::string_view key, std::string_view accumulator) {
    merged_.emplace_back(key, accumulator);
    return true;
  };
  auto first = *end_ - shape_.size() + shape_.slice();
  WEIR_TRY(state_->scan(handle_, static_cast<std::uint16_t>(group_), first, {}, *end_, visit));
  std::stable_sort(merged_.begin(), merged_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < merged_.size(); ++i) {
    if (kept > 0 && merged_[kept - 1].first == merged_[i].first) {
      WEIR_TRY(to.merge(merged_[kept - 1].second, merged_[i].second));
    } else {
      if (kept != i)
        merged_[kept] = std::move(merged_[i]);
      ++kept;
    }
  }
  merged_.resize(kept);
  gathered_ = true;
  return success();
}

result<> window_engine::fire_again(std::uint16_t group, timestamp slice, std::string_view key, window_firing& to) {
  for (auto end = shape_.first_end(slice); end <= shape_.last_end(slice) && end <= passed_; end = end + shape_.slide()) {
    if (end + lateness_ <= passed_)
      continue;
    std::optional<std::string> all;
    for (auto s = end - shape_.size() + shape_.slice(); s <= end; s = s + shape_.slice()) {
      WEIR_ASSIGN(auto part, state_->get(handle_, group, s, key));
      if (!part)
        continue;
      if (!all)
        all = std::string(*part);
      else
        WEIR_TRY(to.merge(*all, *part));
    }
    if (all)
      WEIR_TRY(to.emit(key, end, *all));
  }
  return success();
}

} // namespace weir
