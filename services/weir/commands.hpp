#pragma once
#include <optional>
#include <string>
#include <vector>
#include <weir/config/config.hpp>
#include "services/weir/exit_code.hpp"
#include "services/weir/graph_text.hpp"
#include "services/weir/program.hpp"
#include "services/weir/seams.hpp"

namespace weir {

/// What the commands on a configuration file share.
struct file_options {
  std::string file;
  std::vector<setting_override> overrides;
};

struct run_options {
  file_options source;
  bool until_end = false;
  bool continue_ended = false;
  bool new_lineage = false;
  std::vector<std::string> drop_state;
};

struct status_options {
  file_options source; ///< May be empty when there is an address.
  std::string address; ///< host:port; empty: the one that the running process left in its store.
  bool json = false;
  bool ready = false;
};

/// Asks the running process of the file, or at the address, and prints what it says. 3: nobody answers; with `ready`, also when
/// not every service runs or ended as it should.
exit_code status_command(const program& p, const status_options& options, const program_seams& seams);

struct parked_options {
  file_options source; ///< These two as in status_options.
  std::string address;
  std::string service;              ///< Empty: of all.
  std::optional<std::string> retry; ///< The key, as it is listed or by its id; at most one of the two is given.
  std::optional<std::string> skip;
};

/// Lists the parked keys of the running process, or lets one go on. 2: no such service, or several keys read the same.
/// 3: nobody answers, the key is not parked, or its task did not answer.
exit_code parked_command(const program& p, const parked_options& options, const program_seams& seams);

/// Runs all services of the file until they end or a stop is asked for. Blocks.
exit_code run_command(const program& p, const run_options& options, const program_seams& seams);
/// Reports everything that is wrong with the file, of services or of a node; "FILE: valid" if nothing is.
exit_code validate_command(const program& p, const file_options& options, const program_seams& seams);
/// Prints the graphs of the file's jobs.
exit_code graph_command(const program& p, const file_options& options, graph_format format, const program_seams& seams);
/// Lists the complete checkpoints in the stores of the file's jobs, newest first. While a job runs it holds its store:
/// the message names its pid (3).
exit_code checkpoints_command(const program& p, const file_options& options, const program_seams& seams);
/// `name<TAB>sentence`, one fail point a line.
exit_code fail_points_command(const program_seams& seams);

/// Parses the command line (without the program's name) and does what it says.
exit_code run_program(const program& p, const std::vector<std::string>& arguments, const program_seams& seams);

/// `weir: message` on standard error and the exit code of the error.
exit_code report(const error& e, const program_seams& seams);

} // namespace weir
