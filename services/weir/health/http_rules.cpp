#include "services/weir/health/http_rules.hpp"
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <algorithm>
#include <utility>

namespace weir {
namespace {

bool digits(std::string_view s) {
  return !s.empty() && s.size() <= 5 && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool is_address(int family, std::string_view text) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

} // namespace

bool host_allowed(std::string_view host, std::string_view name) {
  if (host.starts_with('[')) {
    auto end = host.find(']');
    if (end == std::string_view::npos)
      return false;
    auto rest = host.substr(end + 1);
    return (rest.empty() || (rest.front() == ':' && digits(rest.substr(1)))) && is_address(AF_INET6, host.substr(1, end - 1));
  }
  if (auto colon = host.find(':'); colon != std::string_view::npos) {
    if (!digits(host.substr(colon + 1)))
      return false;
    host = host.substr(0, colon);
  }
  return is_address(AF_INET, host) || same_name(host, "localhost") || (!name.empty() && same_name(host, name));
}

bool token_matches(std::string_view authorization, std::string_view token) {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() < scheme.size() || !same_name(authorization.substr(0, scheme.size()), scheme))
    return false;
  auto given = authorization.substr(scheme.size());
  return given.size() == token.size() && CRYPTO_memcmp(given.data(), token.data(), token.size()) == 0;
}

std::optional<health_route> route_of(std::string_view target) {
  static constexpr std::pair<std::string_view, health_route> routes[] = {{"/health/live", health_route::live},
                                                                         {"/health/ready", health_route::ready},
                                                                         {"/metrics", health_route::metrics},
                                                                         {"/api/v1/status", health_route::status}};
  auto path = target.substr(0, target.find('?'));
  for (auto [word, route] : routes)
    if (path == word)
      return route;
  return std::nullopt;
}

} // namespace weir
