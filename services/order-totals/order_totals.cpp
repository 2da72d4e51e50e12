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
  t.add("parallelism", &s::parallelism, "Tasks that sum; 0: as many as there are cores.",
        {.bounds = between(0, 128), .trade_off = "More tasks use more cores; each has its own cache of state.", .unit = "tasks"});
  t.add("window", &s::window, "Length of a window of event time; windows begin at whole multiples of it.",
        {.bounds = between(1ms, 24h), .effect = change_effect::fixed});
  t.add("out_of_orderness", &s::out_of_orderness, "An order may be this much older than one before it in its partition.",
        {.bounds = between(0ms, 24h), .trade_off = "Longer: fewer late orders, later totals."});
  t.add("idle_after", &s::idle_after, "A partition read to its end that is silent for so long no longer holds back the windows.",
        {.bounds = between(10ms, 24h),
         .trade_off = "Shorter: totals come sooner when partitions fall silent; an order that comes after all may be late."});
  t.choice(
      "guarantee", &s::guarantee, "How totals and late orders are written.",
      {{"exactly-once", delivery::exactly_once}, {"at-least-once", delivery::at_least_once}, {"none", delivery::none}},
      {.trade_off = "exactly-once shows output after the checkpoint it belongs to; the others at once, twice after a crash."});
  t.add("start", &s::start, "Where to begin when there is no checkpoint.");
  t.choice("on_bad_record", &s::on_bad_record, "What becomes of a record that is no order.",
           {{"fail", bad_record::fail}, {"skip", bad_record::skip}, {"dead-letter", bad_record::dead_letter}},
           {.trade_off = "fail stops the job at the record; skip drops and counts it; dead-letter keeps it in dead_letters."});
  t.add("dead_letters", &s::dead_letters, "Topic for records that are no orders, with on_bad_record dead-letter.");
  t.rule([](const s& v) -> std::optional<setting_problem> {
    if ((v.on_bad_record == bad_record::dead_letter) == v.dead_letters.has_value())
      return std::nullopt;
    return setting_problem{"dead_letters", v.dead_letters ? "is only used with \"on_bad_record\": \"dead-letter\""
                                                          : "is missing: \"on_bad_record\" is \"dead-letter\""};
  });
  return t;
}

job make_order_totals(const order_totals_settings& c) {
  source_options from;
  from.start = c.start;
  if (c.on_bad_record == bad_record::skip)
    from.errors = on_error::skip;
  if (c.on_bad_record == bad_record::dead_letter)
    from.errors = on_error::dead_letter(*c.dead_letters);

  job job{"order-totals"};
  job.source("orders", topic<order>{c.input}, from)
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
