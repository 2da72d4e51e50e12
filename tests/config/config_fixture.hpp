#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <weir/config/config.hpp>

namespace weir::test {

/// Settings of a service type made for these tests: one member of every kind.
struct sample_settings {
  topic_ref input;
  std::optional<topic_ref> extra;
  duration window = std::chrono::minutes(1);
  byte_size cache{std::uint64_t{1} << 20};
  int parallelism = 0;
  bool fast = false;
  start_position start = start_earliest{};
  delivery guarantee = delivery::exactly_once;
  std::string label = "none";
};

inline const settings_of<sample_settings>& sample_table() {
  static const auto table = [] {
    using s = sample_settings;
    settings_of<s> t;
    t.add("input", &s::input, "Where records come from.", {.required = true});
    t.add("extra", &s::extra, "Another topic.");
    t.add("window", &s::window, "Length of a window.", {.bounds = between(std::chrono::seconds(1), std::chrono::hours(24))});
    t.add("cache", &s::cache, "Bytes kept.");
    t.add("parallelism", &s::parallelism, "Tasks.", {.bounds = between(0, 128)});
    t.add("fast", &s::fast, "Hurry.");
    t.add("start", &s::start, "Where to start.");
    t.choice("guarantee", &s::guarantee, "How output is written.",
             {{"exactly-once", delivery::exactly_once}, {"at-least-once", delivery::at_least_once}, {"none", delivery::none}});
    t.add("label", &s::label, "A word.");
    t.rule([](const s& v) -> std::optional<setting_problem> {
      if (v.fast && v.guarantee == delivery::exactly_once)
        return setting_problem{"fast", "does not go with exactly-once"};
      return std::nullopt;
    });
    return t;
  }();
  return table;
}

inline std::vector<service_description> sample_types() {
  return {{"sample", "A service for tests.", std::make_shared<settings_of<sample_settings>>(sample_table())}};
}

struct variables {
  std::map<std::string, std::string> values;
  [[nodiscard]] config_environment environment() const {
    return {[copy = values](const std::string& name) -> std::optional<std::string> {
      auto found = copy.find(name);
      return found == copy.end() ? std::nullopt : std::optional<std::string>{found->second};
    }};
  }
};

inline loaded_config read(std::string_view text, const variables& v = {}, std::vector<setting_override> overrides = {}) {
  auto types = sample_types();
  return read_config(text, types, overrides, v.environment());
}

/// A whole configuration around some settings of the service.
inline std::string with_settings(const std::string& settings) {
  return R"({"version": 1, "connections": {"main": {"type": "log", "path": "/tmp/log"}},
 "services": [{"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}, )" +
         settings + "}}]}";
}
/// A whole configuration with members added at the top.
inline std::string with_top(const std::string& members) {
  return R"({"version": 1, "connections": {"main": {"type": "log", "path": "/tmp/log"}},
 "services": [{"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}}], )" +
         members + "}";
}

inline std::string all_text(const loaded_config& c) {
  std::string out;
  for (const auto& p : c.problems)
    out += to_string(p) + "\n";
  return out;
}

/// True when there is exactly one problem, at this pointer, whose message holds this text.
inline bool only_problem(const loaded_config& c, const std::string& pointer, const std::string& text) {
  return c.problems.size() == 1 && c.problems[0].pointer == pointer && c.problems[0].message.find(text) != std::string::npos;
}

} // namespace weir::test
