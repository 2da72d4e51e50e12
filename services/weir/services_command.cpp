#include <fmt/format.h>
#include <algorithm>
#include <ostream>
#include <weir/config/catalog.hpp>
#include <weir/core/log_line.hpp>
#include <weir/core/suggest.hpp>
#include "services/weir/service_commands.hpp"

namespace weir {
namespace {

const char* kind_text(service_kind kind) {
  switch (kind) {
    case service_kind::job:
      return "job";
    case service_kind::actor:
      return "actor";
    case service_kind::caf:
      return "caf";
  }
  return "";
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

bool has_bounds(const setting& s) {
  return s.type == setting_type::integer || s.type == setting_type::time_span || s.type == setting_type::bytes;
}

// Bounds are numbers in the unit; the unit of a duration is its resolution.
std::string json_unit(const setting& s) {
  if (s.type == setting_type::time_span)
    return "us";
  return s.type == setting_type::bytes ? "B" : s.unit;
}

std::string json_of(const setting& s) {
  auto out = fmt::format(R"({{"name":{},"form":{},"required":{})", json_text(s.name),
                         json_text(s.type == setting_type::choice ? "choice" : form_text(s)), s.required);
  if (auto unit = json_unit(s); !unit.empty())
    out += R"(,"unit":)" + json_text(unit);
  if (!s.fallback.empty())
    out += R"(,"default":)" + s.fallback;
  if (has_bounds(s))
    out += fmt::format(R"(,"min":{})", s.min);
  if (has_bounds(s) && s.max != std::numeric_limits<std::int64_t>::max())
    out += fmt::format(R"(,"max":{})", s.max);
  if (s.type == setting_type::choice) {
    std::string words;
    for (const auto& word : s.choices)
      words += (words.empty() ? "" : ",") + json_text(word);
    out += R"(,"choices":[)" + words + "]";
  }
  out += fmt::format(R"(,"fixed":{},"sentence":{})", s.effect == change_effect::fixed, json_text(s.sentence));
  if (!s.trade_off.empty())
    out += R"(,"trade_off":)" + json_text(s.trade_off);
  return out + "}";
}

std::string json_of(const service_type& t) {
  std::string settings;
  for (const auto& s : t.settings->all())
    settings += (settings.empty() ? "" : ",") + json_of(s);
  return fmt::format(R"({{"name":{},"kind":"{}","sentence":{},"settings":[{}]}})", json_text(t.name), kind_text(t.kind),
                     json_text(t.sentence), settings);
}

void print_settings(std::ostream& out, const service_type& t) {
  out << t.name << "\n  " << kind_text(t.kind) << ": " << t.sentence << "\n";
  for (const auto& s : t.settings->all()) {
    auto bounds = bounds_text(s);
    out << "\n  " << s.name << "\n    " << form_text(s) << (bounds.empty() ? "" : ", " + bounds) << "; "
        << (s.required ? "required" : "default " + default_text(s)) << "\n    " << s.sentence << "\n";
    if (!s.trade_off.empty())
      out << "    " << s.trade_off << "\n";
    if (s.effect == change_effect::fixed)
      out << "    Fixed for the life of a store.\n";
  }
}

} // namespace

exit_code services_command(const program& p, const services_options& options, const program_seams& seams) {
  std::vector<const service_type*> chosen;
  std::vector<std::string_view> known;
  std::size_t width = 0;
  for (const auto& t : p.services) {
    known.emplace_back(t.name);
    width = std::max(width, t.name.size());
    if (options.name.empty() || options.name == t.name)
      chosen.push_back(&t);
  }
  if (chosen.empty() && !options.name.empty())
    return report(
        {errc::invalid_argument, "this program has no service type '" + options.name + "'" + did_you_mean(options.name, known)},
        seams);
  if (options.json) {
    std::string all;
    for (const auto* t : chosen)
      all += (all.empty() ? "\n" : ",\n") + json_of(*t);
    seams.out << R"({"services":[)" << all << "\n]}\n";
  } else if (!options.name.empty()) {
    print_settings(seams.out, *chosen.front());
  } else {
    for (const auto* t : chosen)
      seams.out << fmt::format("{:<{}}  {:<5}  {}\n", t->name, width, kind_text(t->kind), t->sentence);
  }
  return exit_code::done;
}

} // namespace weir
