#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <weir/connectors/connector.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// The demo's input. What order i is follows from `seed` and i alone, so that a run can be repeated and continued.
struct generate_options {
  std::string topic = "orders";
  std::int32_t partitions = 4;   ///< Of the topic, if it must be created.
  double rate = 1000;            ///< Orders per second of wall clock; 0 = as fast as they are taken.
  double speed = 1;              ///< Seconds of event time per second of wall clock (with rate 0: per 1,000 orders).
  std::uint64_t count = 0;       ///< Stop after this many; 0 = go on until SIGINT or SIGTERM.
  std::uint32_t customers = 100; ///< Named c-0000, c-0001, …; the first ones order more often.
  std::uint64_t seed = 1;
  std::optional<timestamp> start; ///< Event time of order `first_id`; none = now.
  std::uint64_t first_id = 1;
  bool resume = false;                             ///< Go on behind the newest order in the topic: its id and time.
  duration out_of_order = std::chrono::seconds(5); ///< An order is at most this much older than one before it.
  double late_share = 0;                           ///< Share, 0 to 1, of orders one to two minutes older still: truly late ones.
};

/// Writes orders to `to`, partitioned by customer as the Java client does, or as JSON lines to standard output if `to` is
/// null. One order in a hundred is 0 cents, three in a hundred are negative. Returns the exit code: 0 done or stopped by a
/// signal or by the reader of the output, everything sent being durable; 2 wrong options; 3 environment.
/// Blocks; must run in the main thread (it takes over SIGINT, SIGTERM and SIGPIPE meanwhile).
int generate_orders(const generate_options& options, connection* to);

/// One order as a JSON text; pure. `clock` is the event time up to which orders have come so far.
struct generated_order {
  std::uint64_t id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
  timestamp at;
  bool late = false;
};
[[nodiscard]] generated_order make_order(const generate_options& options, std::uint64_t id, timestamp clock);
void append_json(const generated_order& order, std::string& out);

} // namespace weir
