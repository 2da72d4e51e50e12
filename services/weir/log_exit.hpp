#pragma once
#include <weir/core/result.hpp>

namespace weir {

/// Prints the failure of `weir log COMMAND` and returns its exit code: 2 usage or input, 3 environment, 70 bug.
int log_exit(const char* command, const error& e);

} // namespace weir
