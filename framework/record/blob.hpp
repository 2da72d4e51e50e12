#pragma once
#include <string>

namespace weir {

/// Bytes that are not text: a string of base64 in JSON, themselves in the binary and key encodings.
struct blob {
  std::string data;
  friend auto operator<=>(const blob&, const blob&) = default;
};

} // namespace weir
