#pragma once
#include "services/generator/generate.hpp"

namespace weir {

/// The input of click-sessions: clicks of users u-0000, u-0001, ... on the pages /p/00 to /p/49, the first ones most. In each
/// run of 500 clicks a quarter of the users is active, so that sessions end.
[[nodiscard]] record_generator clicks_generator();

} // namespace weir
