#pragma once
#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace weir {

using duration = std::chrono::microseconds;

/// A point in time: microseconds since 1970-01-01T00:00:00Z, negative before. All divisions floor.
struct timestamp {
  std::int64_t us = 0;

  friend constexpr auto operator<=>(const timestamp&, const timestamp&) = default;
  friend constexpr timestamp operator+(timestamp t, duration d) { return {t.us + d.count()}; }
  friend constexpr timestamp operator-(timestamp t, duration d) { return {t.us - d.count()}; }
  friend constexpr duration operator-(timestamp a, timestamp b) { return duration{a.us - b.us}; }

  /// Milliseconds since 1970, floored: what Kafka stores.
  [[nodiscard]] constexpr std::int64_t ms() const { return us / 1000 - (us % 1000 < 0 ? 1 : 0); }
  [[nodiscard]] static constexpr timestamp from_ms(std::int64_t ms) { return {ms * 1000}; }
};

/// Before everything: the watermark of an input of which nothing is known yet.
inline constexpr timestamp min_timestamp{std::numeric_limits<std::int64_t>::min()};
/// The end of time: the watermark after the last record of a bounded input.
inline constexpr timestamp max_timestamp{std::numeric_limits<std::int64_t>::max()};

} // namespace weir
