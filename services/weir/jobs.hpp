#pragma once
#include <string>
#include <string_view>
#include <vector>
#include <weir/config/config.hpp>
#include "services/weir/program.hpp"
#include "services/weir/seams.hpp"

namespace weir {

/// A configuration with the job of each of its services.
struct loaded_jobs {
  config value;
  std::vector<job_plan> plans; ///< One per service or shard, in the order of the file.
  std::vector<config_problem> problems;
  [[nodiscard]] bool ok() const { return problems.empty(); }
};

[[nodiscard]] std::vector<service_description> descriptions_of(const program& p);

/// Reads the file and plans every job in it. All problems of the file come at once; problems of connections and graphs
/// come together too, once the file itself is right. User code that throws is a problem of its service. Touches no broker,
/// no log and no store.
loaded_jobs load_jobs(const program& p, const std::string& file, const std::vector<setting_override>& overrides,
                      const program_seams& seams);

/// The same of a file's text.
loaded_jobs read_jobs(const program& p, std::string_view text, const std::vector<setting_override>& overrides,
                      const program_seams& seams);

struct run_options;
/// What the runtime needs of each job, in the order of the file, with connections that they share. Errors: of connections, with
/// their pointer.
result<std::vector<job_spec>> job_specs(const loaded_jobs& loaded, const run_options& options, const program_seams& seams);

/// `FILE:line:column pointer: message`, one a line.
void print_problems(std::ostream& to, const std::string& file, const std::vector<config_problem>& problems);

} // namespace weir
