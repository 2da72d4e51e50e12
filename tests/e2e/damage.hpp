#pragma once
#include <filesystem>

namespace weir::e2e {

/// Changes one byte of the newest complete checkpoint in the store of a job, as a bad disk would; `store` is the folder
/// with its data.mdb, which no process has open. Throws std::runtime_error if there is no such store or checkpoint.
void damage_newest_checkpoint(const std::filesystem::path& store);

} // namespace weir::e2e
