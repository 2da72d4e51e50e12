#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/core/timestamp.hpp>

#include "services/generator/random_numbers.hpp"

namespace weir {

/// What is made and how fast. Record i follows from `seed` and i alone, so that a run can be repeated and continued.
struct generate_options {
  std::string topic;           ///< Empty: named after what is made.
  std::int32_t partitions = 4; ///< Of the topic, if it must be created.
  double rate = 1000;          ///< Records per second of wall clock; 0 = as fast as they are taken.
  double speed = 1;            ///< Seconds of event time per second of wall clock (with rate 0: per 1,000 records).
  std::uint64_t count = 0;     ///< Stop after this many; 0 = go on until SIGINT or SIGTERM.
  std::uint32_t keys = 100;    ///< How many customers, cards, users.
  std::uint64_t seed = 1;
  std::optional<timestamp> start; ///< Event time of record `first_id`; none = now.
  std::uint64_t first_id = 1;
  bool resume = false;                             ///< Go on behind the newest record in the topic: its id and time.
  duration out_of_order = std::chrono::seconds(5); ///< A record is at most this much older than one before it.
  double late_share = 0;                           ///< Share, 0 to 1, of records one to two minutes older still: truly late ones.
};

/// A kind of records: what a generator of one kind brings, the rest is shared.
struct record_generator {
  std::string command;  ///< "generate-orders": its name in messages and on the command line.
  std::string service;  ///< "order-totals": the type of the service that reads them.
  std::string records;  ///< "orders": their name, and that of the topic if none is given.
  std::string keys;     ///< "customers": what the keys are; an option of the command.
  std::string id_field; ///< "order_id": holds the number in the JSON object, beside the time in "at".
  /// Appends key and JSON text of record `id`; pure. `clock` is the event time up to which records have come so far.
  using maker =
      std::function<void(const generate_options& o, std::uint64_t id, timestamp clock, std::string& key, std::string& value)>;
  maker make;
  std::string setting = "input"; ///< Of the service: names the topic.

  /// Records that come before the first one of this kind, on a topic of their own: what orders are placed against.
  struct before {
    std::string service; ///< Type of the service that reads them.
    std::string setting; ///< Of that service: names the topic; also what they are called.
    std::function<std::uint64_t(const generate_options& o)> count; ///< Numbers 1 to count are made.
    maker make;
    std::string topic = {};
  };
  /// Written in turn, each durable before the next; not with `resume`, and not to standard output.
  std::vector<before> opening = {};
};

/// Writes records to `to`, partitioned by key as the Java client does, or as JSON lines to standard output if `to` is
/// null. Returns the exit code: 0 done or stopped by a signal or by the reader of the output, everything sent being durable;
/// 2 wrong options; 3 environment. Blocks; must run in the main thread (it takes over SIGINT, SIGTERM and SIGPIPE meanwhile).
int generate(const record_generator& kind, generate_options options, connection* to);

/// The event time of a record that is made when `clock` is reached: at most `out_of_order` behind it, or truly late.
struct generated_time {
  timestamp at;
  bool late = false;
};
[[nodiscard]] generated_time make_time(const generate_options& o, random_numbers& random, timestamp clock);

/// Random numbers of record `id`.
[[nodiscard]] inline random_numbers numbers_of(const generate_options& o, std::uint64_t id) {
  return random_numbers(o.seed * 0x2545f4914f6cdd1d + id);
}
/// `prefix` and the number with leading zeros, at least `digits` digits.
[[nodiscard]] std::string numbered(std::string_view prefix, std::uint64_t number, std::size_t digits);

} // namespace weir
