#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include <weir/cluster/control_record.hpp>
#include <weir/cluster/manifest.hpp>

namespace weir::cluster {

/// Whether the slot's marker says that the whole entry is visible. A slot without a marker has published nothing.
[[nodiscard]] bool entry_published(const outbox_entry& e, const std::map<slot_id, marker>& published);

/// Whether an entry may be published now as far as other slots are concerned: everything of every slot up to the
/// checkpoint from which the entry's attempt started is visible. Keys move between slots only at a start, so order per key
/// survives the move. `entries`: the outbox of the newest complete manifest; `published`: as read from the marker topic.
///
/// Several changes of assignment can be unfinished at once: each entry has its own in it, and what is below one holds back
/// all that is above it, however many changes later.
[[nodiscard]] bool may_publish(const outbox_entry& e, const std::vector<outbox_entry>& entries,
                               const std::map<slot_id, marker>& published);

/// Whether a slot may go off the record: nothing of it is unpublished, and its marker is of the newest attempt, so its
/// owner there has fenced it. Without that a transaction that a dead owner left open (its claim, say) would hide what is
/// behind it from every read_committed reader until the broker times it out.
[[nodiscard]] bool slot_drained(const slot_id& slot, std::uint64_t incarnation, const std::vector<outbox_entry>& entries,
                                const std::map<slot_id, marker>& published);

/// The slots of a connection for the next attempt. Pure. Every working node gets one that takes its output: the one it had,
/// else a free one with the lowest number. Slots of others stay on record as draining, with an owner among the working
/// nodes, until they are drained: then they go off the record.
///
/// `before`: as in the newest assignment; `drained`: those of them that slot_drained says it of.
[[nodiscard]] std::vector<slot_owner> assign_slots(const std::vector<slot_owner>& before, const std::string& connection,
                                                   const std::vector<std::string>& working, const std::set<slot_id>& drained);

/// What a node does about a slot after it called init_transactions, after it was fenced, and after it read the control
/// topic to its end. Pure.
enum class slot_step : std::uint8_t {
  go_on,     ///< Still the owner, in this very attempt.
  take_anew, ///< Still the owner, in a newer attempt: fence, look and claim with the new incarnation.
  give_up,   ///< Somebody else's now. Not an end of the process.
};
struct slot_standing {
  std::string owner;             ///< As read; empty: nobody.
  std::uint64_t incarnation = 0; ///< Of the newest assignment, as read.
};
slot_step decide_slot(const std::string& self, std::uint64_t own_incarnation, const slot_standing& read);

} // namespace weir::cluster
