#pragma once
#include <weir/archive/archive_files.hpp>
#include "actors/runtime.hpp"

// No CAF here: the program warms stores without a runtime.

namespace weir {

/// Address space of a store at first; it grows when the file does.
inline constexpr std::size_t first_store_map = std::size_t{16} << 30;

/// Where the store of a job lies and how it is kept.
[[nodiscard]] job_store_options store_options_of(const job_spec& spec, std::size_t first_map);

/// What it takes to warm the store of a job up, without the job; see warm_up.
struct warm_target {
  std::string locked; ///< The directory of the store_lock.
  archive_options copy;
  job_store_options store;
  warm_up_state state;
};
[[nodiscard]] warm_target warm_target_of(const job_spec& spec);

/// Brings the store of a job that does not run in this process up to the copy of its checkpoints: warm_up, with its result and
/// errors; store_locked while somebody runs it on this store. Any thread, one at a time for each target; blocks as long as the
/// reading takes, or until `go_on` says no.
result<std::uint64_t> warm_up_store(warm_target& target, const go_on_function& go_on);

} // namespace weir
