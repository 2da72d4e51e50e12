#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/cluster/slots.hpp>
#include <weir/cluster/types.hpp>

/// The authority of a job: the one place that decides which checkpoints are complete and who may publish (design, section
/// 10). The coordinator, the publishers and the stores ask it and conclude nothing themselves.
namespace weir {

/// All participants have acknowledged checkpoint k.
struct completion {
  std::uint64_t checkpoint = 0;
  std::vector<contribution> contributions; ///< What the local store records; of several nodes the manifest has them.
  bool ended = false;
  std::optional<cluster::file_ref> manifest; ///< Several nodes: durable in the shared directory.
};

/// One protocol, two implementations: `store_authority` (one node: its own store) and `cluster::log_authority` (several:
/// the control topic). Answers may come from inside the call (the store) or later, always on the caller's thread; one
/// thread. None of the calls blocks longer than the store's disk does.
class authority {
 public:
  virtual ~authority() = default;
  enum class verdict : std::uint8_t { complete, closed };
  using completed = std::function<void(result<>)>;
  using judged = std::function<void(result<verdict>)>;
  using stepped = std::function<void(result<cluster::slot_step>)>;

  [[nodiscard]] virtual lineage_id lineage() const = 0;
  /// What the markers of this attempt carry: higher than of any attempt before.
  [[nodiscard]] virtual std::uint64_t incarnation() const = 0;
  /// No checkpoint may have a number at or below it.
  [[nodiscard]] virtual std::uint64_t highest_number() const = 0;
  /// The newest complete checkpoint, as far as it was read; none: there is none. Only what it says is complete may be
  /// published, applied or restored.
  [[nodiscard]] virtual std::optional<std::uint64_t> newest() const = 0;

  /// Step 6 of a checkpoint. Errors: fenced (this attempt was replaced; the outcome is the successor's to read),
  /// unknown_outcome (only the store: the process ends), invalid_argument (the number is used), others: it is not complete.
  virtual void complete(const completion& c, completed done) = 0;
  /// Closes k unless it is complete already. After `closed` it never becomes complete. Errors: as above.
  virtual void close(std::uint64_t checkpoint, judged done) = 0;

  /// A publisher has called init_transactions under the slot's id, or was fenced: what it has to do. `own`: the incarnation
  /// it publishes in. Errors: fenced (terminal for the job: a cluster of one has nobody to give the slot to), unavailable.
  virtual void ask_slot(const cluster::slot_id& slot, std::uint64_t own, bool was_fenced, stepped done) = 0;
};

} // namespace weir
