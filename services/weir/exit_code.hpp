#pragma once
#include <weir/core/result.hpp>

namespace weir {

/// What the process says to the shell; an interface (docs/operations.md).
enum class exit_code : int {
  done = 0,
  usage = 2,           ///< Command line, configuration or job graph is wrong: nothing was started.
  environment = 3,     ///< A broker, disk, right or limit of the machine; also data or user code that failed the job.
  restore_refused = 4, ///< The stored state cannot be used without a choice by a person.
  fenced = 5,          ///< Another process has taken over: this one wrote nothing more.
  output_waiting = 6,  ///< Stopped; a durable epoch is published at the next start.
  bug = 70,            ///< A broken invariant of Weir or an exception nobody expected.
};

/// The exit code of a job or command that ended with this error.
[[nodiscard]] exit_code exit_code_of(errc code);

/// One sentence for the reference and for --help.
[[nodiscard]] const char* describe(exit_code code);

} // namespace weir
