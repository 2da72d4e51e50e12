#pragma once
#include <cstdint>
#include <random>

#include "tests/e2e/judge.hpp"
#include "tests/e2e/scene.hpp"

namespace weir::e2e {

/// Makes charges for fraud-detection with its default settings: out of order by less than 5 s, about one in 200 minutes too
/// late, times that are equal, amounts on the very bounds, refunds.
class charge_maker final : public input_maker {
 public:
  charge_maker(std::uint64_t seed, unsigned cards) : random_(seed), cards_(cards) {}
  using input_maker::next;
  [[nodiscard]] input_line next() override;
  [[nodiscard]] std::int64_t made() const override { return made_; }

 private:
  std::mt19937_64 random_;
  unsigned cards_;
  std::int64_t made_ = 0;
};

/// Computes every alert of fraud-detection with its default settings from the charges that are not late, and compares.
[[nodiscard]] verdict judge_charges(const world_facts& facts);

} // namespace weir::e2e
