#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <weir/cluster/control_record.hpp>

namespace weir::cluster {

/// What the control topic says about one job.
struct job_state {
  fence current;                 ///< Of its newest assignment.
  std::uint64_t incarnation = 0; ///< Offset of that record: what markers of the attempt carry.
  assignment_record assignment;
  std::optional<complete_record> complete;                   ///< The newest.
  fence completed_by;                                        ///< The attempt that made it.
  std::uint64_t closed = 0;                                  ///< Highest number whose closing was asked for.
  std::map<std::uint64_t, std::vector<std::string>> garbage; ///< Listed and perhaps not all deleted, by batch.
  /// The owner of a slot in the newest assignment; empty: nobody.
  [[nodiscard]] std::string owner_of(const slot_id& slot) const;
  /// No number at or below it may be used again.
  [[nodiscard]] std::uint64_t highest_number() const;
};

/// The control topic, replayed. Pure; whoever owns it feeds it each committed record once, in the order of offsets. The
/// same state comes out of the whole topic and of what compaction left of it.
class cluster_state {
 public:
  enum class applied : std::uint8_t {
    taken,
    stale,  ///< Of a leader or attempt that was replaced before: without effect. The broker should have refused it.
    unread, ///< Offset below what was applied already.
  };
  /// Errors of decode_control, and incompatible records: nothing is changed then, and nobody may act on a topic that was
  /// not read to its end.
  result<applied> apply(const control_entry_at& e);

  [[nodiscard]] std::uint64_t term() const { return term_; }          ///< Means nothing while nobody has led.
  [[nodiscard]] const term_record& leader() const { return leader_; } ///< Who holds the term; no name: nobody yet.
  [[nodiscard]] std::uint64_t last_serial() const { return serial_; } ///< Of the newest record of the term.
  [[nodiscard]] std::uint64_t next_offset() const { return next_; }   ///< All below it is applied.
  [[nodiscard]] const std::map<std::string, member_record>& members() const { return members_; }
  [[nodiscard]] const std::map<std::string, job_state>& jobs() const { return jobs_; }
  [[nodiscard]] const job_state* job(const std::string& name) const;
  [[nodiscard]] const std::optional<services_record>& services() const { return services_; }
  /// By node, the offset of its newest sign of life.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& alive() const { return alive_; }

 private:
  void forget(std::string_view key);
  bool take(const control_record& r, std::uint64_t offset);
  std::uint64_t term_ = 0;
  term_record leader_;
  std::uint64_t serial_ = 0;
  std::uint64_t next_ = 0;
  std::map<std::string, member_record> members_;
  std::map<std::string, job_state> jobs_;
  std::optional<services_record> services_;
  std::map<std::string, std::uint64_t> alive_;
};

} // namespace weir::cluster
