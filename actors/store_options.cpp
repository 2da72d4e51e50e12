#include "actors/store_options.hpp"
#include <algorithm>

namespace weir {

job_store_options store_options_of(const job_spec& spec, std::size_t first_map) {
  job_store_options o;
  o.directory = spec.store_directory + "/" + spec.plan.job;
  o.job = spec.plan.job;
  o.map_size = first_map;
  o.max_size = spec.store_max_bytes;
  o.retained = spec.checkpoint.retained;
  // Deltas that are not in the base take two to three times as much memory as on disk.
  o.apply_bytes = std::clamp(spec.memory_limit / 16, std::size_t{1} << 20, o.apply_bytes);
  return o;
}

result<std::uint64_t> warm_up_store(const job_spec& spec, const go_on_function& go_on) {
  WEIR_ASSIGN(auto lock, lock_store(spec.store_directory));
  return warm_up({spec.checkpoint.directory, spec.name_space, spec.plan.job}, store_options_of(spec, first_store_map), go_on);
}

} // namespace weir
