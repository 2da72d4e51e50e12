#pragma once
#include <map>
#include <string>
#include <vector>
#include <weir/graph/job.hpp>
#include <weir/testing/local_run.hpp>

namespace weir::testing {

/// A step of a test: records for a partition of a source, or time that passes.
struct kit_step {
  std::string source;
  int partition = 0;
  std::vector<input_record> records;
  duration elapse{0}; ///< If above zero: processing time goes on; the records are ignored.
};

struct kit_options {
  int partitions = 1;
  bool end_of_input = true;    ///< End all sources at last.
  bool expect_blocking = true; ///< Refused credit must have been met; false for jobs that emit one row at most per row.
  std::map<std::string, std::size_t> max_record_bytes{}; ///< By sink, as in local_options.
};

/// What a run wrote, by sink; rows sorted as text, because only the order per key and task is defined.
using kit_output = std::map<std::string, std::vector<std::string>>;

/// Runs a job through every way the engine may drive it and compares what its sinks write:
///
///   as given; records one by one; batches of one row; no credit at every other question; every chain and state replaced
///   by a restored one after every record; every batch encoded and decoded; without chaining; parallelism 1 and 4;
///   and all of these together.
///
/// Records one by one make watermarks finer, so the job's answer must not depend on which records are late.
/// Also checks, in every run, that the rows of one sink and key keep their order of time stamps if they did in the first.
/// Does not cover: the real state store, real channels and checkpoints under way. `problem` is empty when all agree, else
/// it says which way differs and how. Errors of a run are part of the output and must be the same everywhere.
struct kit_report {
  kit_output output; ///< Of the run as given.
  std::string problem;
};
kit_report run_kit(const job& j, const std::vector<kit_step>& steps, const kit_options& options = {});

} // namespace weir::testing
