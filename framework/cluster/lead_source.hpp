#pragma once
#include <cstdint>

namespace weir::cluster {

/// What gives a node the lead, or does not: the group of the control topic, or the configuration. One thread.
class lead_source {
 public:
  virtual ~lead_source() = default;
  enum class standing : std::uint8_t {
    out,      ///< Another node has the lead, or nobody yet.
    holds,    ///< This node has it.
    replaced, ///< Another process has joined in this node's name. Final.
  };
  /// To be called often: who does not call it for the time of a session loses the lead. Does not block.
  virtual standing poll() = 0;
  /// Gives the lead to another node, and does not want it back before `rejoin`. Does not block.
  virtual void give_up() = 0;
  virtual void rejoin() = 0;
};

} // namespace weir::cluster
