#pragma once
#include <map>
#include <optional>
#include <set>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/cluster/store_authority.hpp>
#include <weir/core/result.hpp>
#include "tests/simulation/world.hpp"

namespace weir::simulation {

using table = std::map<int, int>; ///< key -> count

/// What a participant hands to the store: changed rows, or sealed output.
struct chunk {
  table rows;
  std::vector<item> output;
};

/// The content of a store: what a copy of its file holds.
struct store_content {
  lineage_id lineage;
  std::uint64_t incarnation = 0;
  std::uint64_t highest = 0;           ///< Number of any checkpoint or closed attempt.
  std::optional<std::uint64_t> newest; ///< Complete.
  bool ended = false;
  std::map<participant_id, contribution> manifest;
  std::map<participant_id, table> base; ///< With all complete deltas applied.
  std::map<std::uint64_t, std::vector<item>> outboxes;
  std::optional<marker> published;
  std::set<std::pair<std::uint64_t, std::size_t>> fates; ///< Epoch and ordinal of records that their topic refuses for good.
  std::vector<std::uint64_t> own_incarnations;
  std::map<participant_id, std::vector<chunk>> staged_delta, staged_outbox; ///< Of this incarnation.
  std::map<participant_id, std::size_t> delta_taken, outbox_taken;
};

/// The store on a disk that keeps only what was synced when it fails. Semantics as in storage/job_store.hpp.
class store final : public judging_store {
 public:
  store(world& w, store_content content) : world_(&w), now_(content), durable_(std::move(content)) {}

  /// The process died: what was not synced may be lost.
  void crash() {
    if (world_->chance(50))
      now_ = durable_;
    else
      durable_ = now_;
  }
  /// What somebody finds who copies the file while the process is stopped.
  [[nodiscard]] store_content copy() { return world_->chance(50) ? durable_ : now_; }
  [[nodiscard]] const store_content& content() const { return now_; }

  result<> begin_incarnation();
  void stage_delta(const participant_id& who, chunk c) { now_.staged_delta[who].push_back(std::move(c)); }
  void stage_outbox(const participant_id& who, chunk c) { now_.staged_outbox[who].push_back(std::move(c)); }
  [[nodiscard]] lineage_id lineage() const override { return now_.lineage; }
  [[nodiscard]] std::uint64_t incarnation() const override { return now_.incarnation; }
  [[nodiscard]] std::uint64_t highest_number() const override { return now_.highest; }
  [[nodiscard]] std::optional<std::uint64_t> newest() const override { return now_.newest; }
  result<> complete(const completion& c) override;
  result<authority::verdict> close(std::uint64_t k) override;
  result<> add_own_incarnation();
  result<> add_fate(std::uint64_t checkpoint, std::size_t ordinal);
  /// Durable with the next sync only.
  void set_published(const marker& m);
  [[nodiscard]] std::vector<std::uint64_t> unpublished() const;

  /// The disk failed or the process was killed inside a sync: nobody knows what is durable.
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  result<> sync();
  world* world_;
  store_content now_, durable_;
  bool lost_ = false;
};

} // namespace weir::simulation
