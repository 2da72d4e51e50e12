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

warm_target warm_target_of(const job_spec& spec) {
  return {spec.store_directory,
          {spec.checkpoint.directory, spec.name_space, spec.plan.job},
          store_options_of(spec, first_store_map),
          {}};
}

result<std::uint64_t> warm_up_store(warm_target& target, const go_on_function& go_on) {
  WEIR_ASSIGN(auto lock, lock_store(target.locked));
  return warm_up(target.copy, target.store, target.state, go_on);
}

} // namespace weir
