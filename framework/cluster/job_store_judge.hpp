#pragma once
#include <functional>
#include <utility>
#include <weir/cluster/store_authority.hpp>
#include <weir/storage/job_store.hpp>

namespace weir {

/// A job_store as the judge of a cluster of one. One thread, that of the store.
class job_store_judge final : public judging_store {
 public:
  /// Puts in what the manifest has beside the completion: time, plan, state of the job. `store` must outlive it.
  using manifest_maker = std::function<checkpoint_manifest(const completion&)>;
  job_store_judge(job_store& store, manifest_maker manifest) : store_(&store), manifest_(std::move(manifest)) {}
  [[nodiscard]] lineage_id lineage() const override { return store_->lineage(); }
  [[nodiscard]] std::uint64_t incarnation() const override { return store_->incarnation(); }
  [[nodiscard]] std::uint64_t highest_number() const override { return store_->highest_number(); }
  /// May block on the disk.
  [[nodiscard]] std::optional<std::uint64_t> newest() const override {
    auto all = store_->checkpoints();
    if (!all || all->empty())
      return std::nullopt;
    return all->front().number;
  }
  result<> complete(const completion& c) override { return store_->complete(manifest_(c)); }
  result<authority::verdict> close(std::uint64_t checkpoint) override {
    WEIR_ASSIGN(auto v, store_->close(checkpoint));
    return v == job_store::verdict::complete ? authority::verdict::complete : authority::verdict::closed;
  }

 private:
  job_store* store_;
  manifest_maker manifest_;
};

} // namespace weir
