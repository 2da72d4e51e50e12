#pragma once
#include <cstdint>
#include <random>
#include <vector>

#include "tests/e2e/judge.hpp"
#include "tests/e2e/scene.hpp"

namespace weir::e2e {

/// Makes orders for inventory and payments: impossible ones among them, some for articles that are scarce, some of customers
/// with little money. Each is placed `step_ms` of event time behind the one before it.
class shop_order_maker final : public input_maker {
 public:
  shop_order_maker(std::uint64_t seed, unsigned customers, std::int64_t step_ms = 100)
      : random_(seed), customers_(customers), step_ms_(step_ms) {}
  using input_maker::next;
  [[nodiscard]] input_line next() override;
  [[nodiscard]] std::int64_t made() const override { return made_; }

 private:
  std::mt19937_64 random_;
  unsigned customers_;
  std::int64_t step_ms_;
  std::int64_t made_ = 0;
};

/// What comes before the orders of so many customers.
[[nodiscard]] std::vector<input_line> make_deliveries(unsigned customers);
[[nodiscard]] std::vector<input_line> make_deposits(unsigned customers);

/// Deliveries and deposits are all in stock and on accounts.
[[nodiscard]] bool shop_opened(const world_facts& facts);
/// Each order has a result, each reservation its answer, and each payment for what was not shipped was given back.
[[nodiscard]] bool shop_settled(const world_facts& facts);

/// Stock and money add up: each line of stock and of an account follows from the one before it, by a step that happens once
/// per order and in an order that a saga allows; what was delivered is free or shipped, what was paid in is there or was paid
/// for what was shipped. Each order has exactly one result, and stock and account say the same of it.
[[nodiscard]] verdict judge_shop(const world_facts& facts);

} // namespace weir::e2e
