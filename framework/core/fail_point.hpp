#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <weir/core/result.hpp>

namespace weir {

/// The named fail points, from fail_points.def.
enum class fail_point : unsigned {
#define WEIR_FAIL_POINT_DEF(id, name, sentence) id,
#include <weir/core/fail_points.def>
#undef WEIR_FAIL_POINT_DEF
  count_ ///< How many there are; not a fail point.
};

struct fail_point_info {
  fail_point id;
  std::string_view name;
  std::string_view sentence;
};

/// All fail points, in the order of the table.
[[nodiscard]] std::span<const fail_point_info> all_fail_points();

/// Arms fail points from a specification `name[:hit][=kill|stop|error|delay:ms]`, several separated by commas, as in
/// WEIR_FAIL_POINT. `hit` counts from 1 (default). Errors: invalid_argument for an unknown name or form; nothing is
/// armed then. Call once, before threads are started.
result<> arm_fail_points(std::string_view specification);

/// Called at the named step. Costs one relaxed load when nothing is armed. Armed: kills the process with SIGKILL or stops
/// it with SIGSTOP, sleeps, or returns errc::unavailable. Any thread.
result<> hit(fail_point point);

} // namespace weir
