#include <fmt/format.h>
#include <ostream>
#include <weir/core/fail_point.hpp>
#include <weir/record/time_text.hpp>
#include <weir/storage/job_store.hpp>
#include "services/weir/commands.hpp"
#include "services/weir/jobs.hpp"
#include "services/weir/node_commands.hpp"

namespace weir {
namespace {

std::uint64_t waiting_bytes(const std::vector<job_store::unpublished>& epochs, std::uint64_t checkpoint) {
  for (const auto& e : epochs)
    if (e.checkpoint == checkpoint)
      return e.bytes;
  return 0;
}

result<> print_store(const std::string& directory, const std::string& job, const config& c, std::ostream& out) {
  job_store_options options;
  options.directory = directory;
  options.job = job;
  options.retained = c.checkpoint.retained;
  // Printing comes behind it: a terminal that does not take the text must not hold pages of a running job.
  WEIR_ASSIGN(auto found, list_store(options));
  if (!found) {
    out << job << ": no checkpoint; the store " << directory << " does not exist yet\n";
    return success();
  }
  const auto& checkpoints = found->checkpoints;
  out << job << ": lineage " << found->lineage.text() << ", incarnation " << found->incarnation << "\n";
  if (checkpoints.empty())
    out << "  no complete checkpoint yet\n";
  else
    out << fmt::format("  {:>10}  {:>14}  {:<27}  {:>14}  {:>17}  {}\n", "checkpoint", "incarnation", "completed", "bytes",
                       "unpublished bytes", "");
  for (const auto& m : checkpoints)
    out << fmt::format("  {:>10}  {:>14}  {:<27}  {:>14}  {:>17}  {}\n", m.number, m.incarnation,
                       to_string(timestamp{m.completed_at_us}), m.delta_bytes, waiting_bytes(found->unpublished, m.number),
                       m.ended ? "ended" : "");
  return success();
}

} // namespace

exit_code validate_command(const program& p, const file_options& options, const program_seams& seams) {
  if (is_node_file(options.file))
    return validate_node_command(options, seams);
  auto loaded = load_jobs(p, options.file, options.overrides, seams);
  if (!loaded.ok()) {
    print_problems(seams.err, options.file, loaded.problems);
    return exit_code::usage;
  }
  seams.out << options.file << ": valid\n";
  return exit_code::done;
}

exit_code graph_command(const program& p, const file_options& options, graph_format format, const program_seams& seams) {
  auto loaded = load_jobs(p, options.file, options.overrides, seams);
  if (!loaded.ok()) {
    print_problems(seams.err, options.file, loaded.problems);
    return exit_code::usage;
  }
  // All shards of a service have one graph.
  for (const auto& plan : loaded.plans)
    if (plan.shard.index == 0)
      seams.out << graph_text(plan, format);
  return exit_code::done;
}

exit_code checkpoints_command(const program& p, const file_options& options, const program_seams& seams) {
  auto loaded = load_jobs(p, options.file, options.overrides, seams);
  if (!loaded.ok()) {
    print_problems(seams.err, options.file, loaded.problems);
    return exit_code::usage;
  }
  auto code = exit_code::done;
  for (const auto& plan : loaded.plans)
    if (auto listed = print_store(loaded.value.store.path + "/" + plan.job, plan.job, loaded.value, seams.out); !listed)
      code = report(listed.err().in(plan.job), seams);
  return code;
}

exit_code fail_points_command(const program_seams& seams) {
  for (const auto& info : all_fail_points())
    seams.out << info.name << '\t' << info.sentence << '\n';
  return exit_code::done;
}

} // namespace weir
