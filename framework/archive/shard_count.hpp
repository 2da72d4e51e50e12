#pragma once
#include <string>
#include <weir/core/result.hpp>
#include <weir/record/partition.hpp>

namespace weir {

/// Checks that the state of a service in `folder`, if there is some, is divided as `shard` says, and notes that in the folder for
/// those that come later: a shard that never ran has no state by which it could tell. The state of the whole job or of a shard is
/// the entry `prefix`
/// + its name. `job`: of a whole service. A folder that is not there has no state. Errors: incompatible, saying both numbers;
/// unavailable. Blocks on the disk.
result<> check_shard_count(const std::string& folder, const std::string& prefix, const std::string& job,
                           const service_shard& shard);

} // namespace weir
