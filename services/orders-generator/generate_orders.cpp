#include "services/orders-generator/generate_orders.hpp"

#include <algorithm>
#include <weir/record/time_text.hpp>

namespace weir {

generated_order make_order(const generate_options& o, std::uint64_t id, timestamp clock) {
  auto random = numbers_of(o, id);
  generated_order order;
  order.id = id;
  // The smaller of two: low numbers come more often, as with real customers.
  order.customer = numbered("c-", std::min(random.below(o.keys), random.below(o.keys)), 4);
  auto kind = random.below(100);
  auto cents = static_cast<std::int64_t>(1 + random.below(20'000));
  order.amount_cents = kind == 0 ? 0 : kind <= 3 ? -cents : cents;
  auto time = make_time(o, random, clock);
  order.at = time.at;
  order.late = time.late;
  return order;
}

void append_json(const generated_order& order, std::string& out) {
  out += "{\"order_id\":" + std::to_string(order.id) + ",\"customer\":\"" + order.customer +
         "\",\"amount_cents\":" + std::to_string(order.amount_cents) + ",\"at\":\"";
  format_timestamp(order.at, out);
  out += "\"}";
}

record_generator orders_generator() {
  return {"generate-orders",
          "order-totals",
          "orders",
          "customers",
          "order_id",
          [](const generate_options& o, std::uint64_t id, timestamp clock, std::string& key, std::string& value) {
            auto order = make_order(o, id, clock);
            key += order.customer;
            append_json(order, value);
          }};
}

} // namespace weir
