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
  std::vector<std::uint64_t> complete; ///< Restorable checkpoints, newest first; empty: a new store.
  bool newest_damaged = false;         ///< A newer one exists but cannot be read.
  std::optional<marker> published;     ///< As recorded in the store.
  struct id_marker {
    std::string id;
    std::optional<marker> found;
    bool first_use = false; ///< The store does not know of any marker under this id: absence is no anomaly.
  };
  std::vector<id_marker> markers;         ///< Of every transactional id the job has ever used.
  std::vector<std::uint64_t> unpublished; ///< Complete epochs with an outbox in the store, ascending.
  bool new_lineage_requested = false;     ///< `--new-lineage` was given.
  /// Highest number any checkpoint or closed attempt of the store has had, if it is above the ones listed; else 0.
  std::uint64_t highest_number = 0;
  /// Incarnations of this store that went past recovery, each recorded durably before its claim; when a claim is confirmed
  /// the earlier ones may go. A marker of any other was written by a copy of this store.
  std::vector<std::uint64_t> own_incarnations;
  /// The store was made from a savepoint of that lineage and has not claimed its ids yet: what others have published of the job
  /// since is no anomaly. Its own output up to the savepoint's checkpoint counts as published, unless a marker of that lineage
  /// says exactly how far that came.
  std::optional<lineage_id> savepoint_of;
};

/// Go on: publish these epochs first (from `ordinal` on in the first), then restore `restore` and begin at `next`.
struct recovery_plan {
  std::optional<std::uint64_t> restore; ///< None: start empty.
  std::uint64_t next = 1;               ///< First checkpoint number to use.
  struct pending {
    std::string id;
    std::uint64_t checkpoint;
    std::uint64_t from_ordinal;
  };
  std::vector<pending> publish;             ///< Per id in ascending order of checkpoints.
  bool publish_marker_zero = false;         ///< A new job or lineage: its first act, before anything of `publish`.
  bool start_new_lineage = false;           ///< Requested and needed; before the marker zero.
  std::vector<std::string> marker_zero_ids; ///< The ids that need it; not empty exactly when publish_marker_zero.
  /// The first transaction of this incarnation under each id: nothing but this marker, before `publish` and before the graph
  /// runs. Its position is where the id stands already (marker zero where there is none). Without it a frozen predecessor
  /// that wakes and makes a new producer to look at an unknown commit would find its own marker, believe it is still the
  /// owner and publish. With start_new_lineage the caller puts the new lineage in.
  ///
  /// The plan holds only as long as the producer that read `found` is the newest: whoever makes another one before the claim
  /// is confirmed asks `after_claim_look`.
  struct claim {
    std::string id;
    marker mark;
    std::optional<marker> found; ///< What recovery read; the plan rests on it.
  };
  std::vector<claim> claims;
};

/// Pure. Publishes what lies above max(marker, published), per id. The caller has recorded marker zero as published
/// before the first checkpoint completes: so a store without a published mark has never published a record.
///
/// Errors: store_foreign (marker of another lineage, of an incarnation that was not ours, or above the newest complete
/// checkpoint; no marker although something was published) with the choices in the message; store_corrupt (the newest
/// checkpoint is damaged and its output, or nothing older, is there).
result<recovery_plan> decide_recovery(const recovery_facts& facts);

/// What to do after a publish came back; pure.
enum class publish_step : std::uint8_t {
  record_published, ///< Tell the store.
  again,            ///< Back off, then the same publish.
  reopen_and_look,  ///< Destroy the producer, fence with a new one, read the marker, decide with `after_look`.
  isolate,          ///< Drop the named record by the sink's policy, durably, and publish the rest.
  stop_publishing,  ///< Keep the outbox, say so; try again only after an operator's action or a long pause.
  stop_damaged,     ///< The outbox cannot be read (store_corrupt): terminal, the store stays as it is.
  stop_job,         ///< Fenced: terminal.
};
/// `attempts`: how often this very publish was tried with this producer, from 1. A retriable failure that stays for
/// several attempts is no longer believed to be harmless: a new producer looks. A value outside the enum counts as unknown.
publish_step decide_publish(int outcome /* publish_outcome */, unsigned attempts);
inline publish_step decide_publish(publish_outcome outcome, unsigned attempts) {
  return decide_publish(static_cast<int>(outcome), attempts);
}
/// What a new producer found after a claim whose outcome was unknown.
enum class claim_step : std::uint8_t {
  claimed,      ///< It is written.
  again,        ///< Nothing has changed since recovery read: write it with the new producer.
  decide_again, ///< Somebody published in between: the plan is void. Read and decide anew, with a new incarnation.
};
/// After reopen_and_look while claiming; pure. Between two producers of ours a predecessor that was frozen can have had one of
/// its own, have found no claim and have published on: writing the claim as planned would take its marker back, and its
/// output would be published a second time.
///
/// Errors: fenced (a higher incarnation has claimed).
result<claim_step> after_claim_look(const recovery_plan::claim& intended, const std::optional<marker>& found);

/// After reopen_and_look behind a confirmed claim: where to go on.
struct look_result {
  bool published;                    ///< What was intended is visible, whole.
  std::uint64_t from_ordinal;        ///< First record of that epoch that is not published.
  std::uint64_t from_checkpoint = 0; ///< The first epoch that is not published whole (numbers may have gaps: or the next).
};
/// Errors: fenced (a higher incarnation wrote), store_foreign (another lineage; no marker, or one from before our claim:
/// markers were lost).
result<look_result> after_look(const marker& intended, const std::optional<marker>& found, const lineage_id& lineage,
                               std::uint64_t incarnation);

} // namespace weir
