#pragma once
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// A parked key as /api/v1/status lists it.
struct listed_key {
  std::string service;
  std::string key; ///< On one line.
  std::string id;  ///< Of requests: hexadecimal.
  std::string event;
  std::string reason;
  duration since{0}; ///< How long ago.
  std::uint64_t waiting = 0;
};

struct parked_keys {
  std::vector<listed_key> listed; ///< Those parked for longest first, of each service.
  std::uint64_t keys = 0;         ///< In all, also those that are not listed.
  std::uint64_t events = 0;
};

/// Of one service of the answer. Throws std::exception when it is not of that form.
[[nodiscard]] parked_keys parked_keys_of(const boost::json::value& service, timestamp now);

/// Of all services of the answer, or of one. Errors: decode_failed (no such answer), invalid_argument (no such service). Pure.
result<parked_keys> parked_keys_in(std::string_view answer, const std::string& service);

/// For people, at most so many keys; empty when there is none.
[[nodiscard]] std::string parked_text(const parked_keys& all, std::size_t most);

/// Control characters as blanks: what records and user code brought along must not drive the terminal.
[[nodiscard]] std::string on_one_line(std::string text);

/// How long ago, for people.
[[nodiscard]] std::string age_text(duration apart);

} // namespace weir
