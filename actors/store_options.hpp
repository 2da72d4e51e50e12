#pragma once
#include <weir/archive/archive_files.hpp>
#include "actors/runtime.hpp"

// No CAF here: the program warms stores without a runtime.

namespace weir {

/// Address space of a store at first; it grows when the file does.
inline constexpr std::size_t first_store_map = std::size_t{16} << 30;

/// Where the store of a job lies and how it is kept.
[[nodiscard]] job_store_options store_options_of(const job_spec& spec, std::size_t first_map);

/// Brings the store of a job that does not run in this process up to the copy of its checkpoints: warm_up, with its result and
/// errors; store_locked while somebody runs it on this store. Any thread; blocks as long as the reading takes, or until `go_on`
/// says no.
result<std::uint64_t> warm_up_store(const job_spec& spec, const go_on_function& go_on);

} // namespace weir
