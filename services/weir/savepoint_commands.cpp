#include "services/weir/savepoint_commands.hpp"
#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <ostream>
#include <weir/archive/archive_files.hpp>
#include <weir/archive/savepoint.hpp>
#include <weir/core/suggest.hpp>
#include <weir/record/time_text.hpp>
#include "services/weir/jobs.hpp"

namespace weir {
namespace {

namespace json = boost::json;

/// The services that the command is about.
result<std::vector<const job_plan*>> chosen(const loaded_jobs& loaded, const savepoint_options& o) {
  std::vector<const job_plan*> out;
  std::vector<std::string_view> names;
  for (const auto& plan : loaded.plans) {
    names.push_back(plan.job);
    const auto wanted = o.services.empty() || std::find(o.services.begin(), o.services.end(), plan.job) != o.services.end();
    // A plain CAF actor has no checkpoints.
    if (wanted && !(o.services.empty() && plan.hosted))
      out.push_back(&plan);
  }
  for (const auto& s : o.services) {
    if (std::find(names.begin(), names.end(), s) == names.end())
      return error{errc::invalid_argument, "'" + o.source.file + "' has no service '" + s + "'" + did_you_mean(s, names)};
  }
  for (const auto* plan : out)
    if (plan->hosted)
      return error{errc::invalid_argument,
                   "service '" + plan->job + "' is a plain CAF actor: it has no state that a savepoint could hold"};
  return out;
}

std::string directory_of(const loaded_jobs& loaded, const savepoint_options& o) {
  return o.directory.empty() ? loaded.value.store.path + ".savepoints" : o.directory;
}

job_store_options store_of(const loaded_jobs& loaded, const job_plan& plan) {
  const auto& c = loaded.value;
  job_store_options s;
  s.directory = c.store.path + "/" + plan.job;
  s.job = plan.job;
  s.max_size = c.store.max_size.bytes;
  s.retained = c.checkpoint.retained;
  return s;
}

std::string part_line(const savepoint_part& p) {
  return fmt::format("  {:<20} checkpoint {:<8} completed {}  {} KiB\n", p.service, p.checkpoint,
                     to_string(timestamp{p.completed_at_us}), (p.size + 1023) / 1024);
}

json::object json_of(const savepoint& s, const std::optional<error>& wrong) {
  json::array services;
  for (const auto& p : s.parts)
    services.push_back(json::object{{"service", p.service},
                                    {"namespace", p.name_space},
                                    {"checkpoint", p.checkpoint},
                                    {"completed_at", to_string(timestamp{p.completed_at_us})},
                                    {"bytes", p.size}});
  return {{"name", s.name},
          {"taken_at", to_string(timestamp{s.taken_at_us})},
          {"release", s.release},
          {"services", services},
          {"problem", wrong ? json::value(wrong->message) : json::value(nullptr)}};
}

/// What stands in the way of starting a service from a savepoint.
result<> check_target(const savepoint_target& to, bool discard) {
  std::uint64_t newest = 0;
  if (!to.store.directory.empty()) {
    auto listed = list_store(to.store);
    // What cannot be read is discarded only when that was asked for.
    if (!listed && !discard)
      return listed.err().in("the store of service '" + to.service + "'");
    if (listed && *listed && !(*listed)->checkpoints.empty())
      newest = (*listed)->checkpoints.front().number;
  }
  if (!to.copies.empty()) {
    WEIR_ASSIGN(auto found, look_into_archive({to.copies, to.name_space, to.service}));
    if (found)
      newest = std::max(newest, found->newest.checkpoint);
  }
  if (newest == 0 || discard)
    return success();
  return error{errc::store_foreign, "service '" + to.service + "' has state here (checkpoint " + std::to_string(newest) +
                                        "), which would be lost: make a savepoint of it first, and say --discard-current"};
}

struct start_of_part {
  const savepoint_part* part;
  savepoint_target to;
};

result<> start_all(const savepoint& s, const loaded_jobs& loaded, const savepoint_options& o, const program_seams& seams) {
  WEIR_ASSIGN(auto plans, chosen(loaded, o));
  std::vector<start_of_part> all;
  for (const auto* plan : plans) {
    auto part = std::find_if(s.parts.begin(), s.parts.end(), [&](const auto& p) { return p.service == plan->job; });
    if (part == s.parts.end()) {
      seams.err << "weir: service '" << plan->job << "' is not in the savepoint: it is left as it is\n";
      continue;
    }
    savepoint_target to{plan->job, loaded.value.name_space, {}, o.copies.empty() ? loaded.value.checkpoint.directory : o.copies};
    if (o.copies.empty())
      to.store = store_of(loaded, *plan);
    all.push_back({&*part, std::move(to)});
  }
  if (all.empty())
    return error{errc::invalid_argument, "savepoint '" + s.name + "' has none of the services of '" + o.source.file + "'"};
  for (const auto& one : all)
    WEIR_TRY(check_target(one.to, o.discard_current));
  WEIR_TRY(verify_savepoint(s));
  for (const auto& one : all) {
    WEIR_TRY(start_from_savepoint(s, *one.part, one.to, logger{one.to.service, "-", -1}));
    seams.out << one.to.service << ": starts from checkpoint " << one.part->checkpoint << " of savepoint '" << s.name << "'\n";
  }
  seams.out << "What was put out behind that is put out again.\n";
  return success();
}

std::optional<exit_code> refused(const loaded_jobs& loaded, const savepoint_options& o, const program_seams& seams) {
  if (loaded.ok())
    return std::nullopt;
  print_problems(seams.err, o.source.file, loaded.problems);
  return exit_code::usage;
}

} // namespace

exit_code savepoint_create_command(const program& p, const savepoint_options& o, const program_seams& seams) {
  auto loaded = load_jobs(p, o.source.file, o.source.overrides, seams);
  if (auto code = refused(loaded, o, seams))
    return *code;
  auto plans = chosen(loaded, o);
  if (!plans)
    return report(plans.err(), seams);
  std::vector<savepoint_source> from;
  for (const auto* plan : *plans)
    from.push_back({plan->job, loaded.value.name_space, store_of(loaded, *plan), o.copies});
  auto made = create_savepoint(directory_of(loaded, o), o.name, WEIR_VERSION, from);
  if (!made)
    return report(made.err(), seams);
  seams.out << "savepoint '" << made->name << "' in " << made->path << "\n";
  for (const auto& part : made->parts)
    seams.out << part_line(part);
  return exit_code::done;
}

exit_code savepoint_list_command(const program& p, const savepoint_options& o, const program_seams& seams) {
  auto loaded = load_jobs(p, o.source.file, o.source.overrides, seams);
  if (auto code = refused(loaded, o, seams))
    return *code;
  const auto directory = directory_of(loaded, o);
  auto names = list_savepoints(directory);
  if (!names)
    return report(names.err(), seams);
  json::array all;
  auto code = exit_code::done;
  for (const auto& name : *names) {
    savepoint s{name, directory + "/" + name, 0, "", {}};
    auto read = read_savepoint(directory, name);
    std::optional<error> wrong;
    if (!read)
      wrong = read.err();
    else {
      s = std::move(*read);
      if (auto whole = o.verify ? verify_savepoint(s) : success(); !whole)
        wrong = whole.err();
    }
    if (wrong)
      code = exit_code::restore_refused;
    if (o.json) {
      all.push_back(json_of(s, wrong));
      continue;
    }
    seams.out << name << (s.taken_at_us > 0 ? ", taken " + to_string(timestamp{s.taken_at_us}) : "")
              << (wrong ? ": " + wrong->message : "") << "\n";
    for (const auto& part : s.parts)
      seams.out << part_line(part);
  }
  if (o.json)
    seams.out << json::serialize(all) << "\n";
  else if (names->empty())
    seams.out << "no savepoint in " << directory << "\n";
  return code;
}

exit_code savepoint_start_command(const program& p, const savepoint_options& o, const program_seams& seams) {
  auto loaded = load_jobs(p, o.source.file, o.source.overrides, seams);
  if (auto code = refused(loaded, o, seams))
    return *code;
  auto s = read_savepoint(directory_of(loaded, o), o.name);
  if (!s)
    return report(s.err(), seams);
  std::unique_ptr<store_lock> held;
  if (o.copies.empty()) {
    auto lock = lock_store(loaded.value.store.path);
    if (!lock)
      return report(lock.err(), seams);
    held = std::move(*lock);
  }
  auto started = start_all(*s, loaded, o, seams);
  return started ? exit_code::done : report(started.err(), seams);
}

} // namespace weir
