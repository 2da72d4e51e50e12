#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/archive/checkpoint_archive.hpp>
#include <weir/checkpoint/recovery.hpp>
#include <weir/storage/job_store.hpp>
#include <weir/task/epoch_publisher.hpp>
#include <weir/task/snapshot.hpp>
#include "actors/job_shared.hpp"

namespace weir {

/// What an attempt opened on the outside; made anew for each and destroyed with it, tasks first.
struct attempt_connections {
  std::map<std::string, std::shared_ptr<source_connection>> sources; ///< By source vertex; see source_consumers.
  std::map<std::string, std::unique_ptr<sink_connection>> sinks;
  std::map<std::string, std::string> clusters; ///< Cluster id of connections with exactly-once sinks.
  std::shared_ptr<epoch_publisher> publisher;  ///< Null without exactly-once sinks.

  /// Starts every consumer, once. All partitions are open.
  result<> start_sources() const;
};

/// Where a partition begins.
struct reader_start {
  reader_snapshot position;
  bool restored = false;
  bool check_fingerprint = false;
  std::optional<std::int64_t> stop;
};

/// A copy of the job's checkpoints that is newer than its store.
struct newer_copy {
  archived from;
  archive_standing how = archive_standing::rebuild; ///< Or roll_forward.
};

/// What recovery decided and found: everything the graph is built from.
struct recovered_job {
  std::uint64_t next = 1;
  std::uint64_t restored = 0; ///< Checkpoint restored from; 0: none.
  std::map<participant_id, contribution> contributions;
  std::map<std::string, std::map<std::int32_t, reader_start>> readers; ///< Source vertex -> partition.
  std::map<std::string, topic_description> destinations;               ///< Sink vertex -> its topic.
  std::map<std::string, topic_description> command_topics;             ///< `<connection>/<topic>`.
  std::string job_state;
  bool nothing_new = false; ///< The bounded run had ended and there is no new input.
  /// The store is not the newest: it is to be made so from this, and nothing else here counts.
  std::optional<newer_copy> newer;
};

/// The blocking steps of a start (design sections 7 and 8), in their order. On the supervisor's thread.
class recovery_steps {
 public:
  /// `rebuilt`: the store was made from its copy just now.
  recovery_steps(const job_spec& spec, job_store& store, std::shared_ptr<job_shared> shared, logger log, bool rebuilt = false)
      : spec_(spec), store_(store), shared_(std::move(shared)), log_(std::move(log)), rebuilt_(rebuilt) {}

  /// Raises the incarnation, opens connections, fences, reads markers, decides, publishes what was left, resolves positions,
  /// makes them durable. Errors end the attempt; `cancelled` when a stop was requested meanwhile.
  result<recovered_job> run(attempt_connections& connections);

  /// The steps of a service that has no checkpoints: raises the incarnation, opens connections, waits for the inputs, finds where
  /// the consumer group stands, makes the topics of its output. Errors as above.
  result<recovered_job> run_hosted(attempt_connections& connections);

 private:
  result<> open_connections(attempt_connections& c);
  result<> fence(attempt_connections& c);
  /// Looks how store and copy stand to each other. None: the copy is ours, or none is made.
  result<std::optional<newer_copy>> take_copy();
  result<recovery_plan> decide(attempt_connections& c);
  result<> publish_left(attempt_connections& c, const recovery_plan& plan);
  result<> claim(attempt_connections& c, const recovery_plan& plan, std::vector<std::string> marked);
  result<> check_plan();
  /// So many partitions, or a few more, that the shards divide them.
  [[nodiscard]] std::int32_t for_shards(std::int32_t wanted) const;
  [[nodiscard]] result<> check_divides(const vertex_plan& v, std::int32_t partitions) const;
  result<> make_own_topics(attempt_connections& c, recovered_job& job);
  result<> wait_for_inputs(attempt_connections& c, std::map<std::string, std::int32_t>& partitions);
  result<> resolve(attempt_connections& c, const std::map<std::string, std::int32_t>& partitions, recovered_job& job);
  result<reader_start> start_of(source_connection& source, const vertex_plan& v, std::int32_t partition,
                                const recovered_job& job);
  result<> skip_lost(source_connection& source, const vertex_plan& v, std::int32_t partition, std::int64_t earliest,
                     reader_start& start);
  result<> bound(attempt_connections& c, recovered_job& job);
  result<> prepare_destinations(attempt_connections& c, recovered_job& job);
  result<> make_durable(const std::map<std::string, std::int32_t>& partitions, attempt_connections& c, recovered_job& job);

  const job_spec& spec_;
  job_store& store_;
  std::shared_ptr<job_shared> shared_;
  logger log_;
  bool rebuilt_;
  std::shared_ptr<checkpoint_archive> copy_;    ///< Null: no copies are made.
  std::optional<checkpoint_manifest> manifest_; ///< The one restored from.
};

} // namespace weir
