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

int digit_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
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
  static constexpr std::pair<std::string_view, health_route> routes[] = {
      {"/health/live", health_route::live},
      {"/health/ready", health_route::ready},
      {"/metrics", health_route::metrics},
      {"/api/v1/status", health_route::status},
      {"/api/v1/parked/retry", health_route::parked_retry},
      {"/api/v1/parked/skip", health_route::parked_skip},
  };
  auto path = target.substr(0, target.find('?'));
  for (auto [word, route] : routes)
    if (path == word)
      return route;
  return std::nullopt;
}

bool is_order(health_route route) { return route == health_route::parked_retry || route == health_route::parked_skip; }

std::string to_hex(std::string_view bytes) {
  static constexpr char digit[] = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    out += digit[static_cast<unsigned char>(c) >> 4];
    out += digit[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0)
    return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    auto high = digit_value(digits[i]), low = digit_value(digits[i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::optional<parked_place> parked_place_of(std::string_view target) {
  auto mark = target.find('?');
  if (mark == std::string_view::npos)
    return std::nullopt;
  std::optional<std::string> service, key;
  for (auto rest = target.substr(mark + 1);;) {
    auto end = rest.find('&');
    auto part = rest.substr(0, end);
    if (part.starts_with("service=") && !service)
      service = std::string(part.substr(8));
    else if (part.starts_with("key=") && !key)
      key = from_hex(part.substr(4));
    else
      return std::nullopt;
    if (end == std::string_view::npos)
      break;
    rest = rest.substr(end + 1);
  }
  if (!service || service->empty() || !key)
    return std::nullopt;
  return parked_place{std::move(*service), std::move(*key)};
}

std::string query_of(const parked_place& place) { return "?service=" + place.service + "&key=" + to_hex(place.encoded_key); }

} // namespace weir
