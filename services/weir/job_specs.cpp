#include <algorithm>
#include "services/weir/commands.hpp"
#include "services/weir/jobs.hpp"

namespace weir {
namespace {

result<std::map<std::string, std::shared_ptr<connection>>> connect_all(const config& c, const program_seams& seams) {
  std::map<std::string, std::shared_ptr<connection>> out;
  for (const auto& settings : c.connections) {
    auto made = seams.connect(settings);
    if (!made)
      return made.err().in("/connections/" + settings.name);
    out[settings.name] = std::move(*made);
  }
  return out;
}

std::size_t tasks_of(const job_plan& plan) {
  std::size_t tasks = 0;
  for (const auto& v : plan.vertices)
    tasks += static_cast<std::size_t>(std::max(v.parallelism, 1));
  return tasks;
}

/// The limit is the process's: the services share it by their tasks.
std::vector<std::size_t> memory_shares(const std::vector<job_plan>& plans, std::size_t limit) {
  std::size_t all = 0;
  for (const auto& p : plans)
    all += tasks_of(p);
  std::vector<std::size_t> shares;
  shares.reserve(plans.size());
  for (const auto& p : plans)
    shares.push_back(limit * tasks_of(p) / std::max<std::size_t>(all, 1));
  return shares;
}

job_spec spec_of(job_plan plan, std::size_t memory, const restart_config& restart, const config& c, const run_options& o,
                 const std::map<std::string, std::shared_ptr<connection>>& connections) {
  job_spec spec;
  spec.plan = std::move(plan);
  spec.name_space = c.name_space;
  spec.store_directory = c.store.path;
  spec.connections = connections;
  spec.checkpoint = {c.checkpoint.interval,           c.checkpoint.min_pause, c.checkpoint.timeout,
                     c.checkpoint.tolerated_failures, c.checkpoint.retained,  c.checkpoint.directory};
  spec.restart = {restart.initial_backoff, restart.max_backoff, restart.max_attempts};
  spec.memory_limit = memory;
  spec.channel_bytes = c.memory.channel.bytes;
  spec.outbox_limit = c.outbox.limit.bytes;
  spec.store_max_bytes = c.store.max_size.bytes;
  spec.shutdown_timeout = c.shutdown.timeout;
  spec.until_end = o.until_end;
  spec.continue_ended = o.continue_ended;
  spec.new_lineage = o.new_lineage;
  spec.drop_state = o.drop_state;
  return spec;
}

} // namespace

result<std::vector<job_spec>> job_specs(const loaded_jobs& loaded, const run_options& options, const program_seams& seams) {
  const auto& c = loaded.value;
  WEIR_ASSIGN(auto connections, connect_all(c, seams));
  std::vector<job_spec> specs;
  const auto memory = memory_shares(loaded.plans, c.memory.limit.bytes);
  for (std::size_t i = 0; i < loaded.plans.size(); ++i)
    specs.push_back(spec_of(loaded.plans[i], memory[i], c.services[i].restart, c, options, connections));
  return specs;
}

} // namespace weir
