#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>
#include <weir/graph/plan.hpp>
#include <weir/graph/topic.hpp>
#include <weir/operators/operator.hpp>

namespace weir {

struct side_output_plan;

enum class node_kind : std::uint8_t {
  source,
  stateless,  ///< map, filter, flat_map.
  event_time, ///< In the source's chain always.
  key_by,     ///< At the end of its upstream's chain always.
  keyed,      ///< window, process: head of a vertex always.
  sink,       ///< A vertex of its own always.
};

/// An output of a node: how its rows leave a chain.
struct node_output {
  std::string name; ///< "" is the main output.
  std::function<std::unique_ptr<chain_operator>(std::size_t port)> make_port;
  const batch_codec* codec = nullptr;
};

/// Number `output` of node `node`.
struct node_ref {
  std::size_t node = 0;
  std::size_t output = 0;
};

/// An operator as the user declared it; typed parts are behind functions. `make` is called once per task, from any thread.
struct graph_node {
  std::string name;
  std::string label; ///< What it is, for people: "map", "tumbling 1m".
  node_kind kind = node_kind::stateless;
  std::vector<node_ref> inputs;
  std::vector<node_output> outputs;
  std::function<std::unique_ptr<chain_operator>(const graph_node&, bool keep_raw)> make;
  std::optional<int> parallelism;
  bool chaining = true;
  on_error errors;
  bool needs_raw = false;                               ///< Reads original bytes of records.
  bool needs_time = false;                              ///< Works in event time.
  bool feeds_state = false;                             ///< Of key_by: a keyed operator takes its rows; set by `add`.
  std::shared_ptr<std::vector<side_output_plan>> sides; ///< Of a process function.
  std::optional<align> alignment;                       ///< Of event_time.
  source_spec source;
  sink_spec sink;
  bool is_service = false;               ///< An actor service: answers questions.
  std::vector<topic_ref> command_topics; ///< Of an actor service.
  std::string fingerprint;               ///< What must not change between runs; empty if nothing.
  std::string incomplete;                ///< Why the declaration is not finished, if so.
};

/// The logical graph behind a weir::job: what the fluent API writes and the planner reads. Not synchronised while it is
/// built; immutable and shared by all tasks after planning.
class operator_graph {
 public:
  explicit operator_graph(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Returns the new node's index. An empty name of a node that needs none is filled in: `<base>-<number>`.
  std::size_t add(graph_node node, const char* base_name = nullptr);
  [[nodiscard]] graph_node& node(std::size_t i) { return *nodes_[i]; }
  [[nodiscard]] const graph_node& node(std::size_t i) const { return *nodes_[i]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  /// Something wrong that is known while building; reported by the planner.
  void problem(std::string text) { problems_.push_back(std::move(text)); }
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::string name_;
  std::vector<std::unique_ptr<graph_node>> nodes_;
  std::vector<std::string> problems_;
  std::size_t unnamed_ = 0;
};

/// How a job is laid out.
struct plan_options {
  int parallelism = 0; ///< Of keyed operators without their own; 0: as many as the machine has cores.
  bool chaining = true;
  std::uint32_t max_parallelism = 128; ///< Number of key groups: fixed for the job's life.
  batch_limits limits{};
};

/// Everything wrong with the graph, each error naming the operator; empty when it can be planned.
std::vector<error> check_graph(const operator_graph& graph, const plan_options& options);
/// Errors: invalid_graph, with all that check_graph finds, one a line. The plan keeps the graph alive.
result<job_plan> plan_graph(std::shared_ptr<const operator_graph> graph, const plan_options& options);

namespace detail {
/// `orders`, `per-minute.v2`: letters, digits, '.', '_' and '-', at most 128.
[[nodiscard]] bool valid_operator_name(const std::string& name);
/// What is wrong with the arguments of event_time(); empty: nothing.
[[nodiscard]] std::string time_problem(const bounded_out_of_orderness& order, const std::optional<idle_after>& idle,
                                       const std::optional<align>& alignment);
/// The output whose rows are of type T.
template <class T>
node_output output_of(std::string name = {});
} // namespace detail

} // namespace weir
