#pragma once
#include "services/weir/program.hpp"

namespace weir {

/// `generate-orders FILE`: orders for the demo into the input topic of the file's order-totals service, or to standard
/// output. `p` gives the service types the file may name; it is copied.
[[nodiscard]] program_command generate_command(program p);

} // namespace weir
