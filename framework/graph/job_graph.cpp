#include <weir/graph/job_graph.hpp>

#include <weir/graph/stream.hpp>

namespace weir {

std::size_t operator_graph::add(graph_node node, const char* base_name) {
  if (node.name.empty() && base_name != nullptr)
    node.name = std::string(base_name) + "-" + std::to_string(++unnamed_);
  if (node.kind == node_kind::keyed)
    for (auto in : node.inputs)
      nodes_[in.node]->feeds_state = true;
  nodes_.push_back(std::make_unique<graph_node>(std::move(node)));
  return nodes_.size() - 1;
}

namespace detail {

bool valid_operator_name(const std::string& name) {
  if (name.empty() || name.size() > 128)
    return false;
  for (char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
      return false;
  return true;
}

std::string time_problem(const bounded_out_of_orderness& order, const std::optional<idle_after>& idle,
                         const std::optional<align>& alignment) {
  if (order.bound < duration{0})
    return "the bound of bounded_out_of_orderness is negative";
  if (idle && idle->time <= duration{0})
    return "the time of idle_after must be above zero";
  if (alignment && !valid_operator_name(alignment->group))
    return "the group of align has no valid name: 1 to 128 letters, digits, '.', '_' or '-'";
  if (alignment && alignment->max_drift <= duration{0})
    return "max_drift of align must be above zero";
  return {};
}

graph_node* stream_base::last(const char* option) {
  if (from_.size() == 1)
    return &graph_->node(from_[0].node);
  graph_->problem("job '" + graph_->name() + "': " + option + " behind union_with: say it on an operator");
  return nullptr;
}

void stream_base::set_parallelism(int n) {
  if (auto* node = last("parallelism"))
    node->parallelism = n;
}

void stream_base::set_disable_chaining() {
  if (auto* node = last("disable_chaining"))
    node->chaining = false;
}

void stream_base::set_on_error(on_error policy) {
  if (auto* node = last("on_error")) {
    node->needs_raw = node->needs_raw || policy.action == error_action::dead_letter;
    node->errors = std::move(policy);
  }
}

} // namespace detail
} // namespace weir
