#pragma once
#include "tests/actors/job_world.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"

namespace kafka_test {

/// A job on the connection "main", with its store in `folder` and a checkpoint each 50 ms.
inline weir::job_spec spec_of(const weir::job& job, std::shared_ptr<weir::connection> main, const std::string& folder) {
  weir::job_spec spec;
  spec.plan = must(job.plan({}));
  spec.name_space = "test";
  spec.store_directory = folder + "/store";
  spec.connections["main"] = std::move(main);
  spec.checkpoint.interval = std::chrono::milliseconds(50);
  return spec;
}

} // namespace kafka_test
