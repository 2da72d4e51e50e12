#pragma once
#include <string>
#include <string_view>
#include <weir/config/config.hpp>

namespace weir {

/// A string of the configuration after substitution.
struct substituted {
  std::string text;
  bool any = false;     ///< Something was substituted: `text` must not be shown, the string as written may.
  bool literal = false; ///< Part of the text stands in the file itself (also a default): not allowed for a secret.
};

/// Replaces ${env:X}, ${env:X:-default} (also when X is empty) and ${file:/path} (one line break at the end is cut);
/// `$${` is a plain `${`. Nothing in a substituted value is substituted again.
/// `private_file`: a file must be regular and closed to others (no access for others, no writing for the group).
/// Errors: invalid_config; values never appear in them. May block on files.
result<substituted> substitute(std::string_view text, const config_environment& environment, bool private_file);

} // namespace weir
