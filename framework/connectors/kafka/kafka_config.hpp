#pragma once
#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/handles.hpp>
#include <weir/core/result.hpp>

namespace weir::kafka {

using property_list = std::vector<std::pair<std::string, std::string>>;

/// A connection's settings, checked. Holds secrets: never print it.
struct kafka_config {
  std::string name;
  property_list common;                          ///< What the options say, as librdkafka properties of every client.
  std::map<std::string, std::string> properties; ///< Passed through; checked, none of them breaks a guarantee.
  std::chrono::milliseconds request_timeout{10'000};
  std::chrono::milliseconds transaction_timeout{60'000};
  std::chrono::milliseconds delivery_timeout{30'000};
  std::chrono::milliseconds linger{1};
  std::string compression = "none";
  int topic_partitions = -1;  ///< Of topics that we create; -1: the broker's default.
  int topic_replication = -1; ///< As above.
  int marker_partitions = 4;  ///< Of the marker topic.
  bool host_name_verified = true;
};

/// An option of a connection of type "kafka".
struct option_info {
  std::string_view name;
  std::string_view sentence;
};
[[nodiscard]] std::span<const option_info> all_options();

/// A librdkafka property that cannot be passed through, and why.
struct refused_property {
  std::string_view name;
  std::string_view reason;
};
[[nodiscard]] std::span<const refused_property> refused_properties();

/// True if the value of a property or option must never be printed.
[[nodiscard]] bool is_secret(std::string_view name);

/// Checks options and properties; needs no broker. Errors: invalid_config, naming the option or property; never a value
/// that may be secret.
result<kafka_config> parse_kafka_config(const connection_settings& s);

/// A librdkafka configuration: `defaults`, then the options, then the user's properties, then `fixed`; later wins.
/// Errors: invalid_config.
result<conf_ptr> make_conf(const kafka_config& c, const property_list& defaults, const property_list& fixed);

} // namespace weir::kafka
