#pragma once
#include <string>
#include <string_view>
#include <weir/core/result.hpp>

namespace weir {

/// What stands for certificates between nodes on loopback: a secret that whoever may read the file shares. It never crosses a
/// connection: each end shows by an HMAC over both hellos that it knows it.
class node_token {
 public:
  /// Reads the file; blocks. Errors: invalid_config when it cannot be read, is shorter than 32 bytes, or others may read it.
  static result<node_token> load(const std::string& file);
  /// Makes the file with random content for its owner only; leaves one that is there. Blocks. Errors: unavailable.
  static result<> make(const std::string& file);

  [[nodiscard]] std::string proof(std::string_view text) const;
  [[nodiscard]] bool proves(std::string_view proof, std::string_view text) const;

 private:
  std::string secret_;
};

} // namespace weir
