#pragma once
#include "services/generator/generate.hpp"

namespace weir {

/// The input of fraud-detection: charges of cards named card-0000, card-0001, ... In one of four runs of 64 charges somebody
/// tries a stolen card: every sixth charge is a small one of it, the last a large one. Honest cards pay small amounts too.
[[nodiscard]] record_generator charges_generator();

} // namespace weir
