#pragma once
// The running example, as in the docs.
#include <weir/weir.hpp>

namespace orders_example {

struct order {
  std::int64_t order_id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(order, (), (order_id, customer, amount_cents, at))

struct total {
  std::string customer;
  weir::timestamp window_start, window_end;
  std::int64_t total_cents = 0, orders = 0;
};
BOOST_DESCRIBE_STRUCT(total, (), (customer, window_start, window_end, total_cents, orders))

inline weir::job make_order_totals() {
  using namespace std::chrono_literals;
  weir::job job{"order-totals"};
  job.source("orders", weir::topic<order>{{"main", "orders"}})
      .event_time(&order::at, weir::bounded_out_of_orderness{5s}, weir::idle_after{30s})
      .key_by(&order::customer)
      .window("per-minute", weir::tumbling{1min})
      .late("late", weir::topic<weir::raw_record>{{"main", "orders.late"}})
      .aggregate(weir::sum(&order::amount_cents), weir::count())
      .map("total",
           [](const auto& w) {
             return total{w.key, w.start, w.end, w.template get<0>(), w.template get<1>()};
           })
      .sink("totals", weir::topic<total>{{"main", "order-totals"}}, weir::key{&total::customer});
  return job;
}

inline std::string order_json(int id, const std::string& customer, int cents, const std::string& at) {
  return R"({"order_id":)" + std::to_string(id) + R"(,"customer":")" + customer + R"(","amount_cents":)" + std::to_string(cents) +
         R"(,"at":")" + at + "\"}";
}

} // namespace orders_example
