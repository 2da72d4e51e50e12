#pragma once
#include <optional>
#include <string>
#include <vector>
#include <weir/cluster/manifest.hpp>

namespace weir::cluster {

/// What a node's own store has of a range.
struct local_range {
  std::optional<std::string> applied; ///< Id of the link whose state the base has; none: no base.
  struct delta {
    std::string id;
    std::uint64_t checkpoint = 0; ///< The attempt at a checkpoint that it was prepared for.
  };
  std::vector<delta> prepared; ///< Written, not applied: of complete checkpoints or of attempts that came to nothing.
};

/// How to come to the state that a chain names. In order: start from the local base or from nothing, then the steps.
struct base_plan {
  bool use_base = false;
  struct step {
    std::size_t link = 0; ///< Index in the chain; meaningless for a step that no link names.
    std::string id;
    bool local = false; ///< The node's own copy; else the file of the shared directory.
  };
  std::vector<step> steps;
  std::vector<std::string> discard; ///< Prepared deltas that are not on the chain, or in the base already.
};

/// The chain rule. Pure. A local base is used only if the last link it has applied is on the chain, and then goes on from
/// there; anything else is rebuilt from the shared directory. A prepared delta is applied only if the chain names it. So
/// what was prepared for a checkpoint that never became complete, here or by a process that slept, has no effect.
///
/// The same decision applies deltas while the job runs: the chain is that of a manifest whose *complete* was read.
/// `chain` null: the checkpoint has nothing in this range.
[[nodiscard]] base_plan decide_base(const range_chain* chain, const local_range& local);

} // namespace weir::cluster
