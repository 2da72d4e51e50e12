#include "tests/e2e/judging.hpp"

#include <algorithm>

namespace weir::e2e {

namespace json = boost::json;

std::string place_of(const topic_record& r) {
  return "partition " + std::to_string(r.partition) + " offset " + std::to_string(r.offset);
}

std::optional<json::object> object_of(const topic_record& r) {
  if (!r.value)
    return std::nullopt;
  boost::system::error_code failed;
  auto value = json::parse(*r.value, failed);
  if (failed || !value.is_object())
    return std::nullopt;
  return value.as_object();
}

std::optional<std::int64_t> integer_of(const json::object& o, std::string_view field) {
  const auto* v = o.if_contains(field);
  if (v == nullptr || !v->is_int64())
    return std::nullopt;
  return v->as_int64();
}

std::optional<std::string> text_of(const json::object& o, std::string_view field) {
  const auto* v = o.if_contains(field);
  if (v == nullptr || !v->is_string())
    return std::nullopt;
  return std::string(v->as_string());
}

std::optional<std::int64_t> time_of(const json::object& o, std::string_view field) {
  const auto text = text_of(o, field);
  return text ? parse_time(*text) : std::nullopt;
}

bool same(const json::value& a, const json::value& b) {
  if (a.is_string() && b.is_string()) {
    const auto x = parse_time(std::string_view(a.as_string())), y = parse_time(std::string_view(b.as_string()));
    return x && y ? *x == *y : a == b;
  }
  if (a.is_array() && b.is_array())
    return std::equal(a.as_array().begin(), a.as_array().end(), b.as_array().begin(), b.as_array().end(), same);
  if (a.is_object() && b.is_object())
    return std::equal(a.as_object().begin(), a.as_object().end(), b.as_object().begin(), b.as_object().end(),
                      [](const auto& x, const auto& y) { return x.key() == y.key() && same(x.value(), y.value()); });
  return a == b;
}

void judging::complain(std::string sentence) {
  ++verdict_.complaint_count;
  if (verdict_.complaints.size() < 50)
    verdict_.complaints.push_back(std::move(sentence));
}

void judging::read_input(const std::string& topic, const std::string& id, const std::string& key,
                         std::chrono::milliseconds bound) {
  std::map<std::int32_t, std::int64_t> newest;
  for (const auto& record : facts_.topics.at(topic)) {
    auto object = object_of(record);
    const auto number = object ? integer_of(*object, id) : std::nullopt;
    const auto name = object ? text_of(*object, key) : std::nullopt;
    const auto at = object ? time_of(*object, "at") : std::nullopt;
    if (!number || !name || !at) {
      complain("the input is not what the service reads at " + place_of(record));
      continue;
    }
    const auto [seen, first] = newest.emplace(record.partition, *at);
    const bool within = first || *at >= seen->second - bound.count();
    seen->second = std::max(seen->second, *at);
    if (!events_.emplace(*number, event{&record, std::move(*object), *number, *name, *at, within, false}).second)
      complain("the input has " + std::to_string(*number) + " twice: it cannot be judged");
  }
  verdict_.orders = facts_.topics.at(topic).size();
}

void judging::read_late(const std::string& topic, const std::string& id) {
  std::map<std::pair<std::string, std::int32_t>, std::int64_t> last;
  for (const auto& record : facts_.topics.at(topic)) {
    const auto object = object_of(record);
    const auto number = object ? integer_of(*object, id) : std::nullopt;
    const auto found = number ? events_.find(*number) : events_.end();
    if (found == events_.end()) {
      complain("the late topic holds what was never in the input at " + place_of(record));
      continue;
    }
    auto& e = found->second;
    const auto name = id + " " + std::to_string(*number);
    if (e.late)
      complain("late " + name + " is there twice, again at " + place_of(record));
    e.late = true;
    if (e.within_bound)
      complain(name + " is late though it came within the bound of its partition, input " + place_of(*e.record));
    if (record.key != e.key || !same(*object, e.object))
      complain("late " + name + " has another key or value than the input at " + place_of(record));
    const auto [previous, first] = last.try_emplace({e.key, e.record->partition}, e.record->offset);
    if (!first && e.record->offset <= previous->second)
      complain("late " + name + " is out of order for its key at " + place_of(record));
    previous->second = e.record->offset;
  }
  verdict_.late = facts_.topics.at(topic).size();
}

std::vector<const event*> judging::counted() const {
  std::vector<const event*> out;
  for (const auto& [id, e] : events_)
    if (!e.late)
      out.push_back(&e);
  std::sort(out.begin(), out.end(),
            [](const event* a, const event* b) { return std::pair(a->at_ms, a->id) < std::pair(b->at_ms, b->id); });
  return out;
}

void judging::compare(const std::string& topic, const std::map<std::string, expected>& all,
                      const std::function<std::optional<std::string>(const json::object&)>& identity,
                      const std::string& in_order) {
  std::map<std::string, const topic_record*> found;
  struct last_seen {
    std::int32_t partition;
    std::int64_t offset, ascends;
  };
  std::map<std::string, last_seen> by_key;
  for (const auto& record : facts_.topics.at(topic)) {
    const auto object = object_of(record);
    const auto who = object ? identity(*object) : std::nullopt;
    if (!who) {
      complain(topic + " holds what does not belong there at " + place_of(record));
      continue;
    }
    const auto [first, only] = found.try_emplace(*who, &record);
    if (!only) {
      complain(topic + " " + *who + " is there twice: at " + place_of(*first->second) + " and at " + place_of(record));
      continue;
    }
    const auto wanted = all.find(*who);
    if (wanted == all.end()) {
      complain(topic + " " + *who + " follows from no input, at " + place_of(record));
      continue;
    }
    const auto& w = wanted->second;
    if (!same(*object, w.object))
      complain(topic + " " + *who + " is " + *record.value + " and must be " + json::serialize(w.object) + " at " +
               place_of(record));
    if (!record.key || !same(json::value(*record.key), json::value(w.key)))
      complain(topic + " " + *who + " has the key " + record.key.value_or("(none)") + " at " + place_of(record));
    if (record.timestamp_ms != w.timestamp_ms)
      complain(topic + " " + *who + " has the time stamp " + std::to_string(record.timestamp_ms) + " and must have " +
               std::to_string(w.timestamp_ms) + " at " + place_of(record));
    const auto partitions = facts_.partitions.find(topic);
    if (record.key && partitions != facts_.partitions.end() &&
        record.partition != java_partition(*record.key, partitions->second))
      complain(topic + " " + *who + " is in partition " + std::to_string(record.partition) +
               ", where a Java producer would not put its key");
    const auto ascends = time_of(*object, in_order);
    const auto [last, one] = by_key.try_emplace(w.key, last_seen{record.partition, record.offset, ascends.value_or(0)});
    if (!one && (last->second.partition != record.partition || record.offset <= last->second.offset ||
                 ascends.value_or(0) < last->second.ascends))
      complain(topic + " " + *who + " is out of order for its key at " + place_of(record));
    last->second = {record.partition, record.offset, ascends.value_or(0)};
  }
  for (const auto& [who, w] : all)
    if (!found.contains(who))
      complain(topic + " " + who + " is missing: " + json::serialize(w.object));
  verdict_.totals += facts_.topics.at(topic).size();
}

void judging::check_transactions() {
  for (const auto& partition : facts_.open_transactions)
    complain("a transaction is open in " + partition);
}

} // namespace weir::e2e
