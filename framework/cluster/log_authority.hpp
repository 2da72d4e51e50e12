#pragma once
#include <string>
#include <weir/cluster/authority.hpp>
#include <weir/cluster/control_office.hpp>

namespace weir::cluster {

/// The authority of several nodes: the control topic. Every node has one per job to read by; only the leader's can
/// complete and close. One thread, that of its control_office.
class log_authority final : public authority {
 public:
  /// `office` must outlive it.
  log_authority(control_office& office, std::string job) : office_(&office), job_(std::move(job)) {}

  [[nodiscard]] lineage_id lineage() const override;
  [[nodiscard]] std::uint64_t incarnation() const override;
  [[nodiscard]] std::uint64_t highest_number() const override;
  [[nodiscard]] std::optional<std::uint64_t> newest() const override;
  void complete(const completion& c, completed done) override;
  void close(std::uint64_t checkpoint, judged done) override;
  void ask_slot(const slot_id& slot, std::uint64_t own, bool was_fenced, stepped done) override;

  /// What the topic says of the job, as far as it was read; null: nothing yet.
  [[nodiscard]] const job_state* read() const { return office_->state().job(job_); }
  /// The leader begins an attempt: `a.base` is the newest complete checkpoint, the lineage that of the job (made anew by the
  /// caller for the first). Behind success `read()->current` is the attempt's fence. Errors: fenced.
  void begin_attempt(assignment_record a, completed done);
  /// Lists files as garbage; behind success they may be deleted (`deletable`). Errors: fenced.
  void list_garbage(std::vector<std::string> names, completed done);
  /// The files of these batches are deleted. Errors: fenced.
  void forget_garbage(const std::vector<std::uint64_t>& batches, completed done);

 private:
  [[nodiscard]] bool runs_current_attempt() const;
  control_office* office_;
  std::string job_;
  bool beginning_ = false; ///< An attempt is being written: what belongs to the one before must not come behind it.
};

} // namespace weir::cluster
