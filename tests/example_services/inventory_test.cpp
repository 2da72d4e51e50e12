#include "tests/example_services/shop_fixture.hpp"

using namespace weir;
using namespace weir::shop;
using namespace std::chrono_literals;

namespace {

payment_made paid(std::int64_t id, payment_outcome outcome = payment_outcome::taken) { return {id, "a", "c", 500, outcome}; }

struct world {
  explicit world(const inventory_settings& s = inventory_of_test()) : inventory(make_inventory(s)) {
    inventory.feed("deliveries", stock_delivered{1, "a", 10});
  }
  void expect_stock(std::int64_t free, std::int64_t reserved, std::int64_t shipped) {
    const auto s = inventory.run().ask(stock_of, std::string("a"), stock_question{free});
    REQUIRE(s.ok());
    CHECK(s->free == free);
    CHECK(s->reserved == reserved);
    CHECK(s->shipped == shipped);
    CHECK(s->enough);
  }
  void expect_result(std::int64_t id, order_outcome outcome, outcome_reason reason) {
    const auto r = inventory.next<order_result>("results");
    REQUIRE(r.size() == 1);
    CHECK(r[0].order_id == id);
    CHECK(r[0].outcome == outcome);
    CHECK(r[0].reason == reason);
  }
  bool held(std::int64_t id) { return inventory.run().ask(reservation_of, std::string("a"), reservation_question{id})->held; }
  driven_service inventory;
};

} // namespace

TEST_CASE("an order reserves stock, and ships when it is paid") {
  world w;
  w.inventory.feed("orders", order_of(7));
  w.expect_stock(8, 2, 0);
  CHECK(w.held(7));
  const auto r = w.inventory.next<stock_reserved>("reservations");
  REQUIRE(r.size() == 1);
  CHECK(r[0].order_id == 7);
  CHECK(r[0].amount_cents == 500);
  CHECK(w.inventory.run().written("reservations")[0].key == "c");
  w.inventory.feed("payments", paid(7));
  w.expect_stock(8, 0, 2);
  w.expect_result(7, order_outcome::shipped, outcome_reason::paid);
  CHECK_FALSE(w.held(7));
  REQUIRE(w.inventory.run().elapse(1min).ok());
  CHECK(w.inventory.next<order_result>("results").empty());
  w.expect_stock(8, 0, 2);
}

TEST_CASE("a refused payment releases the stock and refuses the order") {
  world w;
  w.inventory.feed("orders", order_of(7));
  w.inventory.feed("payments", paid(7, payment_outcome::balance_short));
  w.expect_result(7, order_outcome::refused, outcome_reason::balance_short);
  w.expect_stock(10, 0, 0);
}

TEST_CASE("an order for more than there is, for nothing or for no money is refused and reserves nothing") {
  world w;
  w.inventory.feed("orders", order_of(1, 11));
  w.expect_result(1, order_outcome::refused, outcome_reason::out_of_stock);
  w.inventory.feed("orders", order_of(2, 0));
  w.expect_result(2, order_outcome::refused, outcome_reason::invalid);
  w.inventory.feed("orders", order_of(3, -3));
  w.expect_result(3, order_outcome::refused, outcome_reason::invalid);
  w.inventory.feed("orders", order_of(4, 1, -1));
  w.expect_result(4, order_outcome::refused, outcome_reason::invalid);
  w.inventory.feed("orders", order_of(5, 10));
  w.expect_stock(0, 10, 0);
  CHECK(w.inventory.next<stock_reserved>("reservations").size() == 1);
}

TEST_CASE("a reservation that is not paid in time is cancelled, also when the service was down meanwhile") {
  const bool down = GENERATE(false, true);
  world w;
  w.inventory.feed("orders", order_of(7));
  REQUIRE(w.inventory.run().elapse(9s).ok());
  CHECK(w.held(7));
  if (down)
    REQUIRE(w.inventory.run().restart().ok());
  REQUIRE(w.inventory.run().elapse(2s).ok());
  w.expect_result(7, order_outcome::cancelled, outcome_reason::not_paid_in_time);
  w.expect_stock(10, 0, 0);

  SECTION("a payment that comes after that is sent back, whatever else it finds") {
    w.inventory.feed("payments", paid(7));
    const auto r = w.inventory.next<refund_due>("refunds");
    REQUIRE(r.size() == 1);
    CHECK(r[0].order_id == 7);
    CHECK(r[0].amount_cents == 500);
    CHECK(w.inventory.next<order_result>("results").empty());
    w.expect_stock(10, 0, 0);
  }
  SECTION("a refusal that comes after that changes nothing") {
    w.inventory.feed("payments", paid(7, payment_outcome::balance_short));
    w.inventory.feed("payments", paid(7, payment_outcome::reservation_gone));
    CHECK(w.inventory.next<refund_due>("refunds").empty());
    CHECK(w.inventory.next<order_result>("results").empty());
  }
}

TEST_CASE("payments found the reservation gone, but a failure brought it back: it is released") {
  world w;
  w.inventory.feed("orders", order_of(7));
  w.inventory.feed("payments", paid(7, payment_outcome::reservation_gone));
  w.expect_result(7, order_outcome::cancelled, outcome_reason::not_paid_in_time);
  w.expect_stock(10, 0, 0);
}

TEST_CASE("a copy of an order or of its payment does nothing, before and after its end, as long as it is remembered") {
  auto s = inventory_of_test();
  s.remembered_orders = 2;
  world w(s);
  w.inventory.feed("orders", order_of(7));
  w.inventory.feed("orders", order_of(7));
  w.inventory.feed("payments", paid(7));
  w.inventory.feed("orders", order_of(7));
  w.inventory.feed("payments", paid(7));
  CHECK(w.inventory.next<refund_due>("refunds").empty());
  w.expect_result(7, order_outcome::shipped, outcome_reason::paid);
  w.expect_stock(8, 0, 2);
  CHECK(w.inventory.run().counter("inventory.repeated_orders") == 2);
  w.inventory.feed("orders", order_of(8, 0));
  w.inventory.feed("orders", order_of(9, 0));
  REQUIRE(w.inventory.next<order_result>("results").size() == 2);
  w.inventory.feed("orders", order_of(7, 0));
  w.expect_result(7, order_outcome::refused, outcome_reason::invalid);
}

TEST_CASE("the command restock goes through the log and raises the stock once") {
  world w;
  CHECK(w.inventory.run().ask(restock_article, std::string("a"), restock{5})->accepted);
  w.expect_stock(15, 0, 0);
  CHECK_FALSE(w.inventory.run().ask(restock_article, std::string("a"), restock{0})->accepted);
  auto m = make_ask(restock_article, std::string("a"), restock{1}, false);
  m.id = "the same";
  for (int i = 0; i < 2; ++i)
    REQUIRE((*w.inventory.run().ask(m)).ok());
  w.expect_stock(16, 0, 0);
  const auto entries = w.inventory.next<stock_entry>("stock");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].step == stock_step::delivered);
  CHECK(entries[2].step == stock_step::restocked);
  CHECK(entries[2].free == 16);
}

TEST_CASE("a delivery of nothing, or of more than can be, counts for nothing") {
  world w;
  w.inventory.feed("deliveries", stock_delivered{2, "a", 0});
  w.inventory.feed("deliveries", stock_delivered{3, "a", -4});
  w.inventory.feed("deliveries", stock_delivered{4, "a", most_per_event + 1});
  w.expect_stock(10, 0, 0);
  CHECK(w.inventory.run().counter("inventory.impossible_quantities") == 3);
}
