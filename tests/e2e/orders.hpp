#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/e2e/scene.hpp"

namespace weir::e2e {

/// Makes orders whose event time goes up by `step_ms` an order and that are out of order by less than 5 s, so also
/// within any partition; amounts may be zero and negative, times fall on window borders, and about one in 200 comes
/// minutes too late. The same seed makes the same orders.
class order_maker final : public input_maker {
 public:
  order_maker(std::uint64_t seed, unsigned customers, std::int64_t step_ms)
      : random_(seed), customers_(customers), step_ms_(step_ms) {}

  using input_maker::next;
  [[nodiscard]] input_line next() override;
  [[nodiscard]] std::int64_t made() const override { return made_; }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  std::mt19937_64 random_;
  unsigned customers_;
  std::int64_t step_ms_;
  std::int64_t made_ = 0;
};

/// What the judge of order-totals looks at.
[[nodiscard]] run_facts order_facts(const world_facts& w);

} // namespace weir::e2e
