#include "tests/example_services/shop_fixture.hpp"

using namespace weir;
using namespace weir::shop;
using namespace std::chrono_literals;

namespace {

stock_reserved reserved(std::int64_t id, std::int64_t cents = 500) { return {id, "a", "c", cents}; }

/// Inventory holds every reservation but those of `gone`, and answers unless it is `down`.
struct world {
  explicit world(bool hold = false, const payments_settings& s = payments_of_test()) : payments(make_payments(s), options(hold)) {
    payments.feed("deposits", money_deposited{1, "c", 1'000});
  }
  local_options options(bool hold) {
    local_options o;
    o.hold_answers = hold;
    o.answer = [this](const ask_message& m) -> ask_outcome {
      ++asked;
      if (down)
        return ask_error{ask_errc::unavailable, "down"};
      CHECK(m.service == "inventory");
      CHECK(m.key == encoded_key(std::string("a")));
      return detail::to_bytes(reservation_status{!gone});
    };
    return o;
  }
  void expect_payment(std::int64_t id, payment_outcome outcome) {
    const auto p = payments.next<payment_made>("outcomes");
    REQUIRE(p.size() == 1);
    CHECK(p[0].order_id == id);
    CHECK(p[0].outcome == outcome);
    CHECK(payments.run().written("outcomes").back().key == "a");
  }
  std::int64_t balance() { return payments.run().ask(balance_of, std::string("c"), balance_question{})->balance_cents; }
  bool gone = false, down = false;
  int asked = 0;
  driven_service payments;
};

} // namespace

TEST_CASE("a payment is taken once per order, also when the reservation is told twice") {
  world w;
  w.payments.feed("reservations", reserved(7));
  w.expect_payment(7, payment_outcome::taken);
  CHECK(w.balance() == 500);
  w.payments.feed("reservations", reserved(7));
  CHECK(w.payments.next<payment_made>("outcomes").empty());
  CHECK(w.balance() == 500);
  REQUIRE(w.payments.run().restart().ok());
  w.payments.feed("reservations", reserved(7));
  CHECK(w.payments.next<payment_made>("outcomes").empty());
  CHECK(w.payments.run().counter("payments.repeated_reservations") == 1);
  CHECK(w.asked == 1);
}

TEST_CASE("a payment is refused when the balance is short, and taken to the last cent") {
  world w;
  w.payments.feed("reservations", reserved(1, 1'001));
  w.expect_payment(1, payment_outcome::balance_short);
  CHECK(w.balance() == 1'000);
  w.payments.feed("reservations", reserved(2, 1'000));
  w.expect_payment(2, payment_outcome::taken);
  CHECK(w.balance() == 0);
  const auto lines = w.payments.next<account_entry>("accounts");
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].step == account_step::taken);
  CHECK(lines[1].id == 2);
  CHECK(lines[1].amount_cents == 1'000);
  CHECK(lines[1].balance_cents == 0);
}

TEST_CASE("no payment is taken for a reservation that inventory no longer holds") {
  world w;
  w.gone = true;
  w.payments.feed("reservations", reserved(7));
  w.expect_payment(7, payment_outcome::reservation_gone);
  CHECK(w.balance() == 1'000);
}

TEST_CASE("a payment is tried when inventory does not answer") {
  world w;
  w.down = true;
  w.payments.feed("reservations", reserved(7));
  w.expect_payment(7, payment_outcome::taken);
  CHECK(w.payments.run().counter("payments.unanswered_asks") == 1);
}

TEST_CASE("while inventory is asked the customer's other orders wait, and a restart in between takes nothing twice") {
  world w(true);
  w.payments.feed("reservations", reserved(7));
  w.payments.feed("reservations", reserved(8, 600));
  CHECK(w.payments.run().open_asks() == 1);
  CHECK(w.balance() == 1'000);
  REQUIRE(w.payments.run().restart().ok());
  REQUIRE(w.payments.run().elapse(1ms).ok());
  REQUIRE(w.payments.run().answer_asks().ok());
  const auto p = w.payments.next<payment_made>("outcomes");
  REQUIRE(p.size() == 2);
  CHECK(p[0].outcome == payment_outcome::taken);
  CHECK(p[1].outcome == payment_outcome::balance_short);
  CHECK(w.balance() == 500);
}

TEST_CASE("a refund gives the money back once") {
  world w;
  w.payments.feed("reservations", reserved(7));
  w.payments.feed("refunds", refund_due{7, "c", 500});
  CHECK(w.balance() == 1'000);
  w.payments.feed("refunds", refund_due{7, "c", 500});
  CHECK(w.balance() == 1'000);
  CHECK(w.payments.run().counter("payments.repeated_refunds") == 1);
  CHECK(w.payments.next<account_entry>("accounts").back().step == account_step::refunded);
}

TEST_CASE("a refund for an order that is forgotten is paid all the same") {
  auto s = payments_of_test();
  s.remembered_orders = 1;
  world w(false, s);
  w.payments.feed("reservations", reserved(7));
  w.payments.feed("reservations", reserved(8, 100));
  w.payments.feed("refunds", refund_due{7, "c", 500});
  CHECK(w.balance() == 900);
}

TEST_CASE("a deposit of nothing, or of more than can be, counts for nothing") {
  world w;
  w.payments.feed("deposits", money_deposited{2, "c", 0});
  w.payments.feed("deposits", money_deposited{3, "c", most_per_event + 1});
  CHECK(w.balance() == 1'000);
  CHECK(w.payments.run().counter("payments.impossible_amounts") == 2);
}
