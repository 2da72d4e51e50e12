#pragma once
#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <weir/config/setting.hpp>
#include <weir/graph/job.hpp>
#include "services/common/input_settings.hpp"
#include "services/weir/program.hpp"

namespace weir {

/// A charge as it comes: {"charge_id":17,"card":"card-0042","amount_cents":120,"at":"2026-01-01T00:00:03.250Z"}.
struct charge {
  std::int64_t charge_id = 0; ///< Unique in the topic.
  std::string card;
  std::int64_t amount_cents = 0;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(charge, (), (charge_id, card, amount_cents, at))

/// What goes out, fields in this order.
struct fraud_alert {
  std::string card;
  std::int64_t charge_id = 0; ///< The large charge.
  timestamp at;
  std::int64_t amount_cents = 0;
  std::int64_t small_charges = 0, small_total_cents = 0;
  timestamp first_small_at;
};
BOOST_DESCRIBE_STRUCT(fraud_alert, (), (card, charge_id, at, amount_cents, small_charges, small_total_cents, first_small_at))

/// When a large charge is an alert; see fraud_rule.
struct fraud_pattern {
  std::int64_t small_amount_cents = 500;
  std::int64_t small_charges = 3;
  std::int64_t large_amount_cents = 50'000;
  duration within = std::chrono::minutes(10);

  [[nodiscard]] bool is_small(std::int64_t cents) const { return cents > 0 && cents <= small_amount_cents; }
  [[nodiscard]] bool is_large(std::int64_t cents) const { return cents >= large_amount_cents; }
};

/// Where a charge stands in the event-time order of its card.
struct charge_order {
  timestamp at;
  std::int64_t charge_id = 0;
};
BOOST_DESCRIBE_STRUCT(charge_order, (), (at, charge_id))

/// The keyed logic. The charges of a card count in the order of (at, charge_id), whatever order they come in: a large charge
/// at t makes an alert if at least `small_charges` small charges before it lie in [t - within, t] that no earlier alert has
/// counted; the alert counts all of them. Other charges play no part.
///
/// Each charge waits in state until the watermark has reached its time, then everything that can come before it is there.
/// A charge at or behind the watermark when it comes is late: it goes to the side output and counts for nothing. Small charges
/// leave the state by timer when no large one can reach back to them.
class fraud_rule : public process_function<std::string, charge, fraud_alert> {
 public:
  static const output_tag<charge> late;

  explicit fraud_rule(fraud_pattern pattern) : pattern_(pattern) {}

  void process(const charge& c, context& ctx);
  void on_timer(timestamp time, context& ctx);

 private:
  void evaluate(const charge_order& where, std::int64_t cents, context& ctx);

  fraud_pattern pattern_;
  map_state<charge_order, std::int64_t> waiting_{*this, "waiting"}; ///< Charges ahead of the watermark: cents.
  map_state<charge_order, std::int64_t> small_{*this, "small"};     ///< Small ones behind it that still count: cents.
};

struct fraud_detection_settings {
  topic_ref input;
  topic_ref output;
  topic_ref late;
  std::int64_t parallelism = 0;
  std::int64_t small_amount_cents = fraud_pattern{}.small_amount_cents;
  std::int64_t small_charges = fraud_pattern{}.small_charges;
  std::int64_t large_amount_cents = fraud_pattern{}.large_amount_cents;
  duration within = fraud_pattern{}.within;
  duration out_of_orderness = std::chrono::seconds(5);
  duration idle_after = std::chrono::seconds(30);
  delivery guarantee = delivery::exactly_once;
  start_position start = start_earliest{};
  bad_record on_bad_record = bad_record::fail;
  std::optional<topic_ref> dead_letters;
};

[[nodiscard]] settings_of<fraud_detection_settings> fraud_detection_table();

/// Charges by card through fraud_rule: alerts to `output`, time stamp and key those of the large charge; late charges to
/// `late`.
[[nodiscard]] job make_fraud_detection(const fraud_detection_settings& c);

/// The service type "fraud-detection".
[[nodiscard]] service_type fraud_detection_service();

} // namespace weir
