#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/judge.hpp"
#include "tests/e2e/orders.hpp"

namespace weir::e2e {

/// Where order-totals runs in a test: its topics, its configuration, and how to see what it wrote. One run each.
/// Everything throws std::runtime_error when the surroundings fail.
class world {
 public:
  virtual ~world() = default;
  /// The configuration file that is run, and the environment it is run with.
  [[nodiscard]] virtual std::filesystem::path config() const = 0;
  [[nodiscard]] virtual std::map<std::string, std::string> environment() const = 0;
  /// Appends to the orders; returns when they are there.
  virtual void produce(const std::vector<order_line>& orders) = 0;
  /// The same, by `weir log produce` that is killed at `fail_point`: all of the orders are there, or none of them. Returns
  /// whether they are. Throws std::runtime_error if it is not killed or if a part of them is there.
  virtual bool produce_killed(const std::vector<order_line>& orders, const std::string& fail_point) = 0;
  /// Input and output as a read_committed reader sees them, and the partitions with an open transaction.
  virtual run_facts read() = 0;
  /// The folder of the job's store.
  [[nodiscard]] std::filesystem::path store() const;
  /// Takes away what the run left.
  virtual void clean_up() = 0;
};

/// On the embedded log in `folder`; `weir` is the program. Orders come and totals go by `weir log`.
std::unique_ptr<world> make_log_world(const std::filesystem::path& weir, const std::filesystem::path& source,
                                      const std::filesystem::path& folder);

/// On a Kafka broker, with topics and a namespace named after `name`; state in `folder`.
std::unique_ptr<world> make_kafka_world(const std::string& brokers, const std::filesystem::path& source,
                                        const std::filesystem::path& folder, const std::string& name);

/// How many partitions the orders have.
inline constexpr std::int32_t order_partitions = 4;

inline std::filesystem::path world::store() const {
  return std::filesystem::path(environment().at("WEIR_DATA")) / "store/order-totals";
}

} // namespace weir::e2e
