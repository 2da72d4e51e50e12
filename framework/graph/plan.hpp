#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/operators/chain.hpp>
#include <weir/operators/error_handler.hpp>
#include <weir/record/batch.hpp>
#include <weir/record/partition.hpp>
#include <weir/time/event_time.hpp>

namespace weir {

/// A topic of a connection of the configuration.
struct topic_ref {
  std::string connection;
  std::string topic;
};

enum class vertex_kind : std::uint8_t {
  source, ///< One task per partition of its topic (the partition readers).
  task,   ///< `parallelism` tasks.
  sink,   ///< As many sink writers as its upstream has tasks, or `parallelism`.
};

enum class delivery : std::uint8_t { exactly_once, at_least_once, none };

/// What happens to an offset that is not in the topic any more.
enum class offset_policy : std::uint8_t { fail, earliest, latest };

struct source_spec {
  topic_ref topic;
  start_position start = start_earliest{};
  bool bounded = false; ///< Stop at the last stable offsets of the first start; also by `--until-end`.
  offset_policy gone = offset_policy::fail;
  std::optional<align> alignment{}; ///< Of the event_time() in its chain.
  std::string written_by{};         ///< The sink of this job that writes the topic, behind through(); else empty.
};

struct sink_spec {
  topic_ref topic;
  delivery guarantee = delivery::exactly_once;
  std::int32_t partitions = 0; ///< Of a topic that must be created; 0: like the first source's topic.
  /// What becomes of a record that the topic refuses for good although the sink took it (its limit was lowered since).
  error_action refused = error_action::fail;
  topic_ref dead_letters{}; ///< Of dead_letter.
};

/// One vertex of the physical plan: a chain, run `parallelism` times.
struct vertex_plan {
  std::string name;                   ///< Unique; the head operator's name: the identity of its state.
  std::vector<std::string> operators; ///< Names in the chain, head first.
  vertex_kind kind = vertex_kind::task;
  int parallelism = 0; ///< 0: per partition (sources), else as given.
  bool keyed = false;
  std::function<std::unique_ptr<chain>()> make_chain;
  source_spec source;                      ///< Of a source.
  sink_spec sink;                          ///< Of a sink.
  bool is_service = false;                 ///< The tasks of an actor service.
  std::vector<topic_ref> command_topics{}; ///< That its questions append to.
};

enum class routing : std::uint8_t {
  forward,   ///< Subtask i to subtask i mod parallelism.
  hash,      ///< By row_meta::key_hash: key group -> task.
  rebalance, ///< Batches in turn.
};

struct edge_plan {
  std::size_t from = 0, to = 0; ///< Indices of vertices.
  std::size_t port = 0;         ///< Out-port of `from`'s chain: number of its out-edge.
  std::size_t input = 0;        ///< Number of the in-edge of `to`.
  routing route = routing::forward;
  const batch_codec* codec = nullptr; ///< Of the rows on this edge.
};

/// How an ordinary actor that runs as a service is made and fed; complete only where actors are known (weir/caf.hpp).
struct hosted_service;

/// What runs: made from a job graph, validated. Vertices are in topological order.
struct job_plan {
  std::string job;
  service_shard shard{}; ///< Which part of its service it is.
  std::uint32_t max_parallelism = 128;
  std::vector<vertex_plan> vertices;
  std::vector<edge_plan> edges;
  std::string fingerprint; ///< Names, state schemas, window sizes, key types: compared at restore, in readable lines.
  /// Set: the one task is an ordinary actor, and its vertices have no chains. It keeps no checkpoints.
  std::shared_ptr<const hosted_service> hosted{};
};

/// Makes the plan of a whole service that of one of its shards. Their number is part of the fingerprint: with another one, each
/// has other keys, and no state of before belongs to it.
void become_shard(job_plan& plan, const service_shard& shard);

/// hash -> key group -> task; the same on every node and in every release (docs/formats.md).
[[nodiscard]] inline std::uint16_t key_group_of(std::uint64_t key_hash, std::uint32_t max_parallelism) {
  return static_cast<std::uint16_t>(key_hash % max_parallelism);
}
[[nodiscard]] inline std::uint32_t task_of(std::uint16_t key_group, std::uint32_t max_parallelism, std::uint32_t parallelism) {
  return static_cast<std::uint32_t>(std::uint64_t{key_group} * parallelism / max_parallelism);
}
/// Inclusive range of key groups of a task.
struct key_group_range {
  std::uint16_t first, last;
};
[[nodiscard]] inline key_group_range range_of(std::uint32_t task, std::uint32_t max_parallelism, std::uint32_t parallelism) {
  auto first = (std::uint64_t{task} * max_parallelism + parallelism - 1) / parallelism;
  auto end = (std::uint64_t{task + 1} * max_parallelism + parallelism - 1) / parallelism;
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(end - 1)};
}

} // namespace weir
