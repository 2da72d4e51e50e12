#include "services/order-totals/order_totals.hpp"

namespace weir {

using namespace std::chrono_literals;

settings_of<order_totals_settings> order_totals_table() {
  using s = order_totals_settings;
  settings_of<s> t;
  t.add("input", &s::input, "Topic of the orders. Waited for when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("output", &s::output, "Topic of the totals, key: the customer. Made with the input's partitions when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("late", &s::late, "Topic of the orders that came behind their window, as they were. Made when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("parallelism", &s::parallelism, "Tasks that sum; 0: as many as there are cores, or one in a shard.",
        {.bounds = between(0, 128), .trade_off = "More tasks use more cores; each has its own cache of state.", .unit = "tasks"});
  t.add("window", &s::window, "Length of a window of event time; windows begin at whole multiples of it.",
        {.bounds = between(1ms, 24h), .effect = change_effect::fixed});
  t.add("out_of_orderness", &s::out_of_orderness, "An order may be this much older than one before it in its partition.",
        {.bounds = between(0ms, 24h), .trade_off = "Longer: fewer late orders, later totals."});
  t.add("idle_after", &s::idle_after, "A partition read to its end that is silent for so long no longer holds back the windows.",
        {.bounds = between(10ms, 24h),
         .trade_off = "Shorter: totals come sooner when partitions fall silent; an order that comes after all may be late."});
  add_record_settings(t, "totals and late orders", "order", "orders");
  return t;
}

job make_order_totals(const order_totals_settings& c) {
  job job{"order-totals"};
  job.source("orders", topic<order>{c.input}, source_options_of(c))
      .event_time(&order::at, bounded_out_of_orderness{c.out_of_orderness}, idle_after{c.idle_after})
      .key_by(&order::customer)
      .window("per-minute", tumbling{c.window})
      .late("late", topic<raw_record>{c.late}, {.guarantee = c.guarantee})
      .aggregate(sum(&order::amount_cents), count())
      .map("total",
           [](const auto& w) {
             return total{w.key, w.start, w.end, w.template get<0>(), w.template get<1>()};
           })
      .sink("totals", topic<total>{c.output}, key{&total::customer}, {.guarantee = c.guarantee});
  return job;
}

service_type order_totals_service() {
  return service("order-totals", "Totals of orders per customer and minute of event time.", order_totals_table(),
                 make_order_totals);
}

} // namespace weir
