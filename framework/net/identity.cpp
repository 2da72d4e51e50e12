#include <algorithm>
#include <weir/net/identity.hpp>

namespace weir {
namespace {

constexpr std::string_view scheme = "weir://";
constexpr std::size_t longest_name = 63;

bool letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// Bytes of strangers as they may stand in a message.
std::string printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 100))
    out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

} // namespace

result<> check_node_name(std::string_view name, std::string_view what) {
  auto good =
      !name.empty() && name.size() <= longest_name && letter_or_digit(name.front()) &&
      std::all_of(name.begin(), name.end(), [](char c) { return letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
  if (good)
    return success();
  return error{errc::invalid_argument,
               std::string(what) + " \"" + printable(name) +
                   "\": a name has 1 to 63 characters of a-z, 0-9, '-', '_', '.', and begins with a letter or digit"};
}

std::string to_uri(const node_identity& who) { return std::string(scheme) + who.cluster + "/" + who.node; }

result<node_identity> parse_node_uri(std::string_view uri) {
  auto rest = uri.starts_with(scheme) ? uri.substr(scheme.size()) : std::string_view{};
  auto slash = rest.find('/');
  if (slash == std::string_view::npos)
    return error{errc::invalid_argument, "\"" + printable(uri) + "\" is not weir://CLUSTER/NODE"};
  node_identity who{std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
  for (const auto& [name, what] : {std::pair{who.cluster, "cluster"}, std::pair{who.node, "node"}})
    if (auto r = check_node_name(name, what); !r)
      return r.err().in("\"" + printable(uri) + "\"");
  return who;
}

result<node_identity> identity_of(const std::vector<std::string>& uris) {
  const std::string* ours = nullptr;
  for (const auto& uri : uris) {
    if (!uri.starts_with("weir:"))
      continue;
    if (ours != nullptr)
      return error{errc::not_authorized,
                   "the certificate names more than one node (" + printable(*ours) + ", " + printable(uri) + ")"};
    ours = &uri;
  }
  if (ours == nullptr)
    return error{errc::not_authorized, "the certificate names no node: it has no SAN URI weir://CLUSTER/NODE"};
  auto who = parse_node_uri(*ours);
  if (!who)
    return error{errc::not_authorized, "the certificate: " + who.err().message};
  return who;
}

} // namespace weir
