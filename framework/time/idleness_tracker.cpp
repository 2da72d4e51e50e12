#include <algorithm>
#include <weir/time/idleness_tracker.hpp>

namespace weir {

idleness_tracker::idleness_tracker(std::optional<duration> after, duration look)
    : after_(after), look_(std::max(look, duration{1})) {}

std::optional<bool> idleness_tracker::on_poll(bool records, bool at_end, duration now) {
  auto was = idle_;
  if (records) {
    at_end_ = at_end;
    since_.reset();
    if (at_end)
      since_ = now;
    idle_ = false;
  } else {
    at_end_ = at_end_ || at_end;
    if (since_ && now - last_poll_ > look_)
      since_.reset(); // Nobody looked in between.
    if (at_end_ && !since_)
      since_ = now;
    if (after_ && since_ && now - *since_ >= *after_)
      idle_ = true;
  }
  last_poll_ = now;
  if (idle_ == was)
    return std::nullopt;
  return idle_;
}

std::optional<duration> idleness_tracker::next_look() const {
  if (!after_ || !since_ || idle_)
    return std::nullopt;
  // Whoever looks comes later than asked; at the very bound every look would count as a gap.
  return std::min(*since_ + *after_, last_poll_ + look_ / 2);
}

bool idleness_tracker::restore(byte_reader& in) {
  auto flag = in.u8();
  if (!in.ok() || flag > 1)
    return false;
  idle_ = flag == 1;
  return true;
}

} // namespace weir
