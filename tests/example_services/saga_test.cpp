#include "tests/example_services/shop_fixture.hpp"

#include <random>

using namespace weir;
using namespace weir::shop;
using namespace std::chrono_literals;

namespace {

/// Both services; what one tells the other goes over when the test says so.
struct shop_world {
  explicit shop_world(std::uint64_t seed)
      : random(seed), inventory(make_inventory(inventory_of_test())), payments(start_payments()) {
    for (std::int64_t a = 0; a < 4; ++a)
      inventory.feed("deliveries", stock_delivered{a, article(a), 100});
    for (std::int64_t c = 0; c < 4; ++c)
      payments.feed("deposits", money_deposited{c, customer(c), 6'000});
  }
  static std::string article(std::int64_t n) { return "article-" + std::to_string(n); }
  static std::string customer(std::int64_t n) { return "customer-" + std::to_string(n); }
  driven_service start_payments() {
    local_options o;
    o.answer = [this](const ask_message& m) -> ask_outcome {
      // Sometimes inventory has just failed, and what it said before holds no more.
      if (pick(10) == 0)
        return ask_error{ask_errc::timed_out, "late"};
      if (pick(10) == 0)
        return detail::to_bytes(reservation_status{pick(2) == 0});
      auto outcome = inventory.run().ask(m);
      REQUIRE(outcome.ok());
      return *outcome;
    };
    return driven_service(make_payments(payments_of_test()), o);
  }
  std::int64_t pick(std::int64_t below) { return std::uniform_int_distribution<std::int64_t>(0, below - 1)(random); }

  void carry() {
    for (auto& r : inventory.next<stock_reserved>("reservations"))
      reservations.push_back(r);
    for (auto& r : inventory.next<refund_due>("refunds"))
      refunds.push_back(r);
    for (auto& p : payments.next<payment_made>("outcomes"))
      outcomes.push_back(p);
    for (auto& r : inventory.next<order_result>("results"))
      results[r.order_id].push_back(r);
  }
  // Exactly once, in order; now and then the same once more: steps are idempotent.
  template <class T>
  void deliver(driven_service& to, const std::string& subscription, std::vector<T>& waiting) {
    if (waiting.empty())
      return;
    to.feed(subscription, waiting.front());
    if (copies && pick(5) == 0)
      to.feed(subscription, waiting.front());
    waiting.erase(waiting.begin());
    carry();
  }
  void step() {
    switch (pick(3)) {
      case 0:
        deliver(payments, "reservations", reservations);
        break;
      case 1:
        deliver(inventory, "payments", outcomes);
        break;
      default:
        deliver(payments, "refunds", refunds);
    }
  }

  std::mt19937_64 random;
  bool copies = false;
  driven_service inventory;
  driven_service payments;
  std::vector<stock_reserved> reservations;
  std::vector<refund_due> refunds;
  std::vector<payment_made> outcomes;
  std::map<std::int64_t, std::vector<order_result>> results;
};

} // namespace

TEST_CASE("whatever the order of answers, time-outs and restarts, every order ends once, and stock and money add up") {
  const auto seed = GENERATE(take(20, random(1, 1'000'000)));
  INFO("seed " << seed);
  shop_world w(static_cast<std::uint64_t>(seed));
  w.copies = seed % 2 == 0;
  constexpr std::int64_t orders = 120;
  std::map<std::int64_t, order_placed> placed;
  for (std::int64_t id = 1; id <= orders; ++id) {
    order_placed o{id, w.customer(w.pick(4)), w.article(w.pick(4)), w.pick(6), 50 + w.pick(400), {}};
    placed[id] = o;
    w.inventory.feed("orders", o);
    w.carry();
    for (auto n = w.pick(6); n > 0; --n)
      w.step();
    if (w.pick(10) == 0)
      REQUIRE(w.inventory.run().elapse(4s).ok());
    if (w.pick(20) == 0)
      REQUIRE(w.inventory.run().restart().ok());
    if (w.pick(20) == 0)
      REQUIRE(w.payments.run().restart().ok());
    w.carry();
  }
  for (int rounds = 0; !w.reservations.empty() || !w.outcomes.empty() || !w.refunds.empty(); ++rounds) {
    REQUIRE(rounds < 10'000);
    w.step();
  }
  REQUIRE(w.inventory.run().elapse(1min).ok());
  w.carry();
  CHECK(w.refunds.empty());

  std::map<std::string, std::int64_t> shipped, spent;
  std::map<order_outcome, int> outcomes;
  for (const auto& [id, o] : placed) {
    INFO("order " << id);
    REQUIRE(w.results[id].size() == 1);
    const auto& r = w.results[id][0];
    CHECK(r.customer == o.customer);
    CHECK(r.quantity == o.quantity);
    ++outcomes[r.outcome];
    if (r.outcome == order_outcome::shipped) {
      shipped[o.article] += o.quantity;
      spent[o.customer] += o.amount_cents;
    }
  }
  for (int i = 0; i < 4; ++i) {
    const auto s = *w.inventory.run().ask(stock_of, w.article(i), stock_question{});
    CHECK(s.shipped == shipped[w.article(i)]);
    CHECK(s.reserved == 0);
    CHECK(s.free == 100 - shipped[w.article(i)]);
    CHECK(w.payments.run().ask(balance_of, w.customer(i), balance_question{})->balance_cents == 6'000 - spent[w.customer(i)]);
  }
  CHECK(outcomes.size() == 3);
}
