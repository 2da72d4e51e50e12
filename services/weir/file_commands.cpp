#include <fmt/format.h>
#include <sys/stat.h>
#include <cerrno>
#include <cstring>
#include <ostream>
#include <weir/core/fail_point.hpp>
#include <weir/record/time_text.hpp>
#include <weir/storage/job_store.hpp>
#include "services/weir/commands.hpp"
#include "services/weir/jobs.hpp"

namespace weir {
namespace {

std::uint64_t waiting_bytes(const std::vector<job_store::unpublished>& epochs, std::uint64_t checkpoint) {
  for (const auto& e : epochs)
    if (e.checkpoint == checkpoint)
      return e.bytes;
  return 0;
}

result<> list_store(const std::string& directory, const std::string& job, const config& c, std::ostream& out) {
  struct stat facts {};
  if (::stat(directory.c_str(), &facts) != 0) {
    if (errno != ENOENT)
      return {errc::unavailable, directory + ": " + std::strerror(errno)};
    out << job << ": no checkpoint; the store " << directory << " does not exist yet\n";
    return success();
  }
  // The lock is the whole store's: one process runs all of its jobs.
  WEIR_ASSIGN(auto lock, lock_store(c.store.path));
  job_store_options options;
  options.directory = directory;
  options.job = job;
  options.max_size = c.store.max_size.bytes;
  options.retained = c.checkpoint.retained;
  WEIR_ASSIGN(auto store, open_job_store(options));
  WEIR_ASSIGN(auto checkpoints, store->checkpoints());
  WEIR_ASSIGN(auto epochs, store->unpublished_epochs());
  out << job << ": lineage " << store->lineage().text() << ", incarnation " << store->incarnation() << "\n";
  if (checkpoints.empty())
    out << "  no complete checkpoint yet\n";
  else
    out << fmt::format("  {:>10}  {:>11}  {:<27}  {:>14}  {:>17}  {}\n", "checkpoint", "incarnation", "completed", "bytes",
                       "unpublished bytes", "");
  for (const auto& m : checkpoints)
    out << fmt::format("  {:>10}  {:>11}  {:<27}  {:>14}  {:>17}  {}\n", m.number, m.incarnation,
                       to_string(timestamp{m.completed_at_us}), m.delta_bytes, waiting_bytes(epochs, m.number),
                       m.ended ? "ended" : "");
  return success();
}

} // namespace

exit_code validate_command(const program& p, const file_options& options, const program_seams& seams) {
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
  for (const auto& plan : loaded.plans)
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
    if (auto listed = list_store(loaded.value.store.path + "/" + plan.job, plan.job, loaded.value, seams.out); !listed)
      code = report(listed.err().in(plan.job), seams);
  return code;
}

exit_code fail_points_command(const program_seams& seams) {
  for (const auto& info : all_fail_points())
    seams.out << info.name << '\t' << info.sentence << '\n';
  return exit_code::done;
}

} // namespace weir
