#include <CLI/CLI.hpp>
#include <deque>
#include <ostream>
#include <weir/core/suggest.hpp>
#include <weir/metrics/catalog.hpp>
#include "services/weir/commands.hpp"
#include "services/weir/jobs.hpp"
#include "services/weir/log_commands.hpp"
#include "services/weir/node_commands.hpp"
#include "services/weir/savepoint_commands.hpp"
#include "services/weir/service_commands.hpp"

namespace weir {
namespace {

// What the options of one command line are written into; lives while CLI11 parses and the command runs.
struct command_state {
  file_options file;
  std::vector<std::string> sets;
  run_options run;
  status_options status;
  parked_options parked;
  std::string format = "text";
  services_options services;
  new_service_options scaffold;
  node_certs_options certs;
  cluster_options cluster;
  savepoint_options savepoint;
  log_create_options create;
  log_produce_options produce;
  log_consume_options consume;
  std::string log_directory;
  struct added_value {
    const command_option* option;
    std::string text;
    bool flag = false;
  };
  std::deque<std::deque<added_value>> added;
  std::function<exit_code()> chosen;
};

class command_line {
 public:
  command_line(const program& p, const program_seams& seams) : program_(p), seams_(seams) { build(); }

  exit_code parse_and_run(std::vector<std::string> arguments) {
    auto first = arguments.empty() ? std::string{} : arguments.front();
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back.
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& e) {
      auto code = app_.exit(e, seams_.out, seams_.err);
      if (code != 0)
        suggest(first);
      return code == 0 ? exit_code::done : exit_code::usage;
    }
    for (const auto& text : state_.sets) {
      auto o = parse_override(text);
      if (!o)
        return report(o.err(), seams_);
      state_.file.overrides.push_back(std::move(*o));
    }
    state_.run.source = state_.file;
    state_.status.source = state_.file;
    state_.parked.source = state_.file;
    state_.cluster.node = state_.file;
    state_.savepoint.source = state_.file;
    return state_.chosen();
  }

 private:
  void build() {
    app_.description("Weir runs event-driven services on Kafka or on its embedded log, exactly once.");
    app_.name("weir");
    app_.set_version_flag("--version", "weir " WEIR_VERSION);
    app_.require_subcommand(1);
    app_.footer(
        "Exit codes: 0 done, 2 usage or configuration, 3 environment, 4 restore refused, 5 fenced,\n"
        "6 stopped with output still to publish, 70 bug.");
    add_file_commands();
    add_process_commands();
    add_log_commands();
    add_service_commands();
    add_savepoint_commands();
    add_node_commands();
    add_tools();
    for (const auto& c : program_.commands)
      add_command(c);
  }

  CLI::App* command(CLI::App& in, const std::string& name, const std::string& sentence, std::function<exit_code()> run) {
    auto* sub = in.add_subcommand(name, sentence);
    sub->final_callback([this, run = std::move(run)] { state_.chosen = run; });
    return sub;
  }

  CLI::App* file_command(const std::string& name, const std::string& sentence, std::function<exit_code()> run) {
    return file_command_of(app_, name, sentence, std::move(run));
  }

  CLI::App* file_command_of(CLI::App& in, const std::string& name, const std::string& sentence, std::function<exit_code()> run) {
    auto* sub = command(in, name, sentence, std::move(run));
    sub->add_option("FILE", state_.file.file, "Configuration file")->required();
    sub->add_option("--set", state_.sets, "Override a setting: /pointer=value; may be repeated")
        ->type_name("/POINTER=VALUE")
        ->expected(1)
        ->take_all();
    return sub;
  }

  void add_file_commands() {
    auto* run = file_command("run", "Run the services of a configuration until they end or SIGINT or SIGTERM",
                             [this] { return run_command(program_, state_.run, seams_); });
    run->add_flag("--until-end", state_.run.until_end, "Read to the ends the topics have now, publish everything, and exit");
    run->add_flag("--continue", state_.run.continue_ended, "Go on after a run with --until-end that ended, with new input");
    run->add_flag("--new-lineage", state_.run.new_lineage, "Keep the state but start a new lineage: output may repeat");
    run->add_option("--drop-state", state_.run.drop_state, "Drop the state of an operator the job has no more; may be repeated")
        ->type_name("NAME")
        ->expected(1)
        ->take_all();
    file_command("validate", "Check a configuration and the graphs of its jobs, or a node's file; every problem at once",
                 [this] { return validate_command(program_, state_.file, seams_); });
    auto* graph = file_command("graph", "Print the graphs of a configuration's jobs", [this] {
      auto format = state_.format == "json"      ? graph_format::json
                    : state_.format == "dot"     ? graph_format::dot
                    : state_.format == "mermaid" ? graph_format::mermaid
                                                 : graph_format::text;
      return graph_command(program_, state_.file, format, seams_);
    });
    graph->add_option("--format", state_.format, "text, mermaid, dot or json")
        ->check(CLI::IsMember({"text", "mermaid", "dot", "json"}))
        ->capture_default_str();
    file_command("checkpoints", "List the complete checkpoints in the stores of a configuration's jobs",
                 [this] { return checkpoints_command(program_, state_.file, seams_); });
  }

  // To a process that runs already.
  CLI::App* process_command(const std::string& name, const std::string& sentence, std::string& address,
                            std::function<exit_code()> run) {
    auto* sub = command(app_, name, sentence, std::move(run));
    sub->add_option("FILE", state_.file.file, "Configuration file it runs");
    sub->add_option("--set", state_.sets, "Override a setting: /pointer=value; may be repeated")
        ->type_name("/POINTER=VALUE")
        ->expected(1)
        ->take_all();
    sub->add_option("--address", address, "Where it answers, instead of where FILE's store says")->type_name("HOST:PORT");
    return sub;
  }

  void add_process_commands() {
    auto* status = process_command("status", "Ask a running process: services, graph, watermarks, lag, checkpoints",
                                   state_.status.address, [this] { return status_command(program_, state_.status, seams_); });
    status->add_flag("--json", state_.status.json, "The answer as it came");
    status->add_flag("--ready", state_.status.ready, "Exit code 3 unless every service runs, or ended as it should");

    auto* parked = process_command("parked", "List the parked keys of a running process, or let one go on", state_.parked.address,
                                   [this] { return parked_command(program_, state_.parked, seams_); });
    parked->add_option("--service", state_.parked.service, "Only of this service")->type_name("NAME");
    auto* retry = parked->add_option("--retry", state_.parked.retry, "Try the failed event of this key again")->type_name("KEY");
    parked->add_option("--skip", state_.parked.skip, "Drop the failed event of this key and go on behind it")
        ->type_name("KEY")
        ->excludes(retry);
  }

  void add_log_commands() {
    auto* log = app_.add_subcommand("log", "Work with topics of the embedded log, also while jobs run on it");
    log->require_subcommand(1);
    auto place = [](CLI::App* sub, std::string& directory, std::string& topic) {
      sub->add_option("DIR", directory, "Directory of the log")->required();
      sub->add_option("TOPIC", topic, "Topic")->required();
    };
    auto* create = command(*log, "create", "Make a topic", [this] { return code(log_create(state_.create)); });
    place(create, state_.create.directory, state_.create.topic);
    create->add_option("--partitions", state_.create.partitions, "Number of partitions")->capture_default_str();
    create->add_option("--max-record-bytes", state_.create.max_record_bytes, "Largest record")->capture_default_str();
    create->add_option("--retention-bytes", state_.create.retention_bytes, "Kept per partition; 0: all")->capture_default_str();
    create->add_option("--retention-ms", state_.create.retention_ms, "Kept by age in milliseconds; 0: for ever")
        ->capture_default_str();
    create->add_flag("--compacted", state_.create.compacted, "Keep the newest record of each key");

    auto* produce = command(*log, "produce", "Append the lines of standard input, one JSON value a line",
                            [this] { return code(log_produce(state_.produce)); });
    place(produce, state_.produce.directory, state_.produce.topic);
    auto* key = produce->add_option("--key", state_.produce.key_field, "Field whose value becomes the key")->type_name("FIELD");
    produce->add_option("--partition", state_.produce.partition, "Write to this partition instead of by key")->excludes(key);

    auto* consume = command(*log, "consume", "Print the records of a topic, one value a line",
                            [this] { return code(log_consume(state_.consume)); });
    place(consume, state_.consume.directory, state_.consume.topic);
    consume->add_flag("--until-end", state_.consume.until_end, "Stop at the ends the partitions have now");
    consume->add_option("--partition", state_.consume.partition, "Only this partition");
    consume->add_option("--offset", state_.consume.offset, "Start at this offset instead of the first kept");
    consume->add_flag("--envelope", state_.consume.envelope, "Print partition, offset, key, timestamp and headers too");

    auto* topics = command(*log, "topics", "List the topics", [this] { return code(log_topics(state_.log_directory)); });
    topics->add_option("DIR", state_.log_directory, "Directory of the log")->required();
  }

  void add_service_commands() {
    auto* services = command(app_, "services", "List the service types of this program, or the settings of one",
                             [this] { return services_command(program_, state_.services, seams_); });
    services->add_option("NAME", state_.services.name, "Service type");
    services->add_flag("--json", state_.services.json, "As JSON, with all settings");

    auto* make = app_.add_subcommand("new", "Begin something of your own");
    make->require_subcommand(1);
    auto* service = command(*make, "service", "Write the project of a service: code, test, configuration, CMakeLists.txt",
                            [this] { return new_service_command(state_.scaffold, seams_); });
    service->add_option("NAME", state_.scaffold.name, "Its name: lower-case letters, digits and '-'")->required();
    service->add_option("--kind", state_.scaffold.kind, "job: a dataflow; actor: handlers of events, questions and timers")
        ->required()
        ->check(CLI::IsMember({"job", "actor"}));
    service->add_option("--dir", state_.scaffold.directory, "Directory to make; without it NAME");
  }

  void add_savepoint_commands() {
    auto* savepoint = app_.add_subcommand("savepoint", "Named copies of the state of services, to start from again");
    savepoint->require_subcommand(1);
    auto& s = state_.savepoint;
    auto common = [&](CLI::App* sub) {
      sub->add_option("--directory", s.directory, "Where savepoints lie; without it beside the store, in STORE.savepoints")
          ->type_name("DIR");
      return sub;
    };
    auto one = [&](CLI::App* sub) {
      common(sub)->add_option("NAME", s.name, "Its name")->required();
      sub->add_option("--service", s.services, "Only this service; may be repeated")
          ->type_name("SERVICE")
          ->expected(1)
          ->take_all();
      sub->add_option("--copies", s.copies,
                      "The services run on nodes: `checkpoints` in their shared directory; stores of this machine play no part")
          ->type_name("DIR");
      return sub;
    };
    one(file_command_of(*savepoint, "create", "Make one of the newest complete checkpoints, whether the services run or not",
                        [this] { return savepoint_create_command(program_, state_.savepoint, seams_); }));
    auto* list = common(file_command_of(*savepoint, "list", "List those that are there",
                                        [this] { return savepoint_list_command(program_, state_.savepoint, seams_); }));
    list->add_flag("--verify", s.verify, "Read all files and check them");
    list->add_flag("--json", s.json, "As JSON");
    one(file_command_of(*savepoint, "start-from",
                        "Put one in the place of the services' state; what was put out behind it is put out again",
                        [this] { return savepoint_start_command(program_, state_.savepoint, seams_); }))
        ->add_flag("--discard-current", s.discard_current, "Though the services have state now, which is lost");
  }

  void add_node_commands() {
    auto* node = app_.add_subcommand("node", "Run a node of a cluster until SIGINT or SIGTERM, or prepare nodes");
    auto node_file = [this](CLI::App* sub) {
      return sub->add_option("--config", state_.file.file, "File of the node (docs/nodes.md)")->type_name("NODE.json");
    };
    auto* config = node_file(node);
    node->require_subcommand(0, 1);
    node->final_callback([this, node, config] {
      if (!node->get_subcommands().empty())
        return; // It has been chosen before this.
      if (config->count() == 0)
        throw CLI::RequiredError("--config NODE.json, or a subcommand");
      state_.chosen = [this] { return node_command_of(program_, state_.file, seams_); };
    });
    auto* certs = command(*node, "certs", "Make a test certificate authority and a certificate with key for each node",
                          [this] { return node_certs_command(state_.certs, seams_); });
    certs->add_option("DIR", state_.certs.directory, "Directory for them; an authority that is there signs")->required();
    certs->add_option("--cluster", state_.certs.cluster, "Name of the cluster")->required()->type_name("NAME");
    certs->add_option("NODE", state_.certs.nodes, "Names of nodes")->required();
    certs->add_option("--days", state_.certs.days, "How long the nodes' certificates are valid")->capture_default_str();

    auto* cluster = app_.add_subcommand("cluster", "Look at a cluster and give it orders, through a node of this machine");
    cluster->require_subcommand(1);
    auto order = [&](const char* name, const char* sentence, std::function<exit_code()> run) {
      auto* sub = command(*cluster, name, sentence, std::move(run));
      node_file(sub)->required();
      return sub;
    };
    auto* status = order("status", "Leader, nodes, links, and which service is where",
                         [this] { return cluster_status_command(state_.cluster, seams_); });
    status->add_flag("--json", state_.cluster.json, "The answer as it came");
    status->add_flag("--ready", state_.cluster.ready,
                     "Exit code 3 unless the node knows a leader and control topic and shared directory answer it");
    order("apply", "Check a services file and make it the cluster's, with the one before as fallback",
          [this] { return cluster_apply_command(program_, state_.cluster, seams_); })
        ->add_option("FILE", state_.cluster.file, "Configuration file")
        ->required();
    order("remove", "Take a service out of the cluster's services file",
          [this] { return cluster_remove_command(state_.cluster, seams_); })
        ->add_option("SERVICE", state_.cluster.name, "Its name")
        ->required();
    auto* drain =
        order("drain", "Give a node no work any more", [this] { return cluster_drain_command(state_.cluster, seams_); });
    drain->add_option("NODE", state_.cluster.name, "Its name")->required();
    drain->add_flag("--undo", state_.cluster.undo, "Give it work again");
  }

  void add_tools() {
    command(app_, "fail-points", "List the fail points of WEIR_FAIL_POINT: name, tab, sentence",
            [this] { return fail_points_command(seams_); });
    command(app_, "metrics", "Print the reference of all metrics in Markdown", [this] {
      seams_.out << metrics_reference();
      return exit_code::done;
    });
    auto* config = app_.add_subcommand("config", "Print what is known of configurations");
    config->require_subcommand(1);
    command(*config, "schema", "Print the JSON Schema of configurations", [this] {
      seams_.out << config_schema(descriptions_of(program_));
      return exit_code::done;
    });
    command(*config, "node-schema", "Print the JSON Schema of node files", [this] {
      seams_.out << node_schema();
      return exit_code::done;
    });
    command(*config, "reference", "Print the reference of all settings in Markdown", [this] {
      seams_.out << config_reference(descriptions_of(program_));
      return exit_code::done;
    });
  }

  void add_command(const program_command& c) {
    auto& values = state_.added.emplace_back();
    for (const auto& o : c.options)
      values.push_back({&o, o.fallback, false});
    auto* sub = command(app_, c.name, c.sentence, [this, &c, &values] {
      command_arguments arguments;
      for (const auto& v : values) {
        if (v.flag)
          arguments.emplace_back(v.option->name, "true");
        else if (!v.text.empty())
          arguments.emplace_back(v.option->name, v.text);
      }
      auto done = c.run(arguments);
      return done ? code(*done) : report(done.err(), seams_);
    });
    for (auto& v : values) {
      const auto& o = *v.option;
      if (!o.positional && o.placeholder.empty()) {
        sub->add_flag("--" + o.name, v.flag, o.sentence);
        continue;
      }
      auto* option = sub->add_option(o.positional ? o.name : "--" + o.name, v.text, o.sentence)->required(o.required);
      option->type_name(o.placeholder);
      if (!o.fallback.empty())
        option->capture_default_str();
    }
  }

  // CLI11 says that a word was not expected; which one was meant is said here.
  void suggest(const std::string& first) {
    std::vector<std::string> names;
    for (const auto* sub : app_.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
    std::vector<std::string_view> known(names.begin(), names.end());
    auto guess = nearest_name(first, known);
    if (!guess.empty() && guess != first)
      seams_.err << "Did you mean 'weir " << guess << "'?\n";
  }

  static exit_code code(int c) { return static_cast<exit_code>(c); }

  const program& program_;
  const program_seams& seams_;
  command_state state_;
  CLI::App app_;
};

} // namespace

exit_code run_program(const program& p, const std::vector<std::string>& arguments, const program_seams& seams) {
  return command_line(p, seams).parse_and_run(arguments);
}

} // namespace weir
