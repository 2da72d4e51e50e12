#pragma once
#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <weir/config/setting.hpp>
#include <weir/graph/job.hpp>
#include "services/common/input_settings.hpp"
#include "services/weir/program.hpp"

namespace weir {

/// An order as it comes: {"order_id":17,"customer":"c-0042","amount_cents":1250,"at":"2026-01-01T00:00:03.250Z"}.
struct order {
  std::int64_t order_id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(order, (), (order_id, customer, amount_cents, at))

/// What goes out, fields in this order.
struct total {
  std::string customer;
  timestamp window_start, window_end;
  std::int64_t total_cents = 0, orders = 0;
};
BOOST_DESCRIBE_STRUCT(total, (), (customer, window_start, window_end, total_cents, orders))

struct order_totals_settings {
  topic_ref input;
  topic_ref output;
  topic_ref late;
  std::int64_t parallelism = 0;
  duration window = std::chrono::minutes(1);
  duration out_of_orderness = std::chrono::seconds(5);
  duration idle_after = std::chrono::seconds(30);
  delivery guarantee = delivery::exactly_once;
  start_position start = start_earliest{};
  bad_record on_bad_record = bad_record::fail;
  std::optional<topic_ref> dead_letters;
};

[[nodiscard]] settings_of<order_totals_settings> order_totals_table();

/// Sums orders per customer and window of event time: totals to `output`, orders behind their window to `late`. Every
/// order is in a total or in late, none in both.
[[nodiscard]] job make_order_totals(const order_totals_settings& c);

/// The service type "order-totals".
[[nodiscard]] service_type order_totals_service();

} // namespace weir
