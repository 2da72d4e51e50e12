#pragma once
#include <string>
#include <string_view>
#include <vector>
#include <weir/core/result.hpp>

namespace weir {

/// Who a node is: what its certificate says of it.
struct node_identity {
  std::string cluster;
  std::string node;
  friend bool operator==(const node_identity&, const node_identity&) = default;
};

/// 1 to 63 characters of a-z, 0-9, '-', '_', '.', the first a letter or digit: also a file name and a DNS label. `what` begins
/// the message. Errors: invalid_argument.
result<> check_node_name(std::string_view name, std::string_view what);

/// `weir://CLUSTER/NODE`.
[[nodiscard]] std::string to_uri(const node_identity& who);
/// Errors: invalid_argument for anything that to_uri does not write.
result<node_identity> parse_node_uri(std::string_view uri);
/// Of the SAN URIs of a certificate. Errors: not_authorized when none, or more than one, begins with `weir:`, or it is malformed.
result<node_identity> identity_of(const std::vector<std::string>& uris);

} // namespace weir
