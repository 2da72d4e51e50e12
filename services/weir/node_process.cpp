#include <dirent.h>
#include <sys/stat.h>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <ostream>
#include <set>
#include <sstream>
#include <weir/core/logger.hpp>
#include <weir/net/identity.hpp>
#include <weir/storage/job_store.hpp>
#include "actors/store_options.hpp"
#include "services/weir/jobs.hpp"
#include "services/weir/node_commands.hpp"
#include "services/weir/node_socket.hpp"

namespace weir {
namespace {

result<node_place> place_of(const std::string& name, const std::string& address) {
  auto colon = address.rfind(':');
  node_place p{name, address.substr(0, colon), 0};
  if (p.host.size() > 2 && p.host.front() == '[' && p.host.back() == ']')
    p.host = p.host.substr(1, p.host.size() - 2);
  const auto* end = address.data() + address.size();
  if (colon == std::string::npos || p.host.empty() ||
      std::from_chars(address.data() + colon + 1, end, p.port) != std::from_chars_result{end, std::errc{}})
    return error{errc::invalid_config, "'" + address + "' is not host:port"};
  return p;
}

result<node_host_options> host_of(const config& c) {
  const auto& n = c.node;
  node_host_options o;
  WEIR_TRY(check_node_name(n.cluster, "cluster"));
  o.cluster = n.cluster;
  for (const auto& [name, address] : n.members) {
    auto place = place_of(name, address);
    if (auto good = check_node_name(name, "node"); !good || !place)
      return (good ? place.err() : good.err()).in("/node/members/" + name);
    o.members.push_back(*place);
    if (name == n.name)
      o.self = *place;
  }
  if (!n.listen.empty()) {
    auto place = place_of(n.name, n.listen);
    if (!place)
      return place.err().in("/node/listen");
    o.self = *place;
  }
  o.ca = n.ca;
  o.certificate = n.cert;
  o.key = n.key;
  o.token = n.token;
  o.capacity = n.capacity;
  o.directory = n.directory;
  o.appointed_leader = n.leader;
  return o;
}

result<> check_directory(const std::string& path) {
  auto* d = ::opendir(path.c_str());
  if (d == nullptr)
    return error{errc::unavailable, "the shared directory '" + path + "' cannot be opened: is it mounted?"};
  ::closedir(d);
  return success();
}

result<loaded_jobs> jobs_in(const program& p, const std::string& text, const program_seams& seams) {
  auto loaded = read_jobs(p, text, {}, seams);
  if (loaded.ok())
    return loaded;
  std::ostringstream all;
  print_problems(all, "the services file", loaded.problems);
  return error{errc::invalid_config, all.str()};
}

/// What the leader has to know of the services to place them.
result<std::vector<cluster::service_need>> services_in(const program& p, const std::string& text, const program_seams& seams) {
  WEIR_ASSIGN(auto loaded, jobs_in(p, text, seams));
  std::set<std::string> logs;
  for (const auto& c : loaded.value.connections)
    if (c.type == "log")
      logs.insert(c.name);
  std::vector<cluster::service_need> out;
  for (const auto& plan : loaded.plans) {
    auto& need = out.emplace_back();
    need.name = plan.job;
    need.shard = plan.shard;
    need.standby = loaded.value.checkpoint.standby;
    for (const auto& v : plan.vertices) {
      const auto& at = v.kind == vertex_kind::source ? v.source.topic.connection : v.sink.topic.connection;
      need.with_leader = need.with_leader || (v.kind != vertex_kind::task && logs.contains(at));
    }
  }
  return out;
}

struct node_job {
  loaded_jobs file;
  job_spec spec;
};

/// One service of a file, as this node runs it.
result<node_job> job_of(const program& p, const program_seams& seams, const std::string& text, const std::string& name,
                        const std::string& store, const std::string& copies) {
  WEIR_ASSIGN(auto loaded, jobs_in(p, text, seams));
  WEIR_ASSIGN(auto specs, job_specs(loaded, {}, seams));
  for (auto& spec : specs) {
    if (spec.plan.job != name)
      continue;
    spec.store_directory = store + "/services/" + name;
    spec.checkpoint.directory = copies;
    return node_job{std::move(loaded), std::move(spec)};
  }
  return error{errc::not_found, "the services file has no service '" + name + "'"};
}

/// In a runtime of its own.
result<std::unique_ptr<runtime>> start_one(result<node_job> job, const program_seams& seams,
                                           decltype(runtime_options::ask_elsewhere) ask_elsewhere) {
  if (!job)
    return job.err();
  std::vector<job_spec> one;
  one.push_back(std::move(job->spec));
  return seams.start({job->file.value.runtime.threads, std::move(ask_elsewhere)}, std::move(one));
}

/// Of the warmer's thread. User code plans the jobs of a file: once for each file and service, not for each pass.
warm_up_function warming(std::function<result<node_job>(const cluster::services_record&, const std::string&)> job) {
  struct planned {
    std::uint64_t version = 0;
    warm_target target;
  };
  return
      [job = std::move(job), all = std::make_shared<std::map<std::string, planned>>()](
          const cluster::services_record& file, const std::string& name, const go_on_function& go_on) -> result<std::uint64_t> {
        auto found = all->find(name);
        if (found == all->end() || found->second.version != file.version) {
          WEIR_ASSIGN(auto one, job(file, name));
          found = all->insert_or_assign(name, planned{file.version, warm_target_of(one.spec)}).first;
        }
        return warm_up_store(found->second.target, go_on);
      };
}

result<node_start> start_of(const program& p, const config& c, const program_seams& seams) {
  node_start s;
  WEIR_ASSIGN(s.host, host_of(c));
  WEIR_TRY(check_directory(c.node.directory));
  s.host.check_services = [&p, &seams](const std::string& text) -> result<> {
    WEIR_TRY(jobs_in(p, text, seams));
    return success();
  };
  s.host.list_services = [&p, &seams](const std::string& text) { return services_in(p, text, seams); };
  auto copies = c.node.directory + "/checkpoints";
  if (::mkdir(copies.c_str(), 0700) != 0 && errno != EEXIST)
    return error{errc::unavailable, "'" + copies + "' cannot be made: " + std::strerror(errno)};
  // An empty folder in the place of the shared one is not it.
  s.host.directory = copies;
  auto job = [&p, &seams, store = c.node.store, copies](const cluster::services_record& file, const std::string& name) {
    return job_of(p, seams, file.text, name, store, copies);
  };
  s.host.start_service = [job, &seams](const cluster::services_record& file, const std::string& name,
                                       decltype(runtime_options::ask_elsewhere) ask_elsewhere) {
    return start_one(job(file, name), seams, std::move(ask_elsewhere));
  };
  s.host.warm_up = warming(job);
  for (const auto& connection : c.connections)
    if (connection.name == c.node.control)
      s.control = connection;
  s.name_space = c.name_space;
  s.store = c.node.store;
  s.session = c.node.session;
  s.seat = c.node.leader.empty() || c.node.leader == c.node.name;
  return s;
}

/// Blocks until a stop is asked for, or the node cannot go on. A second request ends the process at once, until unwatch.
void wait_for_stop(const node_host& node, const program_seams& seams) {
  struct state {
    std::mutex mutex;
    std::condition_variable changed;
    bool asked = false;
  };
  auto s = std::make_shared<state>();
  seams.stop.watch(
      [s] {
        logger{}.info("stopping: the services of this node go to others behind a last checkpoint; a second signal stops at once");
        std::lock_guard lock(s->mutex);
        s->asked = true;
        s->changed.notify_all();
      },
      [&seams] { seams.exit_now(static_cast<int>(exit_code::output_waiting)); });
  std::unique_lock lock(s->mutex);
  while (!s->asked && !node.replaced())
    s->changed.wait_for(lock, std::chrono::milliseconds(500));
}

result<config> node_file(const file_options& source, const program_seams& seams) {
  auto loaded = load_node_config(source.file, source.overrides, seams.environment);
  for (const auto& connection : loaded.value.connections)
    if (auto checked = seams.check_connection(connection); loaded.ok() && !checked)
      loaded.problems.push_back({"/connections/" + connection.name, checked.err().message});
  if (!loaded.ok()) {
    std::ostringstream all;
    print_problems(all, source.file, loaded.problems);
    return error{errc::invalid_config, "the node's file is not right\n" + all.str()};
  }
  return std::move(loaded.value);
}

/// Asks the file's node and prints what it says.
exit_code order(const cluster_options& options, const node_command& c, const program_seams& seams) {
  auto file = node_file(options.node, seams);
  if (!file)
    return report(file.err(), seams);
  auto answer = ask_node(file->node.store, c);
  if (!answer)
    return report(answer.err(), seams);
  if (c.what != node_command::verb::status) {
    seams.out << *answer << "\n";
    return exit_code::done;
  }
  seams.out << (options.json ? *answer + "\n" : cluster_text(*answer));
  auto why = options.ready ? not_ready(*answer) : "";
  return why.empty() ? exit_code::done : report({errc::unavailable, "the node is not ready: " + why}, seams);
}

} // namespace

exit_code node_command_of(const program& p, const file_options& source, const program_seams& seams) {
  auto file = node_file(source, seams);
  if (!file)
    return report(file.err(), seams);
  if (!p.start_node)
    return report({errc::invalid_config, "this program was built without what a node needs; the program `weir` has it"}, seams);
  configure_logging(file->logging.level, file->logging.format);
  auto start = start_of(p, *file, seams);
  if (!start)
    return report(start.err(), seams);
  auto lock = lock_store(file->node.store);
  if (!lock)
    return report(lock.err(), seams);
  auto node = p.start_node(std::move(*start));
  if (!node)
    return report(node.err(), seams);
  auto socket = node_socket::open(file->node.store, [&node](node_command c) {
    c.passed_on = false;
    return (*node)->command(std::move(c));
  });
  if (!socket)
    return report(socket.err(), seams);
  seams.err << "weir: node " << file->node.name << " of cluster " << file->node.cluster << " listens on port " << (*node)->port()
            << std::endl;
  wait_for_stop(**node, seams);
  auto replaced = (*node)->replaced();
  socket->reset();
  node->reset();
  seams.stop.unwatch();
  if (replaced)
    return report({errc::fenced, "another process has joined the cluster as node '" + file->node.name + "'"}, seams);
  seams.err << "weir: node " << file->node.name << " has ended\n";
  return exit_code::done;
}

exit_code validate_node_command(const file_options& source, const program_seams& seams) {
  auto file = node_file(source, seams);
  if (!file)
    return report(file.err(), seams);
  if (auto host = host_of(*file); !host)
    return report(host.err().in(source.file), seams);
  seams.out << source.file << ": valid\n";
  return exit_code::done;
}

exit_code cluster_apply_command(const program& p, const cluster_options& options, const program_seams& seams) {
  auto loaded = load_jobs(p, options.file, {}, seams);
  if (!loaded.ok()) {
    print_problems(seams.err, options.file, loaded.problems);
    return exit_code::usage;
  }
  std::ifstream file(options.file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return order(options, {node_command::verb::apply, "", std::move(text), false}, seams);
}

exit_code cluster_status_command(const cluster_options& options, const program_seams& seams) {
  return order(options, {node_command::verb::status, "", "", false}, seams);
}

exit_code cluster_remove_command(const cluster_options& options, const program_seams& seams) {
  return order(options, {node_command::verb::remove, options.name, "", false}, seams);
}

exit_code cluster_drain_command(const cluster_options& options, const program_seams& seams) {
  return order(options, {options.undo ? node_command::verb::fill : node_command::verb::drain, options.name, "", false}, seams);
}

} // namespace weir
