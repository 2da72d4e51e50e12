#pragma once
#include <string>
#include <string_view>
#include <vector>
#include <weir/core/result.hpp>

namespace weir {

/// Whether state saved under the plan `saved` may be restored into the plan `now` (job_plan::fingerprint of both). Pure.
/// A new operator starts empty; an operator that is gone must be named in `drop_state`; anything else that differs (window
/// size, key type, max_parallelism, topic of a source) is refused.
/// Errors: incompatible, naming everything that stands in the way and the choices.
result<> check_restorable(std::string_view saved, std::string_view now, const std::vector<std::string>& drop_state);

} // namespace weir
