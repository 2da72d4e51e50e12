#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <weir/config/document.hpp>
#include <weir/config/setting.hpp>

namespace weir {

/// Reads single values of one document and notes what is wrong with them. One thread; may block on ${file:…}.
class value_reader {
 public:
  value_reader(const json_document& doc, const config_environment& environment, std::vector<config_problem>& problems)
      : doc_(doc), environment_(environment), problems_(problems) {}

  /// The value in the form of the setting, checked against its bounds; empty after a problem was noted.
  std::optional<setting_value> read(const boost::json::value& v, const std::string& pointer, const setting& s);
  /// A string after substitution.
  std::optional<std::string> text(const boost::json::value& v, const std::string& pointer, bool secret);
  void problem(const std::string& pointer, std::string message);
  /// "did you mean" for a key that does not exist.
  void unknown_key(const std::string& pointer, std::string_view key, const std::vector<std::string_view>& known);

 private:
  // A string as it may be shown and as it is meant. `loose`: it stands for a value of any type.
  struct read_text {
    std::string written;
    std::string meant;
    bool loose = false;
    bool substituted = false;
  };
  std::optional<read_text> resolve(const boost::json::value& v, const std::string& pointer, bool secret, const char* wanted);
  std::optional<setting_value> integer(const boost::json::value& v, const std::string& pointer, const setting& s);
  std::optional<setting_value> boolean(const boost::json::value& v, const std::string& pointer, const setting& s);
  std::optional<setting_value> quantity(const boost::json::value& v, const std::string& pointer, const setting& s);
  std::optional<setting_value> word(const boost::json::value& v, const std::string& pointer, const setting& s);
  std::optional<setting_value> topic(const boost::json::value& v, const std::string& pointer);
  std::optional<setting_value> start(const boost::json::value& v, const std::string& pointer);
  std::optional<setting_value> text_map(const boost::json::value& v, const std::string& pointer);
  std::optional<setting_value> bounded(std::int64_t n, const std::string& pointer, const setting& s);

  const json_document& doc_;
  const config_environment& environment_;
  std::vector<config_problem>& problems_;
};

/// A bound or value of a setting as people write it: 5, 1s, 64MiB.
[[nodiscard]] std::string format_amount(setting_type type, std::int64_t n);

/// True for text that setting_type::name allows.
[[nodiscard]] bool is_name(std::string_view text);

} // namespace weir
