#include "services/inventory/inventory.hpp"

#include <charconv>
#include <stdexcept>

namespace weir::shop {

using namespace std::chrono_literals;

namespace {

using context = inventory_actors::context;

std::string timer_of(std::int64_t order) { return std::to_string(order); }
std::int64_t order_of(const std::string& timer) {
  std::int64_t order = 0;
  const auto [end, failed] = std::from_chars(timer.data(), timer.data() + timer.size(), order);
  if (failed != std::errc() || end != timer.data() + timer.size())
    throw std::logic_error("a timer has the name '" + timer + "'");
  return order;
}

/// The rules, apart from the topics that they are told about on.
class article_rules {
 public:
  article_rules(duration timeout, std::size_t remembered) : timeout_(timeout), remembered_(remembered) {}

  publication<stock_reserved> reservations;
  publication<refund_due> refunds;
  publication<order_result> results;
  publication<stock_entry> stock;

  void arrived(stock_step step, std::int64_t id, std::int64_t quantity, context& ctx) const {
    if (!possible(quantity)) {
      ++ctx.counter("impossible_quantities");
      return;
    }
    auto& s = ctx.state();
    if (__builtin_add_overflow(s.free, quantity, &s.free))
      throw std::overflow_error("the stock of " + ctx.key() + " is beyond what can be counted");
    note(step, id, quantity, ctx);
  }

  void ordered(const order_placed& o, context& ctx) const {
    if (is_open(ctx.peek(), o.order_id) || find_ended(ctx.peek(), o.order_id) != nullptr) {
      ++ctx.counter("repeated_orders");
      return;
    }
    const reservation wanted{o.order_id, o.customer, o.quantity, o.amount_cents};
    if (!possible(o.quantity) || !possible(o.amount_cents))
      return ended(wanted, order_outcome::refused, outcome_reason::invalid, ctx);
    if (ctx.peek().free < o.quantity)
      return ended(wanted, order_outcome::refused, outcome_reason::out_of_stock, ctx);
    auto& s = ctx.state();
    s.free -= o.quantity;
    s.reserved += o.quantity;
    s.open.push_back(wanted);
    note(stock_step::reserved, o.order_id, o.quantity, ctx);
    ctx.publish(reservations, o.customer, stock_reserved{o.order_id, o.article, o.customer, o.amount_cents});
    ctx.set_timer(timer_of(o.order_id), timeout_);
  }

  void paid(const payment_made& p, context& ctx) const {
    if (!is_open(ctx.peek(), p.order_id)) {
      // The order ended without this answer, unless it is a copy: what was taken is given back by a step of its own.
      const auto* known = find_ended(ctx.peek(), p.order_id);
      if (p.outcome == payment_outcome::taken && (known == nullptr || !known->shipped))
        ctx.publish(refunds, p.customer, refund_due{p.order_id, p.customer, p.amount_cents});
      return;
    }
    ctx.cancel_timer(timer_of(p.order_id));
    if (p.outcome != payment_outcome::taken)
      return release(p.order_id, p.outcome == payment_outcome::balance_short, ctx);
    auto& s = ctx.state();
    const auto r = take_open(s, p.order_id);
    s.reserved -= r.quantity;
    s.shipped += r.quantity;
    note(stock_step::shipped, r.order_id, r.quantity, ctx);
    ended(r, order_outcome::shipped, outcome_reason::paid, ctx);
  }

  void timed_out(std::int64_t order, context& ctx) const {
    if (is_open(ctx.peek(), order))
      release(order, false, ctx);
  }

  static bool is_open(const article_stock& s, std::int64_t order) {
    return std::any_of(s.open.begin(), s.open.end(), [&](const reservation& r) { return r.order_id == order; });
  }

 private:
  static const ended_order* find_ended(const article_stock& s, std::int64_t order) {
    const auto at = std::find_if(s.ended.begin(), s.ended.end(), [&](const ended_order& e) { return e.order_id == order; });
    return at == s.ended.end() ? nullptr : &*at;
  }

  static reservation take_open(article_stock& s, std::int64_t order) {
    const auto at = std::find_if(s.open.begin(), s.open.end(), [&](const reservation& r) { return r.order_id == order; });
    auto out = *at;
    s.open.erase(at);
    return out;
  }

  void note(stock_step step, std::int64_t id, std::int64_t quantity, context& ctx) const {
    const auto& s = ctx.peek();
    ctx.publish(stock, stock_entry{ctx.key(), step, id, quantity, s.free, s.reserved, s.shipped});
  }

  void release(std::int64_t order, bool refused, context& ctx) const {
    auto& s = ctx.state();
    const auto r = take_open(s, order);
    s.reserved -= r.quantity;
    s.free += r.quantity;
    note(stock_step::released, r.order_id, r.quantity, ctx);
    ended(r, refused ? order_outcome::refused : order_outcome::cancelled,
          refused ? outcome_reason::balance_short : outcome_reason::not_paid_in_time, ctx);
  }

  void ended(const reservation& r, order_outcome outcome, outcome_reason reason, context& ctx) const {
    auto& s = ctx.state();
    s.ended.push_back({r.order_id, outcome == order_outcome::shipped});
    if (s.ended.size() > remembered_)
      s.ended.erase(s.ended.begin());
    ctx.publish(results, r.customer,
                order_result{r.order_id, r.customer, ctx.key(), r.quantity, r.amount_cents, outcome, reason});
  }

  duration timeout_;
  std::size_t remembered_;
};

} // namespace

settings_of<inventory_settings> inventory_table() {
  using s = inventory_settings;
  settings_of<s> t;
  auto topic = [&](const char* name, topic_ref s::*member, const char* sentence) {
    t.add(name, member, sentence, {.required = true, .effect = change_effect::fixed});
  };
  topic("orders", &s::orders, "Topic of the orders. Waited for when it is missing.");
  topic("deliveries", &s::deliveries, "Topic of the goods that come into stock. Waited for when it is missing.");
  topic("payments", &s::payments, "Topic of what came of the payments; the service payments writes it.");
  topic("reservations", &s::reservations,
        "Topic of the reservations that wait for payment, key: the customer. Made when it is missing.");
  topic("refunds", &s::refunds, "Topic of the payments to give back, key: the customer. Made when it is missing.");
  topic("results", &s::results, "Topic of what came of each order, key: the customer. Made when it is missing.");
  topic("stock", &s::stock, "Topic with a line per change of stock, key: the article. Made when it is missing.");
  topic("commands", &s::commands, "The service's own topic of commands, key: the article. Made when it is missing.");
  t.add("parallelism", &s::parallelism, "Tasks that hold the articles; 0: as many as there are cores, or one in a shard.",
        {.bounds = between(0, 128), .trade_off = "More tasks use more cores; each has its own cache of state.", .unit = "tasks"});
  t.add("partitions", &s::partitions, "Partitions of the topics that this service makes.",
        {.bounds = between(1, 10'000), .trade_off = "More partitions can be read by more tasks.", .unit = "partitions"});
  t.add("reservation_timeout", &s::reservation_timeout,
        "A reservation that is not paid for so long is released, the order cancelled.",
        {.bounds = between(10ms, 24h * 30),
         .trade_off = "Shorter: goods are free again sooner; a payment that takes longer must be given back."});
  t.add("remembered_orders", &s::remembered_orders, "So many orders per article are remembered after their end.",
        {.bounds = between(0, 100'000),
         .trade_off = "More: a copy of an order is known for longer; the state of each article is larger.",
         .unit = "orders"});
  add_bad_record_settings(t, "order, delivery, payment or command", "orders, deliveries, payments or commands");
  return t;
}

inventory_actors make_inventory(const inventory_settings& c) {
  inventory_actors a{"inventory"};
  article_rules rules(c.reservation_timeout, static_cast<std::size_t>(c.remembered_orders));
  const sink_options<raw_record> to{.partitions = static_cast<std::int32_t>(c.partitions)};
  rules.reservations = a.publishes("reservations", topic<stock_reserved>{c.reservations}, to);
  rules.refunds = a.publishes("refunds", topic<refund_due>{c.refunds}, to);
  rules.results = a.publishes("results", topic<order_result>{c.results}, to);
  rules.stock = a.publishes("stock", topic<stock_entry>{c.stock}, to);
  const subscribe_options from{source_options_of(c)};

  a.on(
      "orders", topic<order_placed>{c.orders}, &order_placed::article,
      [rules](const order_placed& o, context& ctx) { rules.ordered(o, ctx); }, from);
  a.on(
      "deliveries", topic<stock_delivered>{c.deliveries}, &stock_delivered::article,
      [rules](const stock_delivered& d, context& ctx) { rules.arrived(stock_step::delivered, d.delivery_id, d.quantity, ctx); },
      from);
  a.on(
      "payments", topic<payment_made>{c.payments}, &payment_made::article,
      [rules](const payment_made& p, context& ctx) { rules.paid(p, ctx); }, from);
  const auto commands = a.commands(
      "commands", topic<restock>{c.commands},
      [rules](const restock& r, context& ctx) { rules.arrived(stock_step::restocked, 0, r.quantity, ctx); }, from);
  a.on_timer([rules](const std::string& name, context& ctx) { rules.timed_out(order_of(name), ctx); });

  a.answers(stock_of, [](const stock_question& q, inventory_actors::reader& ctx) {
    const auto& s = ctx.state();
    return stock_level{s.free, s.reserved, s.shipped, s.free >= q.at_least};
  });
  a.answers(reservation_of, [](const reservation_question& q, inventory_actors::reader& ctx) {
    return reservation_status{article_rules::is_open(ctx.state(), q.order_id)};
  });
  a.answers(restock_article, [commands](const restock& r, inventory_actors::reader& ctx) {
    if (!possible(r.quantity))
      return restock_accepted{false};
    ctx.append(commands, r);
    return restock_accepted{true};
  });
  return a;
}

service_type inventory_service() {
  return service("inventory", "Stock per article: reserves for orders, ships what is paid, releases what is not.",
                 inventory_table(), make_inventory);
}

} // namespace weir::shop
