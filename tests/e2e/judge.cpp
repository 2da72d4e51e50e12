#include "tests/e2e/judge.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <set>
#include <stdexcept>
#include <unordered_map>

namespace weir::e2e {
namespace {

namespace json = boost::json;

struct order {
  const topic_record* record = nullptr;
  std::string customer;
  std::int64_t amount = 0;
  std::int64_t at_ms = 0;
  bool within_bound = true;
  bool late = false;
};

struct total {
  std::int64_t cents = 0;
  std::int64_t orders = 0;
};

std::int64_t floor_to(std::int64_t value, std::int64_t step) {
  const auto rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

std::string place(const topic_record& r) {
  return "partition " + std::to_string(r.partition) + " offset " + std::to_string(r.offset);
}

class judgement {
 public:
  judgement(const run_facts& facts, const rules& r) : facts_(facts), rules_(r) {}

  verdict run() {
    read_orders();
    read_late();
    compute();
    compare();
    check_order();
    for (const auto& partition : facts_.open_transactions)
      complain("a transaction is open in " + partition);
    verdict_.orders = facts_.orders.size();
    verdict_.totals = facts_.totals.size();
    verdict_.late = facts_.late.size();
    return std::move(verdict_);
  }

 private:
  void complain(std::string sentence) {
    ++verdict_.complaint_count;
    if (verdict_.complaints.size() < 50)
      verdict_.complaints.push_back(std::move(sentence));
  }

  static std::optional<json::object> parse(const topic_record& r) {
    if (!r.value)
      return std::nullopt;
    boost::system::error_code failed;
    auto value = json::parse(*r.value, failed);
    if (failed || !value.is_object())
      return std::nullopt;
    return value.as_object();
  }

  static std::optional<std::int64_t> integer(const json::object& o, std::string_view field) {
    const auto* v = o.if_contains(field);
    if (v == nullptr || !v->is_int64())
      return std::nullopt;
    return v->as_int64();
  }

  static std::optional<std::string> string(const json::object& o, std::string_view field) {
    const auto* v = o.if_contains(field);
    if (v == nullptr || !v->is_string())
      return std::nullopt;
    return std::string(v->as_string());
  }

  void read_orders() {
    std::map<std::int32_t, std::int64_t> newest;
    for (const auto& record : facts_.orders) {
      const auto o = parse(record);
      const auto id = o ? integer(*o, "order_id") : std::nullopt;
      const auto customer = o ? string(*o, "customer") : std::nullopt;
      const auto amount = o ? integer(*o, "amount_cents") : std::nullopt;
      const auto at = o ? string(*o, "at") : std::nullopt;
      const auto at_ms = at ? parse_time(*at) : std::nullopt;
      if (!id || !customer || !amount || !at_ms) {
        complain("the input is no order at " + place(record));
        continue;
      }
      const auto [seen, first] = newest.emplace(record.partition, *at_ms);
      const bool within_bound = first || *at_ms >= seen->second - rules_.bound.count();
      seen->second = std::max(seen->second, *at_ms);
      if (!orders_.emplace(*id, order{&record, *customer, *amount, *at_ms, within_bound, false}).second)
        complain("the input has order " + std::to_string(*id) + " twice: it cannot be judged");
    }
  }

  static const std::string* weir_header(const topic_record& r, std::string_view ending) {
    for (const auto& [name, value] : r.headers)
      if (name.starts_with("weir.") && name.ends_with(ending))
        return &value;
    return nullptr;
  }

  // Original headers first and in their order, then those of Weir.
  void check_late_headers(const topic_record& late, const topic_record& original, const std::string& name) {
    if (late.headers.size() < original.headers.size() ||
        !std::equal(original.headers.begin(), original.headers.end(), late.headers.begin()))
      complain("late " + name + " lost headers of its own at " + place(late));
    const auto* topic = weir_header(late, "topic");
    const auto* partition = weir_header(late, "partition");
    const auto* offset = weir_header(late, "offset");
    const auto* reason = weir_header(late, "reason");
    if (topic == nullptr || *topic != facts_.orders_topic || partition == nullptr ||
        *partition != std::to_string(original.partition) || offset == nullptr || *offset != std::to_string(original.offset))
      complain("late " + name + " does not say where it came from at " + place(late));
    if (reason == nullptr || reason->empty())
      complain("late " + name + " does not say why at " + place(late));
  }

  void read_late() {
    std::map<std::pair<std::string, std::int32_t>, std::int64_t> last;
    for (const auto& record : facts_.late) {
      const auto o = parse(record);
      const auto id = o ? integer(*o, "order_id") : std::nullopt;
      const auto found = id ? orders_.find(*id) : orders_.end();
      if (found == orders_.end()) {
        complain("the late topic holds what was never an order at " + place(record));
        continue;
      }
      auto& original = found->second;
      const auto name = "order " + std::to_string(*id);
      if (original.late)
        complain("late " + name + " is there twice, again at " + place(record));
      original.late = true;
      if (original.within_bound)
        complain(name + " is late though it came within the bound of its partition, input " + place(*original.record));
      if (record.key != original.record->key || record.value != original.record->value)
        complain("late " + name + " has another key or value than the input at " + place(record));
      check_late_headers(record, *original.record, name);
      const auto [previous, first] =
          last.try_emplace({record.key.value_or(""), original.record->partition}, original.record->offset);
      if (!first && original.record->offset <= previous->second)
        complain("late " + name + " is out of order for its key at " + place(record));
      previous->second = original.record->offset;
    }
  }

  void compute() {
    for (const auto& [id, o] : orders_) {
      if (o.late)
        continue;
      auto& t = expected_[{o.customer, floor_to(o.at_ms, rules_.window.count())}];
      t.cents += o.amount;
      ++t.orders;
    }
  }

  std::string expected_value(const std::string& customer, std::int64_t start, const total& t) const {
    return "{\"customer\":" + json::serialize(json::value(customer)) + ",\"window_start\":\"" + format_time(start) +
           "\",\"window_end\":\"" + format_time(start + rules_.window.count()) + "\",\"total_cents\":" + std::to_string(t.cents) +
           ",\"orders\":" + std::to_string(t.orders) + "}";
  }

  void compare() {
    std::map<std::pair<std::string, std::int64_t>, const topic_record*> found;
    for (const auto& record : facts_.totals) {
      const auto o = parse(record);
      const auto customer = o ? string(*o, "customer") : std::nullopt;
      const auto start_text = o ? string(*o, "window_start") : std::nullopt;
      const auto start = start_text ? parse_time(*start_text) : std::nullopt;
      if (!customer || !start) {
        complain("what is no total is in the output at " + place(record));
        continue;
      }
      const auto name = "the total of " + *customer + " from " + *start_text;
      const auto [first, only] = found.try_emplace({*customer, *start}, &record);
      if (!only) {
        complain(name + " is there twice: at " + place(*first->second) + " and at " + place(record));
        continue;
      }
      const auto wanted = expected_.find({*customer, *start});
      if (wanted == expected_.end()) {
        complain(name + " belongs to no order at " + place(record));
        continue;
      }
      check_total(record, name, *customer, *start, wanted->second);
    }
    for (const auto& [which, t] : expected_)
      if (!found.contains(which))
        complain("the total of " + which.first + " from " + format_time(which.second) + " is missing (" +
                 std::to_string(t.orders) + " orders)");
  }

  void check_total(const topic_record& record, const std::string& name, const std::string& customer, std::int64_t start,
                   const total& t) {
    const auto wanted = expected_value(customer, start, t);
    if (*record.value != wanted)
      complain(name + " is " + *record.value + " and must be " + wanted + " at " + place(record));
    if (record.key != customer)
      complain(name + " has the key " + record.key.value_or("(none)") + " at " + place(record));
    if (record.timestamp_ms != start + rules_.window.count() - 1)
      complain(name + " has the time stamp " + std::to_string(record.timestamp_ms) + " at " + place(record));
    if (facts_.totals_partitions > 0 && record.partition != java_partition(customer, facts_.totals_partitions))
      complain(name + " is in partition " + std::to_string(record.partition) + ", where a Java producer would not put its key");
  }

  void check_order() {
    struct last_seen {
      std::int32_t partition;
      std::int64_t offset;
      std::string start;
    };
    std::unordered_map<std::string, last_seen> by_key;
    for (const auto& record : facts_.totals) {
      const auto o = parse(record);
      const auto start = o ? string(*o, "window_start") : std::nullopt;
      if (!record.key || !start)
        continue;
      const auto [last, first] = by_key.try_emplace(*record.key, last_seen{record.partition, record.offset, *start});
      if (first)
        continue;
      if (last->second.partition != record.partition)
        complain("the key " + *record.key + " is in partitions " + std::to_string(last->second.partition) + " and " +
                 std::to_string(record.partition));
      else if (record.offset <= last->second.offset)
        complain("the records of partition " + std::to_string(record.partition) +
                 " were not read in order: they cannot be judged");
      else if (*start < last->second.start)
        complain("the windows of " + *record.key + " are out of order: " + *start + " after " + last->second.start + " at " +
                 place(record));
      last->second = {record.partition, record.offset, *start};
    }
  }

  const run_facts& facts_;
  const rules& rules_;
  verdict verdict_;
  std::map<std::int64_t, order> orders_;
  std::map<std::pair<std::string, std::int64_t>, total> expected_;
};

std::string text_of(const json::value& v) { return v.is_string() ? std::string(v.as_string()) : json::serialize(v); }

} // namespace

verdict judge(const run_facts& facts, const rules& r) { return judgement(facts, r).run(); }

topic_record parse_envelope(std::string_view line) {
  boost::system::error_code failed;
  const auto parsed = json::parse(line, failed);
  if (failed || !parsed.is_object())
    throw std::runtime_error("not a JSON object: " + std::string(line));
  const auto& o = parsed.as_object();
  const auto* partition = o.if_contains("partition");
  const auto* offset = o.if_contains("offset");
  const auto* time = o.if_contains("timestamp");
  if (partition == nullptr || !partition->is_int64() || offset == nullptr || !offset->is_int64() || time == nullptr ||
      !o.contains("key") || !o.contains("value") || !o.contains("headers"))
    throw std::runtime_error("an envelope needs partition, offset, timestamp, key, value and headers: " + std::string(line));
  topic_record r;
  r.partition = static_cast<std::int32_t>(partition->as_int64());
  r.offset = offset->as_int64();
  if (time->is_int64()) {
    r.timestamp_ms = time->as_int64();
  } else {
    const auto ms = time->is_string() ? parse_time(time->as_string()) : std::nullopt;
    if (!ms)
      throw std::runtime_error("an envelope's timestamp is no time: " + std::string(line));
    r.timestamp_ms = *ms;
  }
  if (const auto& key = o.at("key"); !key.is_null())
    r.key = text_of(key);
  if (const auto& value = o.at("value"); !value.is_null())
    r.value = text_of(value);
  if (const auto& headers = o.at("headers"); headers.is_object()) {
    for (const auto& [name, value] : headers.as_object())
      r.headers.emplace_back(name, text_of(value));
  } else if (headers.is_array()) {
    for (const auto& header : headers.as_array()) {
      if (header.is_array() && header.as_array().size() == 2)
        r.headers.emplace_back(text_of(header.as_array()[0]), text_of(header.as_array()[1]));
      else if (header.is_object() && header.as_object().contains("key") && header.as_object().contains("value"))
        r.headers.emplace_back(text_of(header.as_object().at("key")), text_of(header.as_object().at("value")));
      else
        throw std::runtime_error("an envelope's header has neither form: " + std::string(line));
    }
  } else if (!headers.is_null()) {
    throw std::runtime_error("an envelope's headers have no known form: " + std::string(line));
  }
  return r;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6 ||
      used != 19)
    return std::nullopt;
  std::int64_t fraction = 0;
  auto rest = text.substr(19);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    int digits = 0;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      if (digits < 3)
        fraction = fraction * 10 + (rest.front() - '0');
      ++digits;
      rest.remove_prefix(1);
    }
    for (; digits < 3 && digits > 0; ++digits)
      fraction *= 10;
    if (digits == 0)
      return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (rest != "Z" || !date.ok() || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((((static_cast<std::int64_t>(days) * 24 + hour) * 60 + minute) * 60) + second) * 1000 + fraction;
}

std::string format_time(std::int64_t ms) {
  constexpr std::int64_t day_ms = 86'400'000;
  const auto midnight = floor_to(ms, day_ms);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(midnight / day_ms))};
  const auto of_day = ms - midnight;
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(of_day / 3'600'000),
                static_cast<int>(of_day / 60'000 % 60), static_cast<int>(of_day / 1000 % 60));
  std::string out = text;
  if (of_day % 1000 != 0) {
    std::snprintf(text, sizeof text, ".%03d", static_cast<int>(of_day % 1000));
    out += text;
  }
  return out + "Z";
}

std::int32_t java_partition(std::string_view key, std::int32_t partitions) {
  constexpr std::uint32_t m = 0x5bd1e995;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(key[i])); };
  std::uint32_t h = 0x9747b28cU ^ static_cast<std::uint32_t>(key.size());
  std::size_t i = 0;
  for (; i + 4 <= key.size(); i += 4) {
    std::uint32_t k = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    k *= m;
    k ^= k >> 24;
    k *= m;
    h = h * m ^ k;
  }
  const auto rest = key.size() - i;
  if (rest >= 3)
    h ^= byte(i + 2) << 16;
  if (rest >= 2)
    h ^= byte(i + 1) << 8;
  if (rest >= 1) {
    h ^= byte(i);
    h *= m;
  }
  h ^= h >> 13;
  h *= m;
  h ^= h >> 15;
  return static_cast<std::int32_t>(h & 0x7fffffffU) % partitions;
}

} // namespace weir::e2e
