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

/// Stock that waits for the payment of an order.
struct reservation {
  std::int64_t order_id = 0;
  std::string customer;
  std::int64_t quantity = 0;
  std::int64_t amount_cents = 0;
};
BOOST_DESCRIBE_STRUCT(reservation, (), (order_id, customer, quantity, amount_cents))

/// An order that has its result.
struct ended_order {
  std::int64_t order_id = 0;
  bool shipped = false;
};
BOOST_DESCRIBE_STRUCT(ended_order, (), (order_id, shipped))

/// State of the actor of an article.
struct article_stock {
  std::int64_t free = 0, reserved = 0, shipped = 0;
  std::vector<reservation> open;  ///< Oldest first.
  std::vector<ended_order> ended; ///< Oldest first; so many as are remembered.
};
BOOST_DESCRIBE_STRUCT(article_stock, (), (free, reserved, shipped, open, ended))

struct inventory_settings {
  topic_ref orders, deliveries, payments;
  topic_ref reservations, refunds, results, stock, commands;
  std::int64_t parallelism = 0;
  std::int64_t partitions = 4;
  duration reservation_timeout = std::chrono::seconds(30);
  std::int64_t remembered_orders = 500;
  bad_record on_bad_record = bad_record::fail;
  std::optional<topic_ref> dead_letters;
};

[[nodiscard]] settings_of<inventory_settings> inventory_table();

using inventory_actors = actor_service<std::string, article_stock>;

/// An actor per article: the beginning and the end of the saga of an order.
///
/// order_placed: reserves and tells payments, or refuses. payment_made: ships what was paid for, releases what was not; a
/// payment for an order that has ended otherwise is sent back by refund_due. Timer: releases a reservation that was not paid
/// in time. Answers stock_of, reservation_of and restock_article.
[[nodiscard]] inventory_actors make_inventory(const inventory_settings& c);

/// The service type "inventory".
[[nodiscard]] service_type inventory_service();

} // namespace weir::shop
