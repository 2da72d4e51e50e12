#pragma once
#include <cstdint>
#include <weir/cluster/types.hpp>

namespace weir::cluster {

/// What a node obeys for one job: the highest (term, attempt) it has heard of. Pure; one thread.
class fence_gate {
 public:
  enum class verdict : std::uint8_t {
    refused, ///< Lower than what was heard: the sender was replaced. Nothing may be done for it.
    current, ///< As before.
    raised,  ///< A newer one: what runs under an older one stops before anything is done for this.
  };
  verdict admit(const fence& f);
  [[nodiscard]] const fence& current() const { return current_; }

 private:
  fence current_;
};

/// The receiving end of one channel in one attempt: frames must come whole and in order. Pure; one thread.
class channel_gate {
 public:
  explicit channel_gate(fence of) : fence_(of) {}
  enum class verdict : std::uint8_t {
    deliver, ///< The next one.
    stale,   ///< Of another attempt, or seen already: dropped and counted.
    gap,     ///< Something was lost: the attempt fails, a channel never heals.
  };
  verdict on_frame(const fence& f, std::uint64_t sequence);

 private:
  fence fence_;
  std::uint64_t next_ = 0;
};

} // namespace weir::cluster
