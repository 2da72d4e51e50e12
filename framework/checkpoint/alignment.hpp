#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

/// Barrier alignment of one task over its input channels (Chandy-Lamport as in Carbone et al., "Lightweight Asynchronous
/// Snapshots for Distributed Dataflows", 2015). Pure.
///
/// A closed attempt needs no message along the channels: every task hears of it from the coordinator (`on_closed`), and where
/// a higher barrier is faster, that one cancels. Both end in the same state: nothing held for the old attempt, all its
/// later barriers passed by. Barriers of a closed attempt are not forwarded.
///
/// Ended channels go on delivering barriers: the number of channels is fixed.
class alignment {
 public:
  explicit alignment(std::size_t channels);

  enum class outcome : std::uint8_t {
    hold,      ///< Hold this channel: no frame of it is processed until release.
    aligned,   ///< All have it: freeze, forward the barrier, ack; all channels are released.
    cancelled, ///< A higher barrier came: decline the older (`cancelled_checkpoint`), release its channels; this channel
               ///< is held for the new one (or call `aligned_now`, when it was the last missing).
    ignored,   ///< A barrier of a closed or older attempt: pass it by.
  };
  struct decision {
    outcome what;
    std::uint64_t cancelled_checkpoint = 0;
    bool also_aligned = false;  ///< With `cancelled`: the new barrier is aligned at once.
    bool final_barrier = false; ///< With aligned: the barrier's final flag.
  };
  decision on_barrier(std::size_t channel, std::uint64_t checkpoint, bool final_barrier);
  /// The attempt was closed: its channels are released if it is being aligned; later barriers of it, and of all before
  /// it, are ignored. An attempt that was aligned already needs nothing: what was frozen falls to the next checkpoint.
  void on_closed(std::uint64_t checkpoint);

  [[nodiscard]] bool held(std::size_t channel) const { return held_[channel]; }
  [[nodiscard]] std::uint64_t aligning() const { return current_; } ///< 0: none.

 private:
  [[nodiscard]] bool arrive(std::size_t channel);
  void release();
  std::vector<bool> held_;
  std::size_t missing_ = 0;
  std::uint64_t current_ = 0;
  std::uint64_t last_ = 0; ///< Highest checkpoint aligned or closed.
  bool final_ = false;
};

} // namespace weir
