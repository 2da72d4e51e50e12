#include "services/weir/exit_code.hpp"

namespace weir {

exit_code exit_code_of(errc code) {
  switch (code) {
    case errc::invalid_argument:
    case errc::invalid_config:
    case errc::invalid_graph:
      return exit_code::usage;
    case errc::store_foreign:
    case errc::store_corrupt:
    case errc::incompatible:
      return exit_code::restore_refused;
    case errc::fenced:
      return exit_code::fenced;
    case errc::internal:
      return exit_code::bug;
    case errc::decode_failed:
    case errc::user_code_failed:
    case errc::not_found:
    case errc::already_exists:
    case errc::out_of_range:
    case errc::too_large:
    case errc::unavailable:
    case errc::unknown_outcome:
    case errc::store_locked:
    case errc::store_full:
    case errc::memory_limit:
    case errc::not_authorized:
    case errc::cancelled:
      return exit_code::environment;
  }
  return exit_code::bug;
}

const char* describe(exit_code code) {
  switch (code) {
    case exit_code::done:
      return "Done: the command did what was asked; a job ended or stopped with all output published.";
    case exit_code::usage:
      return "The command line, the configuration or the job graph is wrong; nothing was started.";
    case exit_code::environment:
      return "A broker, disk, right or limit stood in the way, or the job failed on its data or on user code.";
    case exit_code::restore_refused:
      return "The stored state cannot be used without a choice; the message offers it.";
    case exit_code::fenced:
      return "Another process has taken over the job; this one wrote nothing more.";
    case exit_code::output_waiting:
      return "Stopped; a checkpoint is durable and its output will be published at the next start.";
    case exit_code::bug:
      return "A bug in Weir, or an exception nobody caught; please report the message.";
  }
  return "Unknown.";
}

} // namespace weir
