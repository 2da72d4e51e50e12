#pragma once
#include "services/generator/generate.hpp"
#include "services/weir/program.hpp"

namespace weir {

/// `generate-<records> FILE`: records of a kind into the input topic of the file's service that reads them, or to standard
/// output. `p` gives the service types the file may name; it is copied.
[[nodiscard]] program_command generate_command(program p, record_generator kind);

} // namespace weir
