#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>
#include <weir/services/actor_service.hpp>
#include "services/common/input_settings.hpp"
#include "services/shop/messages.hpp"
#include "services/weir/program.hpp"

namespace weir::shop {

/// What became of step "take" of an order.
struct payment_memory {
  std::int64_t order_id = 0;
  bool refunded = false;
};
BOOST_DESCRIBE_STRUCT(payment_memory, (), (order_id, refunded))

/// State of the actor of a customer.
struct customer_account {
  std::int64_t balance_cents = 0;
  std::vector<payment_memory> orders; ///< Oldest first; so many as are remembered.
};
BOOST_DESCRIBE_STRUCT(customer_account, (), (balance_cents, orders))

struct payments_settings {
  topic_ref reservations, refunds, deposits;
  topic_ref payments, accounts;
  std::string inventory = "inventory";
  duration ask_timeout = std::chrono::seconds(1);
  std::int64_t parallelism = 0;
  std::int64_t partitions = 4;
  std::int64_t remembered_orders = 500;
  bad_record on_bad_record = bad_record::fail;
  std::optional<topic_ref> dead_letters;
};

[[nodiscard]] settings_of<payments_settings> payments_table();

using payment_actors = actor_service<std::string, customer_account>;

/// An actor per customer: the steps "take" and "refund" of an order's saga.
///
/// stock_reserved: asks inventory whether the reservation still holds, takes the money once per order if there is enough,
/// and answers. refund_due: gives it back, once per order. Answers balance_of.
[[nodiscard]] payment_actors make_payments(const payments_settings& c);

/// The service type "payments".
[[nodiscard]] service_type payments_service();

} // namespace weir::shop
