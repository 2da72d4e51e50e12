#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <weir/checkpoint/recovery.hpp>
#include <weir/checkpoint/types.hpp>
#include <weir/connectors/connector.hpp>
#include <weir/core/logger.hpp>
#include <weir/graph/plan.hpp>
#include <weir/task/record_fates.hpp>

namespace weir {

/// The outbox of one complete epoch: chunks as staged, in publishing order.
struct epoch_output {
  std::uint64_t checkpoint = 0;
  std::vector<std::string> chunks;
  std::vector<std::string> writers{}; ///< Sink vertex of each chunk; what is missing is nobody's.
};

/// One transactional id and the connection it writes to.
struct publisher_slot {
  std::string id;
  std::string connection;
  sink_connection* sink = nullptr; ///< Outlives the slot.
};

/// Publishes complete epochs under the job's transactional ids by the marker protocol (design section 8): records and
/// marker in one transaction, repeated until the outcome is known. Blocks; one thread at a time (the publisher actor,
/// or the supervisor during recovery).
class epoch_publisher {
 public:
  struct options {
    std::string marker_topic;
    std::size_t transaction_bytes = std::size_t{16} << 20; ///< An epoch above it is published in several transactions.
    std::function<bool(duration)> wait;     ///< Waits; true when the caller wants to give up (a stop beyond its time-out).
    std::map<std::string, sink_spec> sinks; ///< By vertex: what becomes of a record that its topic refuses for good.
  };
  epoch_publisher(options o, std::vector<publisher_slot> slots, logger log);

  /// Fences every earlier holder of every id. Errors: unavailable, not_authorized, fenced.
  result<> fence();
  /// The newest marker of a slot, after `fence`.
  result<std::optional<marker>> read_marker(std::size_t slot);
  /// The identity that markers carry from now on.
  void identify(lineage_id lineage, std::uint64_t incarnation);
  /// The fates that the store holds, and how it durably keeps them from now on; `keep` returns when they are synced. Without
  /// this every record that is refused for good ends the publish.
  void fates(record_fates known, std::function<result<>(std::string encoded)> keep);
  /// Another way to the store.
  void keep_fates_with(std::function<result<>(std::string encoded)> keep) { keep_fates_ = std::move(keep); }
  /// Publishes nothing but the claim's marker, until the outcome is known. Errors: unavailable when somebody published in
  /// between: what recovery read no longer holds, so it must begin anew; fenced; cancelled.
  result<> claim(std::size_t slot, const recovery_plan::claim& c);

  /// Publishes epochs in ascending order, skipping records of the first epoch that a slot published already (`done`: slot ->
  /// ordinal). On return without error all is visible, but for records that their topic refuses for good: those go by the
  /// error policy of their sink, which is durable in the store before the rest is published. Errors: fenced (terminal), not_found
  /// or not_authorized (topic or right gone), too_large or invalid_argument (a record that can never be written, under the policy
  /// `fail`, or a dead letter; named), store_corrupt (a chunk cannot be read: nothing of its transaction is visible, and trying
  /// again is no use), cancelled, store_foreign.
  result<> publish(const std::vector<epoch_output>& epochs, const std::map<std::size_t, std::uint64_t>& done = {});

  /// The same for one slot, from `ordinal` of the first epoch on; for what a former process left.
  result<> publish_for(std::size_t slot, const std::vector<epoch_output>& epochs, std::uint64_t ordinal) {
    return publish_slot(slot, epochs, {0, ordinal});
  }

  [[nodiscard]] const std::vector<publisher_slot>& slots() const { return slots_; }

 private:
  struct position {
    std::size_t epoch = 0;     ///< Index in the list.
    std::uint64_t ordinal = 0; ///< First record of the slot that is not published.
  };
  struct attempt_result {
    publish_report report;
    marker intended;
  };
  result<> open(std::size_t slot);
  attempt_result attempt(std::size_t slot, const std::vector<epoch_output>& epochs, position& at);
  result<> publish_slot(std::size_t slot, const std::vector<epoch_output>& epochs, position at);
  /// A record of the outbox by its place.
  struct located {
    std::uint64_t checkpoint = 0;
    std::uint64_t ordinal = 0;
    std::string writer, topic, description;
    std::optional<std::string> key;
  };
  /// Decides what becomes of the records that `report` names, keeps it durably, and lets the next attempt go by it.
  result<> isolate(std::size_t slot, const std::vector<epoch_output>& epochs, const position& from, const publish_report& report);
  /// The records that stood at these places of a transaction beginning at `from`. `at` ascends.
  result<std::vector<located>> locate(std::size_t slot, const std::vector<epoch_output>& epochs, const position& from,
                                      const std::vector<std::size_t>& at) const;
  result<record_fate> judge(std::size_t slot, const located& record, const error& cause);
  result<position> look(std::size_t slot, const std::vector<epoch_output>& epochs, const marker& intended, position at);

  options options_;
  std::vector<publisher_slot> slots_;
  std::vector<std::unique_ptr<transactional_publisher>> publishers_;
  lineage_id lineage_;
  std::uint64_t incarnation_ = 0;
  record_fates fates_;
  std::function<result<>(std::string)> keep_fates_;
  logger log_;
};

} // namespace weir
