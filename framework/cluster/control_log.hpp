#pragma once
#include <cstdint>
#include <functional>
#include <vector>
#include <weir/cluster/control_record.hpp>

namespace weir::cluster {

/// How an append came back.
enum class append_outcome : std::uint8_t {
  committed,
  retriable, ///< Nothing is visible and the transaction is aborted; the same append may succeed later.
  replaced,  ///< Refused: another producer has taken the id, or the group generation is stale. Nothing is visible.
  unknown,   ///< May or may not have happened.
};

/// The control topic as the protocol needs it: one partition, read_committed, compacted, acks=all. One transactional id
/// `<namespace>.weir-control` for all who lead, whoever they are. What an implementation guarantees:
///
/// * `take` fences every earlier taker (its later appends are `replaced`) and ends what it left open, committed or aborted,
///   before it answers.
/// * `append` writes the records in one transaction that also sends offsets with this member's group metadata: with a stale
///   generation nothing becomes visible, however late it arrives. Refused for its generation, it polls: a member that still
///   holds the partition has learnt the new one then, and says `retriable`.
/// * `read` answers only when all that was in the topic when it was asked, open transactions of others included, is decided
///   and delivered: the last stable offset alone may hide what is committed behind it.
///
/// Answers come on the caller's thread, at most one request of each kind is under way, none comes back from inside a call.
class control_log {
 public:
  virtual ~control_log() = default;
  using took = std::function<void(result<>)>; ///< Errors: unavailable (ask again later), not_authorized.
  virtual void take(took done) = 0;
  using appended = std::function<void(append_outcome)>;
  virtual void append(const std::vector<control_entry>& entries, appended done) = 0;
  using read_back = std::function<void(result<std::vector<control_entry_at>>)>; ///< Errors: unavailable.
  /// Committed records at or above `from`, ascending, up to the end.
  virtual void read(std::uint64_t from, read_back done) = 0;
};

} // namespace weir::cluster
