#pragma once
#include <optional>
#include <string>
#include <weir/config/setting.hpp>
#include <weir/graph/topic.hpp>

// Settings that every example service has, under the same names and with the same meaning. A settings struct takes part by
// having members of these names.

namespace weir {

enum class bad_record : std::uint8_t { fail, skip, dead_letter };

/// Adds `on_bad_record` and `dead_letters` and the rule that they fit together. `one` and `several` say what is read: "order",
/// "orders".
template <class S>
void add_bad_record_settings(settings_of<S>& t, const std::string& one, const std::string& several) {
  t.choice("on_bad_record", &S::on_bad_record, "What becomes of a record that is no " + one + ".",
           {{"fail", bad_record::fail}, {"skip", bad_record::skip}, {"dead-letter", bad_record::dead_letter}},
           {.trade_off = "fail stops the job at the record; skip drops and counts it; dead-letter keeps it in dead_letters."});
  t.add("dead_letters", &S::dead_letters, "Topic for records that are no " + several + ", with on_bad_record dead-letter.");
  t.rule([](const S& v) -> std::optional<setting_problem> {
    if ((v.on_bad_record == bad_record::dead_letter) == v.dead_letters.has_value())
      return std::nullopt;
    return setting_problem{"dead_letters", v.dead_letters ? "is only used with \"on_bad_record\": \"dead-letter\""
                                                          : "is missing: \"on_bad_record\" is \"dead-letter\""};
  });
}

/// Adds `guarantee`, `start`, and what add_bad_record_settings adds. `written` says what is written, `one` and `several` what is
/// read: "Totals and late orders", "order", "orders".
template <class S>
void add_record_settings(settings_of<S>& t, const std::string& written, const std::string& one, const std::string& several) {
  t.choice(
      "guarantee", &S::guarantee, "How " + written + " are written.",
      {{"exactly-once", delivery::exactly_once}, {"at-least-once", delivery::at_least_once}, {"none", delivery::none}},
      {.trade_off = "exactly-once shows output after the checkpoint it belongs to; the others at once, twice after a crash."});
  t.add("start", &S::start, "Where to begin when there is no checkpoint.");
  add_bad_record_settings(t, one, several);
}

/// The options of the source that these settings ask for.
template <class S>
[[nodiscard]] source_options source_options_of(const S& settings) {
  source_options from;
  if constexpr (requires { settings.start; })
    from.start = settings.start;
  if (settings.on_bad_record == bad_record::skip)
    from.errors = on_error::skip;
  if (settings.on_bad_record == bad_record::dead_letter)
    from.errors = on_error::dead_letter(*settings.dead_letters);
  return from;
}

} // namespace weir
