#include "services/weir/jobs.hpp"
#include <algorithm>
#include <exception>
#include <ostream>
#include <weir/core/suggest.hpp>

namespace weir {
namespace {

result<job_plan> plan_service(const service_type& type, const service_config& service) {
  try {
    return type.plan(service.name, service.shard, service.settings);
  } catch (const std::exception& e) {
    return {errc::user_code_failed, std::string("making the job threw: ") + e.what()};
  }
}

// Topics may be named by code instead of settings: the file's check of settings does not see those.
void check_connections(const job_plan& plan, const config& c, const std::string& pointer, std::vector<config_problem>& problems) {
  std::vector<std::string_view> known;
  for (const auto& connection : c.connections)
    known.push_back(connection.name);
  for (const auto& vertex : plan.vertices) {
    if (vertex.kind == vertex_kind::task)
      continue;
    const auto& name = vertex.kind == vertex_kind::source ? vertex.source.topic.connection : vertex.sink.topic.connection;
    if (std::find(known.begin(), known.end(), name) == known.end())
      problems.push_back({pointer, "operator '" + vertex.name + "' uses the connection '" + name +
                                       "', which is not in /connections" + did_you_mean(name, known)});
  }
}

} // namespace

std::vector<service_description> descriptions_of(const program& p) {
  std::vector<service_description> out;
  for (const auto& s : p.services)
    out.push_back({s.name, s.sentence, s.settings});
  return out;
}

namespace {

loaded_jobs plan_all(const program& p, loaded_config loaded, const program_seams& seams) {
  loaded_jobs out{std::move(loaded.value), {}, std::move(loaded.problems)};
  if (!out.ok())
    return out;
  for (const auto& connection : out.value.connections)
    if (auto checked = seams.check_connection(connection); !checked)
      out.problems.push_back({"/connections/" + connection.name, checked.err().message});
  for (const auto& service : out.value.services) {
    auto pointer = "/services/" + std::to_string(service.index);
    auto type = std::find_if(p.services.begin(), p.services.end(), [&](const service_type& t) { return t.name == service.type; });
    auto plan = plan_service(*type, service);
    // What is wrong with all shards of a service is said once.
    std::vector<config_problem> found;
    if (plan)
      check_connections(*plan, out.value, pointer, found);
    else
      found.push_back({pointer, plan.err().message});
    for (auto& wrong : found)
      if (std::none_of(out.problems.begin(), out.problems.end(),
                       [&](const auto& said) { return said.pointer == wrong.pointer && said.message == wrong.message; }))
        out.problems.push_back(std::move(wrong));
    if (!plan)
      continue;
    out.plans.push_back(std::move(*plan));
  }
  return out;
}

} // namespace

loaded_jobs load_jobs(const program& p, const std::string& file, const std::vector<setting_override>& overrides,
                      const program_seams& seams) {
  return plan_all(p, load_config(file, descriptions_of(p), overrides, seams.environment), seams);
}

loaded_jobs read_jobs(const program& p, std::string_view text, const std::vector<setting_override>& overrides,
                      const program_seams& seams) {
  return plan_all(p, read_config(text, descriptions_of(p), overrides, seams.environment), seams);
}

void print_problems(std::ostream& to, const std::string& file, const std::vector<config_problem>& problems) {
  for (const auto& p : problems)
    to << file << (p.line > 0 ? ":" : ": ") << to_string(p) << "\n";
  if (problems.size() > 1)
    to << problems.size() << " problems\n";
}

} // namespace weir
