#pragma once
#include <weir/graph/stream.hpp>
#include <weir/graph/through.hpp>

namespace weir {

/// A dataflow with a name: the unit of checkpoint and restart. Declares, runs nothing; see docs/api.md.
///
///   weir::job job{"word-count"};
///   job.source("lines", weir::topic<std::string>{lines}).flat_map(split).key_by(...)...
///
/// A handle: copies share one graph. Not synchronised.
class job {
 public:
  explicit job(std::string name) : graph_(std::make_shared<operator_graph>(std::move(name))) {}

  [[nodiscard]] const std::string& name() const { return graph_->name(); }

  /// Rows of a topic. The name is the identity of the source's position.
  template <class T>
  stream<T> source(std::string name, topic<T> from, source_options options = {}) {
    graph_node n;
    n.name = std::move(name);
    n.label = "source";
    n.kind = node_kind::source;
    n.outputs.push_back(detail::output_of<T>());
    n.source = {std::move(from.at), std::move(options.start), options.bounded, options.gone};
    n.errors = std::move(options.errors);
    n.make = [without = options.without_value, limits = options.json](const graph_node& self,
                                                                      bool keep_raw) -> std::unique_ptr<chain_operator> {
      return std::make_unique<source_operator<T>>(self.name,
                                                  source_operator_options{self.errors.action, without, keep_raw, limits});
    };
    return stream<T>(graph_, {{graph_->add(std::move(n)), 0}});
  }

  /// Everything wrong with the job, each error naming the operator; empty when it can run.
  [[nodiscard]] std::vector<error> check(const plan_options& options = {}) const { return check_graph(*graph_, options); }
  /// What runs. Errors: invalid_graph with all that `check` finds, one a line.
  [[nodiscard]] result<job_plan> plan(const plan_options& options = {}) const { return plan_graph(graph_, options); }

 private:
  std::shared_ptr<operator_graph> graph_;
};

} // namespace weir
