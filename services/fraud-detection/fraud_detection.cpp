#include "services/fraud-detection/fraud_detection.hpp"

namespace weir {

using namespace std::chrono_literals;

const output_tag<charge> fraud_rule::late{"late"};

void fraud_rule::process(const charge& c, context& ctx) {
  if (c.at <= ctx.watermark()) {
    ctx.side(late, c);
    return;
  }
  if (!pattern_.is_small(c.amount_cents) && !pattern_.is_large(c.amount_cents))
    return;
  waiting_.set(ctx, {c.at, c.charge_id}, c.amount_cents);
  ctx.set_timer(c.at);
}

void fraud_rule::on_timer(timestamp time, context& ctx) {
  waiting_.for_each(ctx, [&](const charge_order& where, std::int64_t cents) {
    if (where.at > time)
      return false;
    evaluate(where, cents, ctx);
    waiting_.erase(ctx, where);
    return true;
  });
  small_.for_each(ctx, [&](const charge_order& where, std::int64_t) {
    if (where.at + pattern_.within > time)
      return false;
    small_.erase(ctx, where);
    return true;
  });
}

void fraud_rule::evaluate(const charge_order& where, std::int64_t cents, context& ctx) {
  if (pattern_.is_small(cents)) {
    small_.set(ctx, where, cents);
    ctx.set_timer(where.at + pattern_.within);
    return;
  }
  fraud_alert alert{ctx.key(), where.charge_id, where.at, cents, 0, 0, {}};
  small_.for_each_from(ctx, {where.at - pattern_.within, std::numeric_limits<std::int64_t>::min()},
                       [&](const charge_order& small, std::int64_t small_cents) {
                         if (alert.small_charges++ == 0)
                           alert.first_small_at = small.at;
                         alert.small_total_cents += small_cents;
                       });
  if (alert.small_charges < pattern_.small_charges)
    return;
  small_.clear(ctx);
  ctx.emit(std::move(alert));
}

settings_of<fraud_detection_settings> fraud_detection_table() {
  using s = fraud_detection_settings;
  settings_of<s> t;
  t.add("input", &s::input, "Topic of the charges. Waited for when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("output", &s::output, "Topic of the alerts, key: the card. Made with the input's partitions when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("late", &s::late, "Topic of the charges that came too late to be judged, key: the card. Made when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("parallelism", &s::parallelism, "Tasks that judge; 0: as many as there are cores, or one in a shard.",
        {.bounds = between(0, 128), .trade_off = "More tasks use more cores; each has its own cache of state.", .unit = "tasks"});
  t.add("small_amount_cents", &s::small_amount_cents, "A charge above zero and up to so many cents is small.",
        {.bounds = between(1, 1'000'000'000), .unit = "cents"});
  t.add("small_charges", &s::small_charges, "So many small charges before a large one make it an alert.",
        {.bounds = between(1, 10'000), .trade_off = "Fewer: more alerts, also for honest cards.", .unit = "charges"});
  t.add("large_amount_cents", &s::large_amount_cents, "A charge of so many cents or more is large.",
        {.bounds = between(2, 1'000'000'000'000), .unit = "cents"});
  t.add("within", &s::within, "Small charges count for a large one that comes at most this much later.",
        {.bounds = between(1ms, 24h * 365),
         .trade_off = "Longer: every small charge is kept in state for so long.",
         .effect = change_effect::fixed});
  t.add("out_of_orderness", &s::out_of_orderness, "A charge may be this much older than one before it in its partition.",
        {.bounds = between(0ms, 24h), .trade_off = "Longer: fewer late charges, later alerts."});
  t.add("idle_after", &s::idle_after, "A partition read to its end that is silent for so long no longer holds back the alerts.",
        {.bounds = between(10ms, 24h),
         .trade_off = "Shorter: alerts come sooner when partitions fall silent; a charge that comes after all may be late."});
  add_record_settings(t, "alerts and late charges", "charge", "charges");
  t.rule([](const s& v) -> std::optional<setting_problem> {
    if (v.small_amount_cents < v.large_amount_cents)
      return std::nullopt;
    return setting_problem{"small_amount_cents", "must be less than large_amount_cents"};
  });
  return t;
}

job make_fraud_detection(const fraud_detection_settings& c) {
  job job{"fraud-detection"};
  auto alerts = job.source("charges", topic<charge>{c.input}, source_options_of(c))
                    .event_time(&charge::at, bounded_out_of_orderness{c.out_of_orderness}, idle_after{c.idle_after})
                    .key_by(&charge::card)
                    .process("rule", fraud_rule{{c.small_amount_cents, c.small_charges, c.large_amount_cents, c.within}});
  alerts.sink("alerts", topic<fraud_alert>{c.output}, key{&fraud_alert::card}, {.guarantee = c.guarantee});
  alerts.side(fraud_rule::late).sink("late", topic<charge>{c.late}, key{&charge::card}, {.guarantee = c.guarantee});
  return job;
}

service_type fraud_detection_service() {
  return service("fraud-detection", "Alerts for cards with many small charges and then a large one.", fraud_detection_table(),
                 make_fraud_detection);
}

} // namespace weir
