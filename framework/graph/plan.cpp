#include <weir/graph/plan.hpp>

namespace weir {

void become_shard(job_plan& plan, const service_shard& shard) {
  plan.shard = shard;
  plan.job = shard_name(shard.service, shard.index);
  plan.fingerprint += "shard " + std::to_string(shard.index) + " of " + std::to_string(shard.of) + "\n";
}

} // namespace weir
