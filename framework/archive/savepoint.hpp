#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include <weir/core/logger.hpp>
#include <weir/storage/job_store.hpp>

/// Savepoints: named copies of the stores of services, each at its newest complete checkpoint, kept until somebody deletes them
/// (docs/savepoints.md; layout: docs/formats/savepoint.md). Every call may block on the disk. Any thread.
namespace weir {

/// One service in a savepoint.
struct savepoint_part {
  std::string service;
  std::string name_space;
  std::string lineage; ///< 32 hex digits.
  std::uint64_t checkpoint = 0;
  std::int64_t completed_at_us = 0; ///< Wall clock.
  std::uint64_t size = 0, hash = 0; ///< Of the store file; XXH3-64.
};

struct savepoint {
  std::string name;
  std::string path; ///< Its folder.
  std::int64_t taken_at_us = 0;
  std::string release; ///< Of Weir.
  std::vector<savepoint_part> parts;
};

/// Where a service's state is taken from.
struct savepoint_source {
  std::string service;
  std::string name_space;
  job_store_options store; ///< May be in use by a running process; with `copies` only its sizes count.
  std::string copies; ///< Not empty: the directory of copies of checkpoints (`checkpoint.directory`) to take it from instead.
};

/// Makes `directory`/`name` with the newest complete checkpoint of each service: whole or not at all. Errors: invalid_argument
/// (the name), already_exists, not_found (a service has no complete checkpoint, naming it), store_full, store_corrupt,
/// unavailable.
result<savepoint> create_savepoint(const std::string& directory, const std::string& name, const std::string& release,
                                   const std::vector<savepoint_source>& from);

/// Reads the description of one. Errors: not_found, store_corrupt, incompatible (of a newer release).
result<savepoint> read_savepoint(const std::string& directory, const std::string& name);

/// Reads all its files. Errors: store_corrupt (naming the file: damaged, too short, not there), unavailable.
result<> verify_savepoint(const savepoint& s);

/// Names in the directory, ascending; none when it is not there. Errors: unavailable.
result<std::vector<std::string>> list_savepoints(const std::string& directory);

/// What a service is to start from a savepoint in.
struct savepoint_target {
  std::string service;
  std::string name_space;
  job_store_options store; ///< An empty directory: nothing but the copies is made.
  std::string copies;      ///< `checkpoint.directory`; empty: there are none.
};

/// Puts a part of a savepoint in the place of the service's store and its copies, in a lineage of its own: who runs the job on
/// what was there is fenced. Nobody may have the store open (store_lock). What was there is gone. With copies these come first:
/// ending between, the next start makes the store from them. Errors: store_corrupt (nothing is changed), incompatible,
/// store_full, unavailable.
result<> start_from_savepoint(const savepoint& s, const savepoint_part& part, const savepoint_target& to, const logger& log);

} // namespace weir
