#include "services/payments/payments.hpp"

#include <stdexcept>

namespace weir::shop {

using namespace std::chrono_literals;

namespace {

using context = payment_actors::context;

/// The rules, apart from the topics that they are told about on.
class account_rules {
 public:
  account_rules(std::string inventory, duration ask_timeout, std::size_t remembered)
      : reservation_(reservation_of.at(std::move(inventory))), ask_timeout_(ask_timeout), remembered_(remembered) {}

  publication<payment_made> payments;
  publication<account_entry> accounts;

  void deposited(const money_deposited& d, context& ctx) const {
    if (!possible(d.amount_cents)) {
      ++ctx.counter("impossible_amounts");
      return;
    }
    add(d.amount_cents, account_step::deposited, d.deposit_id, ctx);
  }

  async<> reserved(const stock_reserved& r, context& ctx) const {
    if (find(ctx.peek(), r.order_id) != nullptr) {
      ++ctx.counter("repeated_reservations");
      co_return;
    }
    // Spares taking and giving back what is too late already. It decides nothing: without an answer the payment is tried, and
    // one that is too late all the same is given back when inventory says so.
    const auto status = co_await ctx.ask(reservation_, r.article, reservation_question{r.order_id}, {.timeout = ask_timeout_});
    if (!status)
      ++ctx.counter("unanswered_asks");
    auto outcome = payment_outcome::taken;
    if (status && !status->held)
      outcome = payment_outcome::reservation_gone;
    else if (ctx.peek().balance_cents < r.amount_cents)
      outcome = payment_outcome::balance_short;
    remember({r.order_id, false}, ctx);
    if (outcome == payment_outcome::taken)
      add(-r.amount_cents, account_step::taken, r.order_id, ctx);
    ctx.publish(payments, r.article, payment_made{r.order_id, r.article, r.customer, r.amount_cents, outcome});
  }

  void refund(const refund_due& r, context& ctx) const {
    if (const auto* known = find(ctx.peek(), r.order_id); known != nullptr && known->refunded) {
      ++ctx.counter("repeated_refunds");
      return;
    }
    if (auto* known = find(ctx.state(), r.order_id))
      known->refunded = true;
    else
      remember({r.order_id, true}, ctx);
    add(r.amount_cents, account_step::refunded, r.order_id, ctx);
  }

 private:
  template <class Account>
  static auto find(Account& a, std::int64_t order) -> decltype(&a.orders.front()) {
    const auto at = std::find_if(a.orders.begin(), a.orders.end(), [&](const payment_memory& m) { return m.order_id == order; });
    return at == a.orders.end() ? nullptr : &*at;
  }

  void remember(payment_memory m, context& ctx) const {
    auto& orders = ctx.state().orders;
    orders.push_back(m);
    if (orders.size() > remembered_)
      orders.erase(orders.begin());
  }

  void add(std::int64_t cents, account_step step, std::int64_t id, context& ctx) const {
    auto& balance = ctx.state().balance_cents;
    if (__builtin_add_overflow(balance, cents, &balance))
      throw std::overflow_error("the balance of " + ctx.key() + " is beyond what can be counted");
    ctx.publish(accounts, account_entry{ctx.key(), step, id, cents < 0 ? -cents : cents, balance});
  }

  request<std::string, reservation_question, reservation_status> reservation_;
  duration ask_timeout_;
  std::size_t remembered_;
};

} // namespace

settings_of<payments_settings> payments_table() {
  using s = payments_settings;
  settings_of<s> t;
  auto topic = [&](const char* name, topic_ref s::*member, const char* sentence) {
    t.add(name, member, sentence, {.required = true, .effect = change_effect::fixed});
  };
  topic("reservations", &s::reservations, "Topic of the reservations that wait for payment; the service inventory writes it.");
  topic("refunds", &s::refunds, "Topic of the payments to give back; the service inventory writes it.");
  topic("deposits", &s::deposits, "Topic of the money that customers pay in. Waited for when it is missing.");
  topic("payments", &s::payments, "Topic of what came of the payments, key: the article. Made when it is missing.");
  topic("accounts", &s::accounts, "Topic with a line per change of a balance, key: the customer. Made when it is missing.");
  t.add("inventory", &s::inventory, "Name of the service that is asked whether a reservation still holds.");
  t.add("ask_timeout", &s::ask_timeout, "How long to wait for its answer; without one the payment is tried.",
        {.bounds = between(1ms, 1h), .trade_off = "Longer: the customer's later orders wait longer while inventory is down."});
  t.add("parallelism", &s::parallelism, "Tasks that hold the accounts; 0: as many as there are cores, or one in a shard.",
        {.bounds = between(0, 128), .trade_off = "More tasks use more cores; each has its own cache of state.", .unit = "tasks"});
  t.add("partitions", &s::partitions, "Partitions of the topics that this service makes.",
        {.bounds = between(1, 10'000), .trade_off = "More partitions can be read by more tasks.", .unit = "partitions"});
  t.add("remembered_orders", &s::remembered_orders, "So many orders per customer are remembered.",
        {.bounds = between(0, 100'000),
         .trade_off = "More: a copy of a reservation or refund is known for longer; the state of each customer is larger.",
         .unit = "orders"});
  add_bad_record_settings(t, "reservation, refund or deposit", "reservations, refunds or deposits");
  return t;
}

payment_actors make_payments(const payments_settings& c) {
  payment_actors a{"payments"};
  account_rules rules(c.inventory, c.ask_timeout, static_cast<std::size_t>(c.remembered_orders));
  const sink_options<raw_record> to{.partitions = static_cast<std::int32_t>(c.partitions)};
  rules.payments = a.publishes("outcomes", topic<payment_made>{c.payments}, to);
  rules.accounts = a.publishes("accounts", topic<account_entry>{c.accounts}, to);
  const subscribe_options from{source_options_of(c)};

  // The service keeps the handlers: what a coroutine of theirs refers to outlives it.
  const auto shared = std::make_shared<const account_rules>(std::move(rules));
  a.on(
      "reservations", topic<stock_reserved>{c.reservations}, &stock_reserved::customer,
      [shared](const stock_reserved& r, context& ctx) -> async<> { return shared->reserved(r, ctx); }, from);
  a.on(
      "refunds", topic<refund_due>{c.refunds}, &refund_due::customer,
      [shared](const refund_due& r, context& ctx) { shared->refund(r, ctx); }, from);
  a.on(
      "deposits", topic<money_deposited>{c.deposits}, &money_deposited::customer,
      [shared](const money_deposited& d, context& ctx) { shared->deposited(d, ctx); }, from);
  a.answers(balance_of, [](const balance_question& q, payment_actors::reader& ctx) {
    const auto balance = ctx.state().balance_cents;
    return balance_answer{balance, balance >= q.at_least_cents};
  });
  return a;
}

service_type payments_service() {
  return service("payments", "Balance per customer: takes a payment once per order, refuses it, gives it back.", payments_table(),
                 make_payments);
}

} // namespace weir::shop
