#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/core/result.hpp>

namespace weir {

/// What is known at a start, after the store was opened, the incarnation raised, every id fenced and its marker read.
struct recovery_facts {
  lineage_id lineage;
  std::uint64_t incarnation = 0;
  std::vector<std::uint64_t> complete;                 ///< Restorable checkpoints, newest first; empty: a new store.
  bool newest_damaged = false;                         ///< A newer one exists but cannot be read.
  std::optional<marker> published;                     ///< As recorded in the store.
  struct id_marker { std::string id; std::optional<marker> found; };
  std::vector<id_marker> markers;                      ///< Of every transactional id the job has ever used.
  std::vector<std::uint64_t> unpublished;              ///< Complete epochs with an outbox in the store, ascending.
  bool new_lineage_requested = false;                  ///< `--new-lineage` was given.
};

/// Go on: publish these epochs first (from `ordinal` on in the first), then restore `restore` and begin at `next`.
struct recovery_plan {
  std::optional<std::uint64_t> restore;  ///< None: start empty.
  std::uint64_t next = 1;                ///< First checkpoint number to use.
  struct pending { std::string id; std::uint64_t checkpoint; std::uint64_t from_ordinal; };
  std::vector<pending> publish;
  bool publish_marker_zero = false;      ///< A new job: its first act.
  bool start_new_lineage = false;        ///< Requested and needed.
};

/// Pure. Errors: store_foreign (marker of another lineage, marker above the newest complete checkpoint, a marker but an empty
/// store, no marker although something was published) with the choices in the message; store_corrupt.
result<recovery_plan> decide_recovery(const recovery_facts& facts);

/// What to do after a publish came back; pure.
enum class publish_step : std::uint8_t {
  record_published,  ///< Tell the store.
  again,             ///< Back off, then the same publish.
  reopen_and_look,   ///< Destroy the producer, fence with a new one, read the marker, decide with `after_look`.
  isolate,           ///< Drop the named record by the sink's policy, durably, and publish the rest.
  stop_publishing,   ///< Keep the outbox, say so; try again only after an operator's action or a long pause.
  stop_job,          ///< Fenced: terminal.
};
publish_step decide_publish(int outcome /* publish_outcome */, unsigned attempts);
/// After reopen_and_look: where to go on. Errors: store_foreign, fenced (a higher incarnation wrote).
struct look_result { bool published; std::uint64_t from_ordinal; };
result<look_result> after_look(const marker& intended, const std::optional<marker>& found, const lineage_id& lineage,
                               std::uint64_t incarnation);

} // namespace weir
