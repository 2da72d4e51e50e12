#pragma once
#include <cstdint>
#include <string>

#include "services/generator/generate.hpp"

namespace weir {

/// One order as a JSON text; pure. `clock` is the event time up to which orders have come so far. One in a hundred is 0
/// cents, three in a hundred are negative. Customers are named c-0000, c-0001, ...; the first ones order more often.
struct generated_order {
  std::uint64_t id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
  timestamp at;
  bool late = false;
};
[[nodiscard]] generated_order make_order(const generate_options& options, std::uint64_t id, timestamp clock);
void append_json(const generated_order& order, std::string& out);

/// The input of order-totals.
[[nodiscard]] record_generator orders_generator();

} // namespace weir
