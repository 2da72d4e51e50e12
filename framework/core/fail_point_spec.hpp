#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>
#include <weir/core/fail_point.hpp>

namespace weir {

/// What an armed fail point does when its hit comes.
enum class fail_action : std::uint8_t { kill, stop, error, delay };

/// One entry of a specification: at the `hit`-th call (from 1) of `point`, once.
struct fail_order {
  fail_point point{};
  std::uint64_t hit = 1;
  fail_action action = fail_action::kill;
  std::chrono::milliseconds delay{0};
};

/// Parses `name[:hit][=kill|stop|error|delay:ms]`, several separated by commas; empty text is no order. Pure.
/// Errors: invalid_argument with the entry, what is wrong with it and, for an unknown name, the nearest one.
result<std::vector<fail_order>> parse_fail_points(std::string_view specification, std::span<const fail_point_info> table);

} // namespace weir
