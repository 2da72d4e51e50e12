#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What the health server decides about a request, without any input or output.

namespace weir {

/// Whether the Host header names us: an IP address, localhost, or `name` (may be empty), each with or without a port.
/// A web page that was given our address by a name of its own (DNS rebinding) carries that name, and is refused.
[[nodiscard]] bool host_allowed(std::string_view host, std::string_view name);

/// Whether an Authorization header carries the token. Takes the same time for every wrong one of the same length.
[[nodiscard]] bool token_matches(std::string_view authorization, std::string_view token);

/// What is asked for.
enum class health_route : std::uint8_t { live, ready, metrics, status, parked_retry, parked_skip };

/// By the path of a request target, which must be one of six words as they are; a query behind it is left to the route.
/// Nothing is decoded and nothing looked up, so that no path can name a file.
[[nodiscard]] std::optional<health_route> route_of(std::string_view target);

/// Whether the route changes something: these are POST with the header of `order_header`, the others GET and HEAD.
[[nodiscard]] bool is_order(health_route route);

/// An order carries this header with the value 1. A web page cannot send it to us without asking first (CORS), and we allow
/// nothing to those who ask: no page that somebody of this machine looks at can give orders, not even without a token.
inline constexpr std::string_view order_header = "X-Weir";

/// The parked key that an order is about.
struct parked_place {
  std::string service;
  std::string encoded_key;
  friend bool operator==(const parked_place&, const parked_place&) = default;
};
/// From the query `service=NAME&key=HEX` of a target, in either order, each once and nothing else; none if it is anything
/// else. Names of services are such that nothing in them has to be encoded.
[[nodiscard]] std::optional<parked_place> parked_place_of(std::string_view target);
/// The query of a place, with its question mark.
[[nodiscard]] std::string query_of(const parked_place& place);

/// Bytes as lower-case hexadecimal digits, and back; none for what is not that.
[[nodiscard]] std::string to_hex(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_hex(std::string_view digits);

} // namespace weir
