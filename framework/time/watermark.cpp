#include <algorithm>
#include <weir/time/watermark.hpp>

namespace weir {

watermark_merger::watermark_merger(std::size_t channels, timestamp floor) : inputs_(channels), current_(floor) {}

std::optional<timestamp> watermark_merger::merge() {
  std::optional<timestamp> lowest;
  auto all_ended = !inputs_.empty();
  for (const auto& in : inputs_) {
    all_ended = all_ended && in.ended;
    if (!in.ended && !in.idle && (!lowest || in.watermark < *lowest))
      lowest = in.watermark;
  }
  if (all_ended)
    lowest = max_timestamp;
  if (!lowest || *lowest <= current_)
    return std::nullopt;
  current_ = *lowest;
  return current_;
}

watermark_merger::status_change watermark_merger::update() {
  auto open = false;
  auto active = false;
  for (const auto& in : inputs_) {
    open = open || !in.ended;
    active = active || (!in.ended && !in.idle);
  }
  status_change change{merge(), std::nullopt};
  if (auto idle = open && !active; idle != idle_) {
    idle_ = idle;
    change.idle = idle;
  }
  return change;
}

std::optional<timestamp> watermark_merger::on_watermark(std::size_t channel, timestamp t) {
  auto& in = inputs_[channel];
  in.watermark = std::max(in.watermark, t);
  return merge();
}

watermark_merger::status_change watermark_merger::on_channel_end(std::size_t channel) {
  auto& in = inputs_[channel];
  in.ended = true;
  in.idle = false;
  return update();
}

watermark_merger::status_change watermark_merger::on_status(std::size_t channel, bool idle) {
  auto& in = inputs_[channel];
  if (in.ended || in.idle == idle)
    return {};
  in.idle = idle;
  return update();
}

std::optional<std::size_t> watermark_merger::holding() const {
  std::optional<std::size_t> slowest;
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (!inputs_[i].idle && !inputs_[i].ended && (!slowest || inputs_[i].watermark < inputs_[*slowest].watermark))
      slowest = i;
  return slowest;
}

} // namespace weir
