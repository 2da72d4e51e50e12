#include "services/weir/generate_command.hpp"
#include <charconv>
#include <cmath>
#include <iostream>
#include <limits>
#include <weir/config/config.hpp>
#include <weir/core/quantity.hpp>
#include <weir/record/time_text.hpp>
#include "services/weir/connections.hpp"

namespace weir {
namespace {

const std::string* given(const command_arguments& arguments, std::string_view name) {
  for (const auto& [key, value] : arguments)
    if (key == name)
      return &value;
  return nullptr;
}

error bad(std::string_view name, const std::string& text, const char* wanted) {
  return {errc::invalid_argument, "--" + std::string(name) + ": '" + text + "' is not " + wanted};
}

template <class N>
result<> number(const command_arguments& arguments, std::string_view name, N least, N most, N& out) {
  const auto* text = given(arguments, name);
  if (text == nullptr)
    return success();
  N n{};
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (ec != std::errc{} || end != text->data() + text->size() || !(n >= least && n <= most))
    return bad(name, *text, "a number in the range of this option");
  out = n;
  return success();
}

result<generate_options> options_of(const record_generator& kind, const command_arguments& a) {
  generate_options o;
  WEIR_TRY(number(a, "partitions", std::int32_t{1}, std::int32_t{100'000}, o.partitions));
  WEIR_TRY(number(a, "rate", 0.0, 1e9, o.rate));
  WEIR_TRY(number(a, "speed", 0.0, 1e9, o.speed));
  WEIR_TRY(number(a, "count", std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(), o.count));
  WEIR_TRY(number(a, kind.keys, std::uint32_t{1}, std::uint32_t{100'000'000}, o.keys));
  WEIR_TRY(number(a, "seed", std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(), o.seed));
  WEIR_TRY(number(a, "late-share", 0.0, 1.0, o.late_share));
  if (const auto* text = given(a, "start")) {
    WEIR_ASSIGN(auto start, parse_timestamp(*text));
    o.start = start;
  }
  if (const auto* text = given(a, "out-of-order")) {
    WEIR_ASSIGN(o.out_of_order, parse_duration(*text));
  }
  o.resume = given(a, "resume") != nullptr;
  return o;
}

// The topic that a setting of the first service of that type names.
const topic_ref* topic_of(const config& c, const std::string& type, const std::string& setting) {
  for (const auto& service : c.services) {
    if (service.type != type)
      continue;
    if (auto found = service.settings.find(setting); found != service.settings.end())
      if (const auto* topic = std::get_if<topic_ref>(&found->second))
        return topic;
  }
  return nullptr;
}

result<int> generate_into(const program& p, record_generator kind, const std::string& file, generate_options o) {
  std::vector<service_description> types;
  for (const auto& s : p.services)
    types.push_back({s.name, s.sentence, s.settings});
  auto loaded = load_config(file, types, {});
  if (!loaded.ok()) {
    std::string all;
    for (const auto& problem : loaded.problems)
      all += (all.empty() ? "" : "\n") + file + ": " + to_string(problem);
    return error{errc::invalid_config, all};
  }
  const auto* input = topic_of(loaded.value, kind.service, kind.setting);
  if (input == nullptr)
    return error{errc::invalid_config, file + ": there is no service of type '" + kind.service + "'"};
  o.topic = input->topic;
  for (auto& first : kind.opening) {
    const auto* topic = topic_of(loaded.value, first.service, first.setting);
    if (topic == nullptr)
      return error{errc::invalid_config, file + ": there is no service of type '" + first.service + "'"};
    if (topic->connection != input->connection)
      return error{errc::invalid_config, file + ": " + first.setting + " and " + kind.records + " must be on one connection"};
    first.topic = topic->topic;
  }
  for (const auto& settings : loaded.value.connections)
    if (settings.name == input->connection) {
      WEIR_ASSIGN(auto to, make_connection(settings));
      return generate(kind, std::move(o), to.get());
    }
  return error{errc::invalid_config, file + ": there is no connection '" + input->connection + "'"};
}

} // namespace

program_command generate_command(program p, record_generator kind) {
  program_command c;
  c.name = kind.command;
  c.sentence = "Write out-of-order " + kind.records + " into the input topic of " + kind.service + ", made when it is missing";
  c.options = {
      {.name = "FILE",
       .placeholder = "FILE",
       .sentence = "Configuration file; without it JSON lines go to standard output",
       .positional = true},
      {.name = "rate", .placeholder = "N", .sentence = "Records per second; 0: as fast as they are taken", .fallback = "1000"},
      {.name = "speed", .placeholder = "X", .sentence = "Seconds of event time per second", .fallback = "1"},
      {.name = "count", .placeholder = "N", .sentence = "Stop after so many; 0: until SIGINT or SIGTERM", .fallback = "0"},
      {.name = kind.keys, .placeholder = "N", .sentence = "Number of " + kind.keys, .fallback = "100"},
      {.name = "partitions", .placeholder = "N", .sentence = "Partitions of the topic when it is made", .fallback = "4"},
      {.name = "seed", .placeholder = "N", .sentence = "What record N is follows from it", .fallback = "1"},
      {.name = "start", .placeholder = "TIME", .sentence = "Event time of the first record; without it now"},
      {.name = "out-of-order",
       .placeholder = "DURATION",
       .sentence = "A record is at most this much older than one before it",
       .fallback = "5s"},
      {.name = "late-share", .placeholder = "X", .sentence = "Share, 0 to 1, of truly late records", .fallback = "0"},
      {.name = "resume", .placeholder = "", .sentence = "Go on behind the newest record in the topic"},
  };
  c.run = [p = std::move(p), kind = std::move(kind)](const command_arguments& a) -> result<int> {
    WEIR_ASSIGN(auto options, options_of(kind, a));
    const auto* file = given(a, "FILE");
    return file == nullptr ? result<int>(generate(kind, std::move(options), nullptr))
                           : generate_into(p, kind, *file, std::move(options));
  };
  return c;
}

} // namespace weir
