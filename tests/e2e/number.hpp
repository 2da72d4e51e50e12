#pragma once
#include <charconv>
#include <stdexcept>
#include <string>

namespace weir::e2e {

/// The value of a command-line option. Throws std::invalid_argument, naming it.
template <class Number>
Number number(const std::string& option, const std::string& text, Number least = {}) {
  Number out{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || end != text.data() + text.size() || out < least)
    throw std::invalid_argument(option + " needs a number from " + std::to_string(least) + ", not '" + text + "'");
  return out;
}

} // namespace weir::e2e
