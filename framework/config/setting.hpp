#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
#include <weir/core/quantity.hpp>
#include <weir/core/result.hpp>
#include <weir/graph/plan.hpp>

namespace weir {

/// What a setting is written as in the configuration.
enum class setting_type : std::uint8_t {
  text, ///< A string, not empty.
  name, ///< 1 to 64 of A-Z a-z 0-9 . _ -: becomes part of identifiers and paths.
  integer,
  boolean,
  time_span, ///< A duration, "250ms"; held in microseconds.
  bytes,     ///< "64MiB".
  choice,    ///< One of the listed words.
  topic,     ///< {"connection": "main", "topic": "orders"}
  start,     ///< "earliest", "latest", "group", {"timestamp": "…Z"} or {"offsets": {"0": 17}}
  text_map,  ///< An object of strings.
};

/// What a change of the setting takes.
enum class change_effect : std::uint8_t {
  restart, ///< Takes effect at the next start, from the last checkpoint.
  fixed,   ///< Part of the identity of stored state or published output: fixed for the life of a store.
};

/// One setting: everything the loader, the JSON Schema and the reference page need to know of it.
struct setting {
  std::string name;
  std::string sentence;
  std::string unit; ///< What an integer counts, "orders"; durations and sizes carry theirs in the value.
  setting_type type = setting_type::text;
  bool required = false;
  bool secret = false;  ///< Only by ${env:…} or ${file:…}; never shown.
  std::string fallback; ///< The default as JSON text; empty: none.
  std::int64_t min = 0; ///< Of integers, microseconds or bytes, inclusive.
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::vector<std::string> choices;
  std::string environment; ///< The variable that overrides it; empty: none.
  change_effect effect = change_effect::restart;
  std::string trade_off; ///< What more and less of it costs, or what a crash does; may be empty.
};

/// A value after reading and checking. Integers hold integers, microseconds or bytes.
using setting_value =
    std::variant<std::monostate, bool, std::int64_t, std::string, topic_ref, start_position, std::map<std::string, std::string>>;

/// The settings that were given, by name; those left out are absent.
using setting_values = std::map<std::string, setting_value>;

struct setting_bounds {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
[[nodiscard]] constexpr setting_bounds between(std::int64_t min, std::int64_t max) { return {min, max}; }
[[nodiscard]] constexpr setting_bounds between(duration min, duration max) { return {min.count(), max.count()}; }
[[nodiscard]] constexpr setting_bounds between(byte_size min, byte_size max) {
  return {static_cast<std::int64_t>(min.bytes), static_cast<std::int64_t>(max.bytes)};
}

/// What is said of a setting beyond name and sentence.
struct setting_options {
  bool required = false;
  setting_bounds bounds = {};
  std::string trade_off = {};
  change_effect effect = change_effect::restart;
  std::string environment = {};
  bool secret = false;
  bool name = false;     ///< A string of the form setting_type::name.
  std::string unit = {}; ///< What an integer counts, "orders".
};

/// A rule between settings that is broken: which setting and why.
struct setting_problem {
  std::string name;
  std::string message;
};

/// The table of a group of settings without its C++ struct: what is printed and checked.
class settings_table {
 public:
  virtual ~settings_table() = default;
  [[nodiscard]] const std::vector<setting>& all() const { return settings_; }
  /// Rules between settings, given values that are each right by themselves.
  [[nodiscard]] virtual std::vector<setting_problem> check(const setting_values& values) const = 0;

 protected:
  std::vector<setting> settings_;
};

/// The default as it is written in a configuration; empty for an empty string, topic or map.
[[nodiscard]] std::string fallback_text(setting_type type, const setting_value& value);

/// The table of a struct: each setting is bound to a member, whose initial value is the default.
///
///     struct ping { weir::duration every = 1s; };
///     weir::settings_of<ping>{}.add("every", &ping::every, "Time between two pings.", {.bounds = weir::between(1ms, 1h)});
///
/// Members: std::string, integers, bool, weir::duration, weir::byte_size, topic_ref, std::optional<topic_ref>,
/// start_position, std::map<std::string, std::string>; enums by `choice`. Copyable; one thread.
template <class T>
class settings_of : public settings_table {
 public:
  template <class M>
  settings_of& add(std::string name, M T::*member, std::string sentence, setting_options o = {}) {
    auto type = type_of<M>(o);
    return bind(std::move(name), std::move(sentence), std::move(o), type, value_of(T{}.*member),
                [member](T& t, const setting_value& v) { assign(t.*member, v); }, {});
  }

  template <class E>
  settings_of& choice(std::string name, E T::*member, std::string sentence, std::vector<std::pair<std::string, E>> words,
                      setting_options o = {}) {
    std::vector<std::string> choices;
    std::string fallback;
    for (const auto& [word, value] : words) {
      choices.push_back(word);
      if (value == T{}.*member)
        fallback = word;
    }
    return bind(
        std::move(name), std::move(sentence), std::move(o), setting_type::choice, setting_value{fallback},
        [member, words](T& t, const setting_value& v) {
          for (const auto& [word, value] : words)
            if (word == std::get<std::string>(v))
              t.*member = value;
        },
        std::move(choices));
  }

  /// A rule between settings; called only when every setting is right by itself. None: the rule holds.
  settings_of& rule(std::function<std::optional<setting_problem>(const T&)> r) {
    rules_.push_back(std::move(r));
    return *this;
  }

  /// The struct with the given values; the others keep their defaults. Values must come from this table.
  [[nodiscard]] T make(const setting_values& values) const {
    T out{};
    for (const auto& [name, value] : values)
      if (auto found = setters_.find(name); found != setters_.end())
        found->second(out, value);
    return out;
  }

  [[nodiscard]] std::vector<setting_problem> check(const setting_values& values) const override {
    std::vector<setting_problem> problems;
    auto made = make(values);
    for (const auto& r : rules_)
      if (auto problem = r(made))
        problems.push_back(std::move(*problem));
    return problems;
  }

 private:
  using setter = std::function<void(T&, const setting_value&)>;

  template <class M>
  static constexpr setting_type type_of(const setting_options& o) {
    if constexpr (std::is_same_v<M, bool>)
      return setting_type::boolean;
    else if constexpr (std::is_integral_v<M>)
      return setting_type::integer;
    else if constexpr (std::is_same_v<M, duration>)
      return setting_type::time_span;
    else if constexpr (std::is_same_v<M, byte_size>)
      return setting_type::bytes;
    else if constexpr (std::is_same_v<M, topic_ref> || std::is_same_v<M, std::optional<topic_ref>>)
      return setting_type::topic;
    else if constexpr (std::is_same_v<M, start_position>)
      return setting_type::start;
    else if constexpr (std::is_same_v<M, std::map<std::string, std::string>>)
      return setting_type::text_map;
    else {
      static_assert(std::is_same_v<M, std::string>, "settings_of: no setting type for this member");
      return o.name ? setting_type::name : setting_type::text;
    }
  }

  template <class M>
  static setting_value value_of(const M& m) {
    if constexpr (std::is_same_v<M, bool>)
      return m;
    else if constexpr (std::is_integral_v<M>)
      return static_cast<std::int64_t>(m);
    else if constexpr (std::is_same_v<M, duration>)
      return static_cast<std::int64_t>(m.count());
    else if constexpr (std::is_same_v<M, byte_size>)
      return static_cast<std::int64_t>(m.bytes);
    else if constexpr (std::is_same_v<M, std::optional<topic_ref>>)
      return m ? setting_value{*m} : setting_value{};
    else
      return m;
  }

  template <class M>
  static void assign(M& m, const setting_value& v) {
    if constexpr (std::is_same_v<M, bool>)
      m = std::get<bool>(v);
    else if constexpr (std::is_integral_v<M>)
      m = static_cast<M>(std::get<std::int64_t>(v));
    else if constexpr (std::is_same_v<M, duration>)
      m = duration{std::get<std::int64_t>(v)};
    else if constexpr (std::is_same_v<M, byte_size>)
      m = byte_size{static_cast<std::uint64_t>(std::get<std::int64_t>(v))};
    else if constexpr (std::is_same_v<M, std::optional<topic_ref>>)
      m = std::get<topic_ref>(v);
    else
      m = std::get<M>(v);
  }

  settings_of& bind(std::string name, std::string sentence, setting_options o, setting_type type, const setting_value& fallback,
                    setter set, std::vector<std::string> choices) {
    setting s;
    s.name = name;
    s.sentence = std::move(sentence);
    s.unit = std::move(o.unit);
    s.type = type;
    s.required = o.required;
    s.secret = o.secret;
    s.fallback = o.required ? std::string{} : fallback_text(type, fallback);
    s.min = o.bounds.min;
    s.max = o.bounds.max;
    s.choices = std::move(choices);
    s.environment = std::move(o.environment);
    s.effect = o.effect;
    s.trade_off = std::move(o.trade_off);
    settings_.push_back(std::move(s));
    setters_[std::move(name)] = std::move(set);
    return *this;
  }

  std::map<std::string, setter> setters_;
  std::vector<std::function<std::optional<setting_problem>(const T&)>> rules_;
};

} // namespace weir
