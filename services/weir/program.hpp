#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#include <weir/config/setting.hpp>
#include <weir/core/result.hpp>
#include <weir/graph/job_graph.hpp>
#include <weir/graph/plan.hpp>

namespace weir {

/// How a service type is written.
enum class service_kind : std::uint8_t {
  job,   ///< A dataflow.
  actor, ///< An actor service: handlers of events, requests and timers.
  caf,   ///< An ordinary CAF actor (weir/caf.hpp).
};

/// A type of service that a configuration can name: what it is called, which settings it has, and the code that turns
/// settings into a job. Made by `service`.
struct service_type {
  std::string name;
  std::string sentence;
  service_kind kind = service_kind::job;
  std::shared_ptr<const settings_table> settings;
  /// The job, named as the service or the shard is. Called once for each before anything starts; may throw.
  std::function<result<job_plan>(const std::string& job, const service_shard& shard, const setting_values& values)> plan;
};

namespace detail {
inline result<job_plan> plan_of(job_plan made, int) { return made; }
inline result<job_plan> plan_of(result<job_plan> made, int) { return made; }
template <class Job>
requires requires(const Job& j, plan_options o) { j.plan(o); }
result<job_plan> plan_of(const Job& made, int parallelism) {
  plan_options options;
  options.parallelism = parallelism;
  return made.plan(options);
}
// Only an actor service has a context for its handlers and one for questions.
template <class Made>
concept actor_declaration = requires {
  typename Made::context;
  typename Made::reader;
};
// What is fed as an ordinary actor says so.
template <class Made>
concept hosted_declaration = requires {
  typename Made::hosted;
};

template <class Made>
constexpr service_kind kind_of() {
  if (hosted_declaration<Made>)
    return service_kind::caf;
  return actor_declaration<Made> ? service_kind::actor : service_kind::job;
}
} // namespace detail

/// A service type from a function of its settings that returns a weir::job, a weir::actor_service, a weir::caf_service, a
/// job_plan or a result<job_plan>; its kind follows from that. A member `parallelism` of the settings is the parallelism of the
/// job's keyed operators that have none of their own; without it, or if it is 0, that is the number of cores, and 1 in a shard.
///
///     weir::service("order-totals", "Totals per customer and minute.", order_totals_table(), make_order_totals)
template <class Settings, class Factory>
service_type service(std::string name, std::string sentence, settings_of<Settings> table, Factory make) {
  auto shared = std::make_shared<const settings_of<Settings>>(std::move(table));
  service_type out;
  out.name = std::move(name);
  out.sentence = std::move(sentence);
  out.kind = detail::kind_of<std::invoke_result_t<Factory&, const Settings&>>();
  out.settings = shared;
  out.plan = [shared, make = std::move(make)](const std::string& job, const service_shard& shard,
                                              const setting_values& values) -> result<job_plan> {
    const Settings settings = shared->make(values);
    int parallelism = 0;
    if constexpr (requires { static_cast<int>(settings.parallelism); })
      parallelism = static_cast<int>(settings.parallelism);
    if (parallelism == 0 && !shard.whole())
      parallelism = 1;
    auto planned = detail::plan_of(make(settings), parallelism);
    if (planned)
      planned->job = job;
    if (planned && !shard.whole())
      become_shard(*planned, shard);
    return planned;
  };
  return out;
}

/// An option of a command added by a program: `--name VALUE`, a flag (no placeholder), or a plain argument.
struct command_option {
  std::string name;        ///< Without dashes.
  std::string placeholder; ///< Of its value in the help; empty: a flag.
  std::string sentence;
  std::string fallback = {}; ///< Value when it is not given.
  bool positional = false;
  bool required = false;
};

/// What was given on the command line: options by name, defaults filled in; flags are "true" or absent.
using command_arguments = std::vector<std::pair<std::string, std::string>>;

/// A subcommand that a program adds to those of weir.
struct program_command {
  std::string name;
  std::string sentence;
  std::vector<command_option> options;
  /// Does the work in the main thread and returns the exit code. Errors: printed, exit code by the error.
  std::function<result<int>(const command_arguments&)> run;
};

class node_host;
struct node_start;

/// What a program brings: `int main(int c, char** v) { return weir::main(c, v, {.services = {…}}); }`.
struct program {
  std::vector<service_type> services;
  std::vector<program_command> commands = {};
  /// What makes a process of it a node of a cluster; empty: it cannot be one. The program `weir` has it.
  std::function<result<std::unique_ptr<node_host>>(node_start)> start_node = {};
};

/// The whole command: run, validate, graph, checkpoints, log, fail-points, config, and the program's own. Returns the exit
/// code (docs/operations.md). Nothing is thrown; an exception nobody expected is reported and is 70. Call it once, first
/// in main: it arms WEIR_FAIL_POINT and sets up memory and signals before any thread starts.
int main(int argc, char** argv, const program& p);

} // namespace weir
