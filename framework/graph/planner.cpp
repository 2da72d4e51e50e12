#include <weir/graph/planner.hpp>

#include <algorithm>
#include <map>
#include <thread>
#include <weir/graph/stream.hpp>
#include <weir/operators/operator_chain.hpp>

namespace weir {

namespace detail {

planned_graph with_dead_letters(const operator_graph& graph) {
  planned_graph all;
  std::map<std::pair<std::string, std::string>, graph_node*> sinks;
  std::map<std::string, int> names;
  for (std::size_t i = 0; i < graph.size(); ++i)
    all.nodes.push_back(&graph.node(i));
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const auto& n = graph.node(i);
    if (n.errors.action != error_action::dead_letter)
      continue;
    const auto& to = n.errors.dead_letters;
    auto& sink = sinks[{to.connection, to.topic}];
    if (sink == nullptr) {
      auto made = std::make_unique<graph_node>();
      made->name = "dead-letters." + to.topic;
      if (++names[made->name] > 1)
        made->name += "." + to.connection;
      made->label = "sink";
      made->kind = node_kind::sink;
      made->parallelism = 1;
      made->sink = {to, delivery::exactly_once, 0};
      made->make = [](const graph_node& self, bool) -> std::unique_ptr<chain_operator> {
        return std::make_unique<sink_operator<raw_record>>(self.name, sink_operator_options<raw_record>{});
      };
      sink = made.get();
      all.implied.push_back(std::move(made));
    }
    sink->inputs.push_back({i, dead_letter_output});
  }
  for (auto& n : all.implied)
    all.nodes.push_back(n.get());
  return all;
}

std::vector<bool> pinned_to_source(const planned_graph& graph) {
  const auto n = graph.nodes.size();
  // Could run in the source's chain: only stateless operators between.
  std::vector<bool> could(n), pinned(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto& node = *graph.nodes[i];
    auto fits = node.kind == node_kind::event_time || (node.kind == node_kind::stateless && !node.parallelism);
    could[i] = node.kind == node_kind::source || (fits && node.inputs.size() == 1 && could[node.inputs[0].node]);
  }
  for (auto i = n; i-- > 0;) {
    const auto& node = *graph.nodes[i];
    if (node.kind == node_kind::event_time)
      pinned[i] = could[i];
    if (pinned[i] && !node.inputs.empty())
      pinned[node.inputs[0].node] = true;
  }
  return pinned;
}

std::vector<bool> keeps_raw(const planned_graph& graph) {
  std::vector<bool> keeps(graph.nodes.size());
  for (auto i = graph.nodes.size(); i-- > 0;) {
    const auto& n = *graph.nodes[i];
    // A source's own dead letters are made from the record itself, and rows of windows have no original.
    if (keeps[i] || (n.needs_raw && n.kind != node_kind::source))
      for (auto in : n.inputs)
        if (!graph.nodes[in.node]->needs_time || in.output == dead_letter_output)
          keeps[in.node] = true;
  }
  return keeps;
}

namespace {

/// What a chain is made from: operators head first, and where their outputs go.
struct chain_recipe {
  struct link {
    std::size_t from = 0; ///< Operator of this chain.
    std::size_t output = 0;
    std::size_t to = 0; ///< Operator of this chain, or port.
    bool to_port = false;
  };
  std::shared_ptr<const planned_graph> graph;
  std::vector<const graph_node*> operators;
  std::vector<bool> keep_raw;
  std::vector<link> links;
  batch_limits limits;

  [[nodiscard]] std::unique_ptr<chain> make() const {
    std::vector<std::unique_ptr<chain_operator>> all;
    for (std::size_t i = 0; i < operators.size(); ++i)
      all.push_back(operators[i]->make(*operators[i], keep_raw[i]));
    for (const auto& l : links) {
      if (l.to_port) {
        if (l.output == dead_letter_output)
          all.push_back(std::make_unique<port_operator<raw_record>>(l.to));
        else
          all.push_back(operators[l.from]->outputs[l.output].make_port(l.to));
        all[l.from]->connect(l.output, *all.back());
      } else {
        all[l.from]->connect(l.output, *all[l.to]);
      }
    }
    return std::make_unique<operator_chain>(std::move(all), limits);
  }
};

class planner {
 public:
  planner(std::shared_ptr<const planned_graph> graph, const plan_options& options)
      : graph_(std::move(graph)), options_(options), pinned_(pinned_to_source(*graph_)), keeps_(keeps_raw(*graph_)) {
    if (options_.parallelism == 0)
      options_.parallelism =
          static_cast<int>(std::min<unsigned>(std::max(1u, std::thread::hardware_concurrency()), options_.max_parallelism));
  }

  job_plan run() {
    plan_.job = graph_->declared->name();
    plan_.max_parallelism = options_.max_parallelism;
    for (std::size_t i = 0; i < graph_->nodes.size(); ++i)
      place(i);
    for (std::size_t v = 0; v < plan_.vertices.size(); ++v)
      plan_.vertices[v].make_chain = [recipe = std::make_shared<const chain_recipe>(std::move(recipes_[v]))] {
        return recipe->make();
      };
    plan_.fingerprint = fingerprint();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] const graph_node& node(std::size_t i) const { return *graph_->nodes[i]; }

  [[nodiscard]] bool chained(std::size_t i) const {
    const auto& n = node(i);
    if (n.kind == node_kind::key_by)
      return true;
    if (pinned_[i])
      return n.kind != node_kind::source;
    if (n.kind != node_kind::stateless || n.inputs.size() != 1 || n.parallelism)
      return false;
    return options_.chaining && n.chaining && node(n.inputs[0].node).chaining;
  }

  void place(std::size_t i) {
    const auto& n = node(i);
    std::size_t vertex = 0;
    if (chained(i)) {
      vertex = at_[n.inputs[0].node].vertex;
    } else {
      vertex = plan_.vertices.size();
      plan_.vertices.push_back(head(n));
      recipes_.emplace_back();
      recipes_.back().graph = graph_;
      recipes_.back().limits = options_.limits;
      ports_.push_back(0);
      inputs_.push_back(0);
    }
    auto& recipe = recipes_[vertex];
    at_.push_back({vertex, recipe.operators.size()});
    recipe.operators.push_back(&n);
    recipe.keep_raw.push_back(keeps_[i]);
    plan_.vertices[vertex].operators.push_back(n.name);
    if (n.alignment)
      plan_.vertices[vertex].source.alignment = n.alignment;
    if (chained(i)) {
      recipe.links.push_back({at_[n.inputs[0].node].index, n.inputs[0].output, at_[i].index, false});
      return;
    }
    for (auto in : n.inputs)
      connect(in, i);
  }

  void connect(node_ref in, std::size_t i) {
    const auto& n = node(i);
    auto from = at_[in.node];
    auto to = at_[i].vertex;
    edge_plan e;
    e.from = from.vertex;
    e.to = to;
    e.port = ports_[e.from]++;
    e.input = inputs_[to]++;
    e.codec = in.output == dead_letter_output ? &codec_for<raw_record>() : node(in.node).outputs[in.output].codec;
    if (n.kind == node_kind::keyed)
      e.route = routing::hash;
    else if (n.kind == node_kind::stateless && n.parallelism)
      e.route = routing::rebalance;
    plan_.edges.push_back(e);
    recipes_[e.from].links.push_back({from.index, in.output, e.port, true});
  }

  vertex_plan head(const graph_node& n) {
    vertex_plan v;
    v.name = n.name;
    v.keyed = n.kind == node_kind::keyed;
    v.is_service = n.is_service;
    v.command_topics = n.command_topics;
    switch (n.kind) {
      case node_kind::source:
        v.kind = vertex_kind::source;
        v.source = n.source;
        break;
      case node_kind::sink:
        v.kind = vertex_kind::sink;
        v.sink = n.sink;
        v.sink.refused = n.errors.action;
        v.sink.dead_letters = n.errors.dead_letters;
        v.parallelism = n.parallelism ? *n.parallelism : like_upstream(n);
        break;
      default:
        v.parallelism = n.parallelism.value_or(options_.parallelism);
    }
    return v;
  }

  /// As many writers as the upstream has tasks keeps the order of every task's rows without a detour.
  int like_upstream(const graph_node& n) {
    auto first = plan_.vertices[at_[n.inputs[0].node].vertex].parallelism;
    for (auto in : n.inputs)
      if (plan_.vertices[at_[in.node].vertex].parallelism != first)
        return options_.parallelism;
    return first;
  }

  std::string fingerprint() {
    std::vector<std::string> lines;
    for (const auto* n : graph_->nodes)
      if (n->kind == node_kind::source)
        lines.push_back("source " + n->name + " connection=" + n->source.topic.connection + " topic=" + n->source.topic.topic);
      else if (!n->fingerprint.empty())
        lines.push_back("operator " + n->name + " " + n->fingerprint);
    std::sort(lines.begin(), lines.end());
    auto text = "job " + plan_.job + " max_parallelism=" + std::to_string(options_.max_parallelism) + "\n";
    for (const auto& l : lines)
      text += l + "\n";
    return text;
  }

  struct place_of {
    std::size_t vertex = 0;
    std::size_t index = 0; ///< Among the vertex's operators.
  };
  std::shared_ptr<const planned_graph> graph_;
  plan_options options_;
  std::vector<bool> pinned_;
  std::vector<bool> keeps_;
  job_plan plan_;
  std::vector<place_of> at_;
  std::vector<chain_recipe> recipes_;
  std::vector<std::size_t> ports_;
  std::vector<std::size_t> inputs_;
};

} // namespace
} // namespace detail

result<job_plan> plan_graph(std::shared_ptr<const operator_graph> graph, const plan_options& options) {
  std::string all;
  for (const auto& e : check_graph(*graph, options))
    all += (all.empty() ? "" : "\n") + e.message;
  if (!all.empty())
    return {errc::invalid_graph, all};
  auto planned = std::make_shared<detail::planned_graph>(detail::with_dead_letters(*graph));
  planned->declared = std::move(graph);
  return detail::planner(std::move(planned), options).run();
}

} // namespace weir
