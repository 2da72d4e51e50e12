#pragma once
#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>
#include <weir/config/config.hpp>

namespace weir {

struct text_position {
  unsigned line = 0;
  unsigned column = 0;
};

/// A parsed configuration and where its values stand.
struct json_document {
  boost::json::value root;
  std::map<std::string, text_position> positions; ///< By JSON pointer; values that came by override are absent.
  std::set<std::string> loose;    ///< Pointers whose value came as plain text: numbers and booleans may be strings.
  std::set<std::string> verbatim; ///< Pointers whose value came from the environment: nothing in it is substituted.
};

/// Parses JSON with comments and trailing commas, at most 32 deep. Problems: no JSON, and every key written twice.
json_document parse_document(std::string_view text, std::vector<config_problem>& problems);

/// Sets the value at a pointer; objects on the way are made. Text that starts with {, [ or " is JSON, other text is itself.
/// Errors: invalid_config when the pointer leads through a value or to no element of an array.
result<> apply_override(json_document& doc, const setting_override& o);
/// The same for a value of the environment, taken as it is.
result<> apply_variable(json_document& doc, const std::string& pointer, const std::string& value);

/// `~` and `/` of a key as they are written in a pointer (RFC 6901).
[[nodiscard]] std::string pointer_token(std::string_view key);

/// The position of a pointer, or of the nearest object around it.
[[nodiscard]] text_position position_of(const json_document& doc, std::string_view pointer);

} // namespace weir
