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
enum class health_route : std::uint8_t { live, ready, metrics, status };

/// By the path of a request target, which must be one of four words as they are; a query behind it is ignored. Nothing is
/// decoded and nothing looked up, so that no path can name a file.
[[nodiscard]] std::optional<health_route> route_of(std::string_view target);

} // namespace weir
