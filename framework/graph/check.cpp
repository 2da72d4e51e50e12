#include <algorithm>
#include <map>
#include <set>
#include <weir/graph/planner.hpp>

namespace weir {

namespace {

using detail::planned_graph;

/// The longest that one record may hold a task, and with it every checkpoint, by waiting for its next try.
constexpr duration longest_hold = std::chrono::minutes(1);

class checker {
 public:
  checker(const operator_graph& graph, const plan_options& options)
      : graph_(graph), options_(options), planned_(detail::with_dead_letters(graph)) {}

  std::vector<error> run() {
    if (!detail::valid_operator_name(graph_.name()))
      wrong("job '" + graph_.name() + "': " + name_rule);
    if (options_.max_parallelism < 1 || options_.max_parallelism > 32768)
      wrong("job '" + graph_.name() + "': max_parallelism must be between 1 and 32768");
    if (options_.parallelism < 0)
      wrong("job '" + graph_.name() + "': parallelism must not be negative");
    else if (options_.parallelism > static_cast<int>(options_.max_parallelism))
      wrong("job '" + graph_.name() + "': parallelism is above max_parallelism, " + std::to_string(options_.max_parallelism));
    for (const auto& p : graph_.problems())
      wrong(p);
    names();
    auto sources = 0;
    auto sinks = 0;
    const auto ends = std::any_of(planned_.nodes.begin(), planned_.nodes.end(), [](auto* n) { return n->source.bounded; });
    for (const auto* n : planned_.nodes) {
      sources += n->kind == node_kind::source ? 1 : 0;
      // An actor service answers questions: it is of use without a topic to write to.
      sinks += n->kind == node_kind::sink || n->is_service ? 1 : 0;
      one(*n);
      if (ends && !n->source.written_by.empty())
        wrong(*n, detail::through_has_no_end);
    }
    topics_of_through();
    if (sources == 0)
      wrong("job '" + graph_.name() + "' has no source");
    if (sinks == 0)
      wrong("job '" + graph_.name() + "' has no sink: nothing would come of it");
    time();
    return std::move(errors_);
  }

 private:
  static constexpr const char* name_rule =
      "a name is 1 to 128 letters, digits, '.', '_' or '-': it is the identity of state and appears in file names and metrics";

  void wrong(std::string text) { errors_.push_back({errc::invalid_graph, std::move(text)}); }
  void wrong(const graph_node& n, const std::string& text) { wrong("operator '" + n.name + "': " + text); }

  void names() {
    std::map<std::string, int> seen;
    for (const auto* n : planned_.nodes) {
      if (n->name.empty())
        wrong("a " + n->label + " of job '" + graph_.name() + "' has no name");
      else if (!detail::valid_operator_name(n->name))
        wrong(*n, name_rule);
      if (!n->name.empty() && ++seen[n->name] == 2)
        wrong(*n, "two operators have this name");
    }
  }

  void topics_of_through() {
    for (const auto* reads : planned_.nodes)
      for (const auto* n : planned_.nodes)
        if (!reads->source.written_by.empty() && n->kind == node_kind::sink && n->name != reads->source.written_by &&
            n->sink.topic.connection == reads->source.topic.connection && n->sink.topic.topic == reads->source.topic.topic)
          wrong(*n, "topic '" + n->sink.topic.topic + "' belongs to through() '" + reads->name +
                        "': its rows lie by key, and others would be read as rows of it");
  }

  void one(const graph_node& n) {
    if (!n.incomplete.empty())
      wrong(n, n.incomplete);
    if (n.parallelism && *n.parallelism < 1)
      wrong(n, "parallelism must be at least 1");
    if (n.parallelism && *n.parallelism > static_cast<int>(options_.max_parallelism))
      wrong(n, "parallelism is above max_parallelism, " + std::to_string(options_.max_parallelism));
    if (n.kind == node_kind::source)
      topic(n, n.source.topic, "topic");
    if (n.kind == node_kind::source && n.parallelism)
      wrong(n, "a source has one task per partition: parallelism belongs to the operators behind it");
    if ((n.kind == node_kind::key_by || n.kind == node_kind::event_time) && n.parallelism)
      wrong(n, n.label + " runs in the tasks of the operator in front of it: parallelism belongs to that one");
    if (n.kind == node_kind::sink) {
      topic(n, n.sink.topic, "topic");
      if (n.sink.partitions < 0)
        wrong(n, "partitions must not be negative");
    }
    const auto& tries = n.errors.tries;
    if (tries.attempts < 1)
      wrong(n, "retry needs at least one attempt");
    if (tries.backoff < duration{0} || tries.backoff * (std::max(tries.attempts, 1u) - 1) > longest_hold)
      wrong(n,
            "the pauses between the attempts of retry must be between zero and one minute together: the task holds "
            "checkpoints up meanwhile");
    if (n.errors.action == error_action::dead_letter)
      topic(n, n.errors.dead_letters, "dead letter topic");
    if (n.sides) {
      std::set<std::string> tags;
      for (std::size_t i = 1; i < n.outputs.size(); ++i)
        if (!detail::valid_operator_name(n.outputs[i].name))
          wrong(n, "side output '" + n.outputs[i].name + "': " + name_rule);
    }
  }

  void topic(const graph_node& n, const topic_ref& t, const char* what) {
    if (t.connection.empty())
      wrong(n, std::string("its ") + what + " names no connection");
    if (t.topic.empty())
      wrong(n, std::string("its ") + what + " has no name");
  }

  void time() {
    const auto pinned = detail::pinned_to_source(planned_);
    std::vector<bool> timed(planned_.nodes.size());
    std::vector<std::size_t> source_of(planned_.nodes.size());
    std::map<std::size_t, const graph_node*> assigns;
    for (std::size_t i = 0; i < planned_.nodes.size(); ++i) {
      const auto& n = *planned_.nodes[i];
      source_of[i] = i;
      timed[i] = !n.inputs.empty();
      for (auto in : n.inputs) {
        timed[i] = timed[i] && timed[in.node];
        source_of[i] = source_of[in.node];
      }
      if (n.needs_time && !timed[i])
        wrong(n, "windows need event time: put event_time() on every source above it");
      if (n.kind != node_kind::event_time)
        continue;
      timed[i] = true;
      if (!pinned[i])
        wrong(n,
              "event_time() must come before key_by, union_with, process, window and operators with a parallelism of their own: "
              "watermarks are made per partition");
      else if (auto [at, added] = assigns.emplace(source_of[i], &n); !added)
        wrong(n, "source '" + planned_.nodes[source_of[i]]->name + "' has event time already, from '" + at->second->name + "'");
    }
  }

  const operator_graph& graph_;
  const plan_options& options_;
  planned_graph planned_;
  std::vector<error> errors_;
};

} // namespace

std::vector<error> check_graph(const operator_graph& graph, const plan_options& options) { return checker(graph, options).run(); }

} // namespace weir
