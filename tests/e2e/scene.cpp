#include "tests/e2e/scene.hpp"

#include <stdexcept>

#include "tests/e2e/charges.hpp"
#include "tests/e2e/clicks.hpp"
#include "tests/e2e/orders.hpp"
#include "tests/e2e/shop.hpp"

namespace weir::e2e {

std::vector<input_line> input_maker::next(std::size_t count) {
  std::vector<input_line> out;
  out.reserve(count);
  while (out.size() < count)
    out.push_back(next());
  return out;
}

run_facts order_facts(const world_facts& w) {
  run_facts facts;
  facts.orders_topic = w.input_topic;
  facts.orders = w.topics.at("orders");
  facts.totals = w.topics.at("order-totals");
  facts.late = w.topics.at("orders.late");
  facts.totals_partitions = w.partitions.at("order-totals");
  facts.open_transactions = w.open_transactions;
  return facts;
}

const scene& order_totals_scene() {
  static const scene s{"order-totals",
                       {"orders", "ORDERS_TOPIC"},
                       "customer",
                       {{"order-totals", "TOTALS_TOPIC"}, {"orders.late", "", ".late"}},
                       [](std::uint64_t seed, unsigned keys) { return std::make_unique<order_maker>(seed, keys, 100); },
                       [](const world_facts& w) { return judge(order_facts(w)); }};
  return s;
}

const scene& fraud_detection_scene() {
  static const scene s{"fraud-detection",
                       {"charges", "CHARGES_TOPIC"},
                       "card",
                       {{"fraud-alerts", "ALERTS_TOPIC"}, {"charges.late", "", ".late"}},
                       [](std::uint64_t seed, unsigned keys) { return std::make_unique<charge_maker>(seed, keys); },
                       [](const world_facts& w) { return judge_charges(w); }};
  return s;
}

const scene& click_sessions_scene() {
  static const scene s{"click-sessions",
                       {"clicks", "CLICKS_TOPIC"},
                       "user",
                       {{"sessions", "SESSIONS_TOPIC"}, {"top-pages", "TOP_PAGES_TOPIC"}, {"clicks.late", "", ".late"}},
                       [](std::uint64_t seed, unsigned keys) { return std::make_unique<click_maker>(seed, keys); },
                       [](const world_facts& w) { return judge_clicks(w); },
                       {},
                       {},
                       {},
                       {},
                       {},
                       {},
                       {}};
  return s;
}

namespace {

scene::companion companion_of(const scene& s) {
  auto outputs = s.outputs;
  for (auto& t : outputs)
    t.suffix.clear(); // Called after its own input, not after the scene's.
  return {s.service, s.input, s.key_field, s.make_input, std::move(outputs), s.judge};
}

verdict judge_totals_of_the_shop(const world_facts& w) {
  run_facts facts;
  facts.orders_topic = w.input_topic;
  facts.orders = w.topics.at("shop.orders");
  facts.totals = w.topics.at("order-totals");
  facts.late = w.topics.at("shop.orders.late");
  facts.totals_partitions = w.partitions.at("order-totals");
  return judge(facts);
}

} // namespace

const scene& shop_scene() {
  static const scene s{"shop",
                       {"shop.orders", "SHOP_ORDERS"},
                       "article",
                       // Results before what follows from them: see `settled`.
                       {{"shop.results", "SHOP_RESULTS"},
                        {"shop.reservations", "SHOP_RESERVATIONS"},
                        {"shop.payments", "SHOP_PAYMENTS"},
                        {"shop.refunds", "SHOP_REFUNDS"},
                        {"shop.stock", "SHOP_STOCK"},
                        {"shop.accounts", "SHOP_ACCOUNTS"},
                        {"shop.notifications", "SHOP_NOTIFICATIONS"}},
                       [](std::uint64_t seed, unsigned keys) { return std::make_unique<shop_order_maker>(seed, keys); },
                       [](const world_facts& w) { return judge_shop(w); },
                       {{{"shop.deliveries", "SHOP_DELIVERIES"}, "article", make_deliveries},
                        {{"shop.deposits", "SHOP_DEPOSITS"}, "customer", make_deposits}},
                       shop_opened,
                       shop_settled,
                       "inventory",
                       {{"RESERVATION_TIMEOUT", "2s"}},
                       {{"shop.commands", "SHOP_COMMANDS"}},
                       {0, 1, 2, 4},
                       {companion_of(fraud_detection_scene()),
                        companion_of(click_sessions_scene()),
                        {"order-totals",
                         {"shop.orders", "SHOP_ORDERS"},
                         "customer",
                         {},
                         {{"order-totals", "TOTALS_TOPIC"}, {"shop.orders.late", ""}},
                         judge_totals_of_the_shop}}};
  return s;
}

const scene& scene_of(const std::string& service) {
  for (const auto* s : {&order_totals_scene(), &fraud_detection_scene(), &click_sessions_scene(), &shop_scene()})
    if (s->service == service)
      return *s;
  throw std::invalid_argument("no test knows the service " + service);
}

} // namespace weir::e2e
