#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace weir::simulation {

struct verdict {
  std::string wrong; ///< Empty: all invariants hold.
  std::map<std::string, std::uint64_t> probes;
};

/// Runs one job through crashes, freezes and everything else the seed says until its input is read and published, then
/// judges the read_committed output: every record once, in order per key, no transaction open.
verdict run_seed(std::uint64_t seed);

} // namespace weir::simulation
