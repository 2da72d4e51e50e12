#pragma once
#include <utility>
#include <weir/cluster/authority.hpp>

namespace weir {

/// The part of a job's store that judges (section 7). Semantics as in storage/job_store.hpp.
class judging_store {
 public:
  virtual ~judging_store() = default;
  [[nodiscard]] virtual lineage_id lineage() const = 0;
  [[nodiscard]] virtual std::uint64_t incarnation() const = 0;
  [[nodiscard]] virtual std::uint64_t highest_number() const = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> newest() const = 0;
  virtual result<> complete(const completion& c) = 0;
  virtual result<authority::verdict> close(std::uint64_t checkpoint) = 0;
};

/// The authority of a cluster of one: the node's own store, asked directly; answers come from inside the call. No control
/// topic, no group, nothing that a single process would have to pay for.
class store_authority final : public authority {
 public:
  /// `store` must outlive it.
  explicit store_authority(judging_store& store) : store_(&store) {}
  [[nodiscard]] lineage_id lineage() const override { return store_->lineage(); }
  [[nodiscard]] std::uint64_t incarnation() const override { return store_->incarnation(); }
  [[nodiscard]] std::uint64_t highest_number() const override { return store_->highest_number(); }
  [[nodiscard]] std::optional<std::uint64_t> newest() const override { return store_->newest(); }
  void complete(const completion& c, completed done) override { done(store_->complete(c)); }
  void close(std::uint64_t checkpoint, judged done) override { done(store_->close(checkpoint)); }
  void ask_slot(const cluster::slot_id& slot, std::uint64_t, bool was_fenced, stepped done) override {
    // The store's lock makes this process the only owner: who fences us runs on a copy, or took the store over.
    if (was_fenced)
      return done(error{errc::fenced, "slot " + std::to_string(slot.index) + " of connection '" + slot.connection +
                                          "' was fenced: another process runs this job"});
    done(cluster::slot_step::go_on);
  }

 private:
  judging_store* store_;
};

} // namespace weir
