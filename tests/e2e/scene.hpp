#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/judge.hpp"

namespace weir::e2e {

/// A record of the input.
struct input_line {
  std::string key;
  std::string json; ///< The value.
};

/// Makes the input of a service. The same seed makes the same records.
class input_maker {
 public:
  virtual ~input_maker() = default;
  [[nodiscard]] virtual input_line next() = 0;
  [[nodiscard]] std::vector<input_line> next(std::size_t count);
  /// How many were made.
  [[nodiscard]] virtual std::int64_t made() const = 0;
};

/// A service under test: its files config/<service>.json and config/<service>.kafka.json, its topics, its input and its judge.
struct scene {
  struct topic {
    std::string name; ///< In the configuration for the embedded log.
    std::string
        variable; ///< Names it in the configuration for Kafka; empty: it is called after another, or the input with `suffix`.
    std::string suffix = {};
  };
  std::string service;
  topic input;
  std::string key_field; ///< Of the input: the member that is the key.
  std::vector<topic> outputs;
  std::function<std::unique_ptr<input_maker>(std::uint64_t seed, unsigned keys)> make_input;
  std::function<verdict(const world_facts&)> judge;

  /// Topics whose records must be there and handled before the input begins: a stock before its orders.
  struct opening {
    topic where;
    std::string key_field;
    std::function<std::vector<input_line>(unsigned keys)> make;
  };
  std::vector<opening> openings = {};
  std::function<bool(const world_facts&)> opened = {};
  /// Of services that hand records on in a circle, which no run to the end of the input ends: whether everything has come to
  /// its end. Never true too early when the outputs were read in the order of `outputs`.
  std::function<bool(const world_facts&)> settled = {};
  std::string job = {};                                ///< Whose store is looked into; empty: that of `service`.
  std::map<std::string, std::string> environment = {}; ///< Of each start.
  std::vector<topic> others = {};                      ///< Topics of the configuration that are not judged.
  /// Numbers of the services in the file that can have shards: their topics are partitioned by their keys.
  std::vector<std::size_t> shardable = {0};

  /// Another service of the same file. It comes to its end in a run to the end of all input, behind everything else.
  struct companion {
    std::string service;
    topic input; ///< Without a maker it is another service's.
    std::string key_field;
    std::function<std::unique_ptr<input_maker>(std::uint64_t seed, unsigned keys)> make_input;
    std::vector<topic> outputs;
    std::function<verdict(const world_facts&)> judge;
  };
  std::vector<companion> companions = {};
};

[[nodiscard]] const scene& order_totals_scene();
[[nodiscard]] const scene& fraud_detection_scene();
[[nodiscard]] const scene& click_sessions_scene();
/// inventory, payments and notifier, with the other example services beside them.
[[nodiscard]] const scene& shop_scene();

/// The scene of that service; throws std::invalid_argument if there is none.
[[nodiscard]] const scene& scene_of(const std::string& service);

} // namespace weir::e2e
