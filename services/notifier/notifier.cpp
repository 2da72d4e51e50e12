#include "services/notifier/notifier.hpp"

#include <weir/caf.hpp>
#include "services/shop/messages.hpp"

namespace weir::shop {

using namespace std::chrono_literals;

namespace {

std::string text_of(const order_result& r) {
  auto order = "Your order " + std::to_string(r.order_id) + " of " + std::to_string(r.quantity) + " x " + r.article;
  switch (r.outcome) {
    case order_outcome::shipped:
      return order + " is on its way.";
    case order_outcome::refused:
      return order + (r.reason == outcome_reason::out_of_stock    ? " cannot be filled: there is too little in stock."
                      : r.reason == outcome_reason::balance_short ? " was not paid: your balance is short."
                                                                  : " is not possible.");
    case order_outcome::cancelled:
      return order + " was cancelled: it was not paid in time.";
  }
  return order;
}

/// Nothing of Weir in it but its messages: any actor will do. A result is done when its notification is in the topic.
caf::behavior notifier(caf::event_based_actor* self, const caf_context& ctx, caf_publication<notification> out) {
  return {[self, ctx, out, told = ctx.counter("notifications")](const caf_event<order_result>& result) {
    const auto& r = result.value;
    told.add();
    return ctx.answer_with(self, out, r.customer, notification{r.order_id, r.customer, text_of(r)});
  }};
}

caf_service make_notifier(const notifier_settings& c) {
  caf_service s{"notifier"};
  const auto out = s.publishes("notifications", topic<notification>{c.notifications}, static_cast<std::int32_t>(c.partitions));
  caf_subscription how;
  how.in_flight = static_cast<std::size_t>(c.in_flight);
  how.timeout = c.answer_timeout;
  how.failures = on_error::retry(static_cast<unsigned>(c.attempts), 100ms);
  how.errors = source_options_of(c).errors;
  s.subscribe("results", topic<order_result>{c.results}, how);
  s.spawns([out](const caf_context& ctx) { return ctx.spawn(notifier, ctx, out); });
  return s;
}

} // namespace

settings_of<notifier_settings> notifier_table() {
  using s = notifier_settings;
  settings_of<s> t;
  t.add("results", &s::results, "Topic of what became of the orders; the service inventory writes it.",
        {.required = true, .effect = change_effect::fixed});
  t.add("notifications", &s::notifications, "Topic of what customers are told, key: the customer. Made when it is missing.",
        {.required = true, .effect = change_effect::fixed});
  t.add("in_flight", &s::in_flight, "Results of one partition that the actor may have at a time.",
        {.bounds = between(1, 10'000),
         .trade_off = "More waits less for the broker; as many come again after a crash. 1 keeps the order of each partition.",
         .unit = "results"});
  t.add("answer_timeout", &s::answer_timeout, "A notification that is not written for so long is tried again.",
        {.bounds = between(100ms, 1h)});
  t.add("attempts", &s::attempts, "Tries of one result; then the service restarts with a new actor.",
        {.bounds = between(1, 100), .unit = "tries"});
  t.add("partitions", &s::partitions, "Partitions of the topic of notifications when it is made.",
        {.bounds = between(1, 10'000), .trade_off = "More partitions can be read by more tasks.", .unit = "partitions"});
  add_bad_record_settings(t, "result", "results");
  return t;
}

service_type notifier_service() {
  return service("notifier", "Tells customers what became of their orders, at least once: a plain CAF actor.", notifier_table(),
                 make_notifier);
}

} // namespace weir::shop
