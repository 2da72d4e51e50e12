#include "tests/e2e/orders.hpp"

#include <algorithm>
#include <cstdio>

#include "tests/e2e/judge.hpp"

namespace weir::e2e {

input_line order_maker::next() {
  constexpr std::int64_t begin_ms = 1'767'225'600'000; // 2026-01-01T00:00:00Z
  const auto now = begin_ms + made_ * step_ms_;
  auto at = now - pick(0, 4'999);
  if (pick(0, 19) == 0)
    at = now - now % 1000; // A whole second, so now and then the very border of a window.
  if (pick(0, 199) == 0)
    at = now - pick(90'000, 600'000);
  at = std::max(at, begin_ms);
  char customer[32];
  std::snprintf(customer, sizeof customer, "c-%04u", static_cast<unsigned>(pick(0, customers_ - 1)));
  const auto amount = pick(0, 19) == 0 ? 0 : pick(-2'000, 20'000);
  ++made_;
  return {customer, "{\"order_id\":" + std::to_string(made_) + ",\"customer\":\"" + customer +
                        "\",\"amount_cents\":" + std::to_string(amount) + ",\"at\":\"" + format_time(at) + "\"}"};
}

} // namespace weir::e2e
