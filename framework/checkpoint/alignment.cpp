#include <algorithm>
#include <weir/checkpoint/alignment.hpp>
#include <weir/checkpoint/planted_bugs.hpp>

namespace weir {

alignment::alignment(std::size_t channels) : held_(channels, false) {}

void alignment::release() { std::fill(held_.begin(), held_.end(), false); }

bool alignment::arrive(std::size_t channel) {
  held_[channel] = true;
  if (--missing_ > 0)
    return false;
  last_ = current_;
  current_ = 0;
  release();
  return true;
}

alignment::decision alignment::on_barrier(std::size_t channel, std::uint64_t checkpoint, bool final_barrier) {
  if (checkpoint <= last_ || checkpoint < current_)
    return {outcome::ignored};
  if (checkpoint == current_) {
    // A held channel delivers nothing; the same barrier twice is a sender's fault that must not count twice.
    if (held_[channel])
      return {outcome::hold};
    final_ = final_ || final_barrier;
    return arrive(channel) ? decision{outcome::aligned, 0, false, final_} : decision{outcome::hold};
  }
  auto cancelled = current_;
  if (cancelled != 0) {
    last_ = cancelled;
    release();
  }
  current_ = checkpoint;
  missing_ = held_.size();
  final_ = final_barrier;
  auto aligned = arrive(channel);
  if (cancelled == 0)
    return aligned ? decision{outcome::aligned, 0, false, final_} : decision{outcome::hold};
  if (planted::active(planted::bug::cancel_holds_nothing))
    release();
  return {outcome::cancelled, cancelled, aligned, aligned && final_};
}

void alignment::on_closed(std::uint64_t checkpoint) {
  last_ = std::max(last_, checkpoint);
  // Attempts come one at a time: what is older than a closed one is closed as well.
  if (current_ != 0 && current_ <= checkpoint) {
    current_ = 0;
    release();
  }
}

} // namespace weir
