#pragma once
#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <weir/core/timestamp.hpp>
#include <weir/services/ask.hpp>

// What the services of the shop tell and ask each other. The saga of an order is its order_id; each step of it happens once
// per order_id, however often its event comes.

namespace weir::shop {

/// Begins a saga: {"order_id":17,"customer":"customer-0042","article":"article-03","quantity":2,"amount_cents":1998,
/// "at":"2026-01-01T00:00:03.250Z"}. Also what order-totals reads.
struct order_placed {
  std::int64_t order_id = 0;
  std::string customer;
  std::string article;
  std::int64_t quantity = 0;
  std::int64_t amount_cents = 0;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(order_placed, (), (order_id, customer, article, quantity, amount_cents, at))

/// Goods that come into stock.
struct stock_delivered {
  std::int64_t delivery_id = 0;
  std::string article;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(stock_delivered, (), (delivery_id, article, quantity))

/// Money that a customer pays in.
struct money_deposited {
  std::int64_t deposit_id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
};
BOOST_DESCRIBE_STRUCT(money_deposited, (), (deposit_id, customer, amount_cents))

/// Step "reserve" is done, step "take" may begin.
struct stock_reserved {
  std::int64_t order_id = 0;
  std::string article;
  std::string customer;
  std::int64_t amount_cents = 0;
};
BOOST_DESCRIBE_STRUCT(stock_reserved, (), (order_id, article, customer, amount_cents))

enum class payment_outcome : std::uint8_t {
  taken = 1,
  balance_short = 2,
  reservation_gone = 3, ///< Not tried: the reservation had already ended.
};
BOOST_DESCRIBE_ENUM(payment_outcome, taken, balance_short, reservation_gone)

/// What came of step "take"; exactly one per reservation.
struct payment_made {
  std::int64_t order_id = 0;
  std::string article;
  std::string customer;
  std::int64_t amount_cents = 0;
  payment_outcome outcome = payment_outcome::taken;
};
BOOST_DESCRIBE_STRUCT(payment_made, (), (order_id, article, customer, amount_cents, outcome))

/// Step "refund": a payment was taken for an order that was cancelled meanwhile.
struct refund_due {
  std::int64_t order_id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
};
BOOST_DESCRIBE_STRUCT(refund_due, (), (order_id, customer, amount_cents))

enum class order_outcome : std::uint8_t {
  shipped = 1,
  refused = 2,   ///< Nothing was reserved, or the payment was refused.
  cancelled = 3, ///< No payment came in time.
};
BOOST_DESCRIBE_ENUM(order_outcome, shipped, refused, cancelled)

enum class outcome_reason : std::uint8_t { paid = 1, invalid = 2, out_of_stock = 3, balance_short = 4, not_paid_in_time = 5 };
BOOST_DESCRIBE_ENUM(outcome_reason, paid, invalid, out_of_stock, balance_short, not_paid_in_time)

/// Exactly one per order.
struct order_result {
  std::int64_t order_id = 0;
  std::string customer;
  std::string article;
  std::int64_t quantity = 0;
  std::int64_t amount_cents = 0;
  order_outcome outcome = order_outcome::shipped;
  outcome_reason reason = outcome_reason::paid;
};
BOOST_DESCRIBE_STRUCT(order_result, (), (order_id, customer, article, quantity, amount_cents, outcome, reason))

enum class stock_step : std::uint8_t { delivered = 1, restocked = 2, reserved = 3, released = 4, shipped = 5 };
BOOST_DESCRIBE_ENUM(stock_step, delivered, restocked, reserved, released, shipped)

/// One line per change of an article's stock, with what there is behind it.
struct stock_entry {
  std::string article;
  stock_step step = stock_step::delivered;
  std::int64_t id = 0; ///< Of the delivery or order; 0 for restocked.
  std::int64_t quantity = 0;
  std::int64_t free = 0, reserved = 0, shipped = 0;
};
BOOST_DESCRIBE_STRUCT(stock_entry, (), (article, step, id, quantity, free, reserved, shipped))

enum class account_step : std::uint8_t { deposited = 1, taken = 2, refunded = 3 };
BOOST_DESCRIBE_ENUM(account_step, deposited, taken, refunded)

/// One line per change of a customer's balance, with the balance behind it.
struct account_entry {
  std::string customer;
  account_step step = account_step::deposited;
  std::int64_t id = 0; ///< Of the deposit or order.
  std::int64_t amount_cents = 0;
  std::int64_t balance_cents = 0;
};
BOOST_DESCRIBE_STRUCT(account_entry, (), (customer, step, id, amount_cents, balance_cents))

struct stock_question {
  std::int64_t at_least = 0; ///< Is so much free?
};
BOOST_DESCRIBE_STRUCT(stock_question, (), (at_least))
struct stock_level {
  std::int64_t free = 0, reserved = 0, shipped = 0;
  bool enough = false;
};
BOOST_DESCRIBE_STRUCT(stock_level, (), (free, reserved, shipped, enough))

/// Also the command that the question appends.
struct restock {
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(restock, (), (quantity))
struct restock_accepted {
  bool accepted = false; ///< False: the quantity is not possible; nothing was appended.
};
BOOST_DESCRIBE_STRUCT(restock_accepted, (), (accepted))

struct reservation_question {
  std::int64_t order_id = 0;
};
BOOST_DESCRIBE_STRUCT(reservation_question, (), (order_id))
struct reservation_status {
  bool held = false;
};
BOOST_DESCRIBE_STRUCT(reservation_status, (), (held))

struct balance_question {
  std::int64_t at_least_cents = 0; ///< Is there so much?
};
BOOST_DESCRIBE_STRUCT(balance_question, (), (at_least_cents))
struct balance_answer {
  std::int64_t balance_cents = 0;
  bool enough = false;
};
BOOST_DESCRIBE_STRUCT(balance_answer, (), (balance_cents, enough))

/// What inventory answers, by article.
inline const request<std::string, stock_question, stock_level> stock_of{"inventory", "stock"};
inline const request<std::string, reservation_question, reservation_status> reservation_of{"inventory", "reservation"};
/// Returns when the command is in the command topic: the stock rises when it comes back from there.
inline const request<std::string, restock, restock_accepted> restock_article{"inventory", "restock"};
/// What payments answers, by customer.
inline const request<std::string, balance_question, balance_answer> balance_of{"payments", "balance"};

/// The most that one event may bring or take, in pieces or cents: no sum of a life's worth of them overflows by accident.
inline constexpr std::int64_t most_per_event = 1'000'000'000'000;
[[nodiscard]] inline bool possible(std::int64_t amount) { return amount >= 1 && amount <= most_per_event; }

} // namespace weir::shop
