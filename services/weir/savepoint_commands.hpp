#pragma once
#include <string>
#include <vector>
#include "services/weir/commands.hpp"

namespace weir {

struct savepoint_options {
  file_options source;
  std::string name;
  std::string directory;             ///< Of savepoints; empty: `store.path` with `.savepoints` behind it.
  std::vector<std::string> services; ///< Only these; empty: all of the file.
  /// The services run on nodes: `checkpoints` in their shared directory. No store of this machine is looked at or made.
  std::string copies;
  bool discard_current = false;
  bool json = false;
  bool verify = false;
};

/// Makes a savepoint of the newest complete checkpoints of the file's services, whether they run or not. 2: it is no name; no
/// such service. 3: the name is taken, a service has no checkpoint yet, the disk.
exit_code savepoint_create_command(const program& p, const savepoint_options& options, const program_seams& seams);
/// Prints the savepoints of the directory. 4: one is not whole (with --verify: every file is read).
exit_code savepoint_list_command(const program& p, const savepoint_options& options, const program_seams& seams);
/// Puts a savepoint in the place of the stores of the file's services. 2: no such service. 3: a process runs on the store. 4:
/// there is state and --discard-current was not given; the savepoint is damaged. All is checked before anything is changed.
exit_code savepoint_start_command(const program& p, const savepoint_options& options, const program_seams& seams);

} // namespace weir
