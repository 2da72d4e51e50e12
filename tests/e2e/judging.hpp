#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/judge.hpp"

// What the judges of the services with event time and late records share.

namespace weir::e2e {

[[nodiscard]] std::string place_of(const topic_record& r);

/// The JSON object of a record; none if it is none.
[[nodiscard]] std::optional<boost::json::object> object_of(const topic_record& r);
/// A member of an object; none without it or with another type. A time is in milliseconds.
[[nodiscard]] std::optional<std::int64_t> integer_of(const boost::json::object& o, std::string_view field);
[[nodiscard]] std::optional<std::string> text_of(const boost::json::object& o, std::string_view field);
[[nodiscard]] std::optional<std::int64_t> time_of(const boost::json::object& o, std::string_view field);

/// Equal, times of different spelling included, members in the same order.
[[nodiscard]] bool same(const boost::json::value& a, const boost::json::value& b);

/// A record of the input.
struct event {
  const topic_record* record = nullptr;
  boost::json::object object;
  std::int64_t id = 0;
  std::string key;
  std::int64_t at_ms = 0;
  bool within_bound = true;
  bool late = false;
};

/// Collects what is wrong, reads input and late records, and checks an output topic against what is expected.
class judging {
 public:
  explicit judging(const world_facts& facts) : facts_(facts) {}

  void complain(std::string sentence);
  [[nodiscard]] verdict& result() { return verdict_; }

  /// The input: objects with a unique integer `id`, a text `key` and a time "at"; within the bound if not older by more
  /// than `bound` than one before it in its partition.
  void read_input(const std::string& topic, const std::string& id, const std::string& key, std::chrono::milliseconds bound);
  /// The late records: each is one of the input, as it was, once, beyond the bound of its partition, under its key, and in
  /// the order of the input per key and partition.
  void read_late(const std::string& topic, const std::string& id);
  /// The events that are not late.
  [[nodiscard]] std::vector<const event*> counted() const;

  /// A record that must come out.
  struct expected {
    std::string key;
    boost::json::object object;
    std::int64_t timestamp_ms = 0;
  };
  /// Compares a topic: each expected record is there exactly once, right in each field, under its key and time stamp and in
  /// the partition of its key, and nothing else. `identity` says which record an object claims to be. Per key the
  /// expected order of `all` (which is by identity) must be that of the offsets: `in_order` gives what ascends.
  void compare(const std::string& topic, const std::map<std::string, expected>& all,
               const std::function<std::optional<std::string>(const boost::json::object&)>& identity,
               const std::string& in_order);
  void check_transactions();

 private:
  const world_facts& facts_;
  verdict verdict_;
  std::map<std::int64_t, event> events_;
};

} // namespace weir::e2e
