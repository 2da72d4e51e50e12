#pragma once
#include <string>
#include "services/weir/commands.hpp"

namespace weir {

struct services_options {
  std::string name; ///< Of a type; empty: all.
  bool json = false;
};

/// `services`: the service types of the program, one a line (name, kind, sentence), or one with its settings (form, unit,
/// bounds, default, sentence). An unknown name is 2.
exit_code services_command(const program& p, const services_options& options, const program_seams& seams);

struct new_service_options {
  std::string name;
  std::string kind;
  std::string directory; ///< Empty: the name, in the current directory.
};

/// `new service`: writes the project of a service and says what to do next. 2: a bad name. 3: the directory cannot be made,
/// or exists; what is there stays as it is.
exit_code new_service_command(const new_service_options& options, const program_seams& seams);

} // namespace weir
