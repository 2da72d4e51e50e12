#include "services/weir/parked_text.hpp"
#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <stdexcept>
#include <weir/core/quantity.hpp>
#include <weir/core/suggest.hpp>
#include <weir/record/time_text.hpp>
#include "services/weir/health/http_rules.hpp"

namespace weir {
namespace {

namespace json = boost::json;

std::string text(const json::value& v) { return std::string(v.as_string()); }

listed_key key_of(const json::value& v, timestamp now) {
  listed_key k;
  k.service = text(v.at("service"));
  k.key = on_one_line(text(v.at("key")));
  k.id = text(v.at("id"));
  k.event = on_one_line(text(v.at("event")));
  k.reason = on_one_line(text(v.at("reason")));
  k.waiting = v.at("waiting").to_number<std::uint64_t>();
  auto since = parse_timestamp(text(v.at("since")));
  if (!from_hex(k.id) || !since)
    throw std::runtime_error("a parked key has another form");
  k.since = now - *since;
  return k;
}

} // namespace

std::string on_one_line(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = ' ';
  return text;
}

std::string age_text(duration apart) {
  return apart < std::chrono::minutes(10) ? fmt::format("{:.1f}s", static_cast<double>(apart.count()) / 1e6)
                                          : format_duration(std::chrono::duration_cast<std::chrono::seconds>(apart));
}

parked_keys parked_keys_of(const json::value& service, timestamp now) {
  parked_keys out;
  out.keys = service.at("parked").at("keys").to_number<std::uint64_t>();
  out.events = service.at("parked").at("events").to_number<std::uint64_t>();
  for (const auto& k : service.at("parked_keys").as_array())
    out.listed.push_back(key_of(k, now));
  return out;
}

result<parked_keys> parked_keys_in(std::string_view answer, const std::string& service) {
  try {
    auto v = json::parse({answer.data(), answer.size()});
    auto now = parse_timestamp(text(v.at("time")));
    if (!now)
      return error{errc::decode_failed, "the answer carries no time"};
    parked_keys out;
    std::vector<std::string> names;
    for (const auto& s : v.at("services").as_array()) {
      names.push_back(text(s.at("name")));
      if (!service.empty() && names.back() != service)
        continue;
      auto one = parked_keys_of(s, *now);
      out.keys += one.keys;
      out.events += one.events;
      std::move(one.listed.begin(), one.listed.end(), std::back_inserter(out.listed));
    }
    std::vector<std::string_view> known(names.begin(), names.end());
    if (!service.empty() && std::find(known.begin(), known.end(), service) == known.end())
      return error{errc::invalid_argument, "no service '" + service + "' runs there" + did_you_mean(service, known)};
    return out;
  } catch (const std::exception& e) {
    return error{errc::decode_failed, std::string("the answer is not a status of this release: ") + e.what()};
  }
}

std::string parked_text(const parked_keys& all, std::size_t most) {
  if (all.keys == 0)
    return "";
  auto out = fmt::format("{} parked {}, {} {} waiting\n", all.keys, all.keys == 1 ? "key" : "keys", all.events,
                         all.events == 1 ? "event" : "events");
  const auto shown = std::min(all.listed.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& k = all.listed[i];
    out += fmt::format("  {}: key {} (id {}) parked since {}, {} waiting\n    {}: {}\n", k.service, k.key, k.id,
                       age_text(k.since), k.waiting, k.event, k.reason);
  }
  if (all.keys > shown)
    out += fmt::format("  … and {} more, parked for less long\n", all.keys - shown);
  return out;
}

} // namespace weir
