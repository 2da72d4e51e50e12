#pragma once
#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include "services/common/input_settings.hpp"
#include "services/weir/program.hpp"

namespace weir::shop {

/// What a customer is told. At least one per result; a copy has the same order_id.
struct notification {
  std::int64_t order_id = 0;
  std::string customer;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(notification, (), (order_id, customer, text))

struct notifier_settings {
  topic_ref results, notifications;
  std::int64_t in_flight = 100;
  duration answer_timeout = std::chrono::seconds(30);
  std::int64_t attempts = 3;
  std::int64_t partitions = 4;
  bad_record on_bad_record = bad_record::fail;
  std::optional<topic_ref> dead_letters;
};

[[nodiscard]] settings_of<notifier_settings> notifier_table();

/// The service type "notifier": an ordinary CAF actor.
[[nodiscard]] service_type notifier_service();

} // namespace weir::shop
