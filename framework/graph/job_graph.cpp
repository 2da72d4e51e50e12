#include <weir/graph/job_graph.hpp>

#include <weir/graph/stream.hpp>

namespace weir {

std::size_t operator_graph::add(graph_node node, const char* base_name) {
  if (node.name.empty() && base_name != nullptr)
    node.name = std::string(base_name) + "-" + std::to_string(++unnamed_);
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
