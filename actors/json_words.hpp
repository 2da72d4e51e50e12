#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <weir/core/log_line.hpp>

namespace weir {

/// So much of a text that users' records and code brought along is shown.
inline constexpr std::size_t most_words = 2000;

/// Such a text, which may be any bytes of any length, as JSON, which is UTF-8.
inline boost::json::value json_words(std::string_view text) {
  std::string quoted;
  append_json_string(quoted, text.substr(0, most_words));
  return boost::json::parse(quoted);
}

} // namespace weir
