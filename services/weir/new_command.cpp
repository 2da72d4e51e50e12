#include <ostream>
#include "services/weir/scaffold.hpp"
#include "services/weir/service_commands.hpp"

namespace weir {

exit_code new_service_command(const new_service_options& options, const program_seams& seams) {
  auto kind = options.kind == "actor" ? service_kind::actor : service_kind::job;
  auto files = scaffold(options.name, kind);
  if (!files)
    return report(files.err(), seams);
  const auto& directory = options.directory.empty() ? options.name : options.directory;
  if (auto written = write_project(directory, *files); !written)
    return report(written.err(), seams);
  seams.out << "made " << directory << ":\n";
  for (const auto& file : *files)
    seams.out << "  " << file.path << "\n";
  seams.out << "next: cd " << directory
            << " && cmake -S . -B build && cmake --build build && ctest --test-dir build; then see README.md\n";
  return exit_code::done;
}

} // namespace weir
