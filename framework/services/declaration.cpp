#include <weir/services/actor_operator.hpp>
#include <weir/services/event_source.hpp>

namespace weir::detail {

constexpr std::string_view command_id_header = "weir.command-id";

std::string command_id_of(const any_batch& rows, std::size_t row) {
  for (auto& [name, value] : rows.raw_headers(row).unpack())
    if (name == command_id_header && value)
      return *value;
  return {};
}

service_declaration::service_declaration(std::string name) { definition->name = std::move(name); }

std::size_t service_declaration::add_publication(std::string sink, topic_ref to, sink_options<raw_record> options) {
  definition->publications.push_back(sink);
  publications.push_back({std::move(sink), std::move(to), std::move(options)});
  return publications.size() - 1;
}

void service_declaration::add_question(service_definition::question q) {
  for (const auto& other : definition->questions)
    if (other.name == q.name)
      problems.push_back("service '" + definition->name + "': question '" + q.name + "' is answered twice");
  definition->questions.push_back(std::move(q));
}

std::shared_ptr<const operator_graph> service_declaration::graph() const {
  auto g = std::make_shared<operator_graph>(definition->name);
  for (const auto& p : problems)
    g->problem(p);
  if (subscriptions.empty())
    g->problem("service '" + definition->name + "' subscribes to no topic");
  auto codec = std::make_shared<const event_batch_codec>(definition->codecs);
  graph_node n;
  n.name = definition->name;
  n.label = "actor";
  n.kind = node_kind::keyed;
  n.parallelism = parallelism;
  n.fingerprint = "actor key=" + definition->key_schema + " state=" + definition->state_schema;
  for (const auto& s : subscriptions)
    n.inputs.push_back({s.add(*g, s, *codec), 0});
  for (const auto& p : publications)
    n.outputs.push_back(output_of<packed_record>(p.sink));
  n.make = [definition = std::shared_ptr<const service_definition>(definition), codec](const graph_node&,
                                                                                       bool) -> std::unique_ptr<chain_operator> {
    return std::make_unique<actor_operator>(definition);
  };
  n.command_topics = definition->command_topics;
  n.is_service = true;
  const auto actor = g->add(std::move(n));
  for (std::size_t i = 0; i < publications.size(); ++i) {
    const auto& p = publications[i];
    graph_node sink;
    sink.name = p.sink;
    sink.label = "sink";
    sink.kind = node_kind::sink;
    sink.inputs = {{actor, i}};
    sink.sink = {p.to, p.options.guarantee, p.options.partitions};
    sink.errors = p.options.errors;
    sink.needs_raw = false;
    sink.make = [time = p.options.time, headers = p.options.headers](const graph_node& self,
                                                                     bool) -> std::unique_ptr<chain_operator> {
      sink_operator_options<packed_record> o;
      o.on_error = self.errors.policy();
      o.time = time;
      o.headers = headers;
      return std::make_unique<sink_operator<packed_record>>(self.name, std::move(o));
    };
    g->add(std::move(sink));
  }
  return g;
}

result<job_plan> service_declaration::plan(const plan_options& options) const { return plan_graph(graph(), options); }

} // namespace weir::detail
