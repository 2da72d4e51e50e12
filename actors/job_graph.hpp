#pragma once
#include <memory>
#include <vector>
#include "actors/coordinator_actor.hpp"
#include "actors/reader_actor.hpp"
#include "actors/recovery_steps.hpp"
#include "actors/task_actor.hpp"

namespace weir {

/// The actors of one attempt.
struct job_actors {
  std::vector<caf::actor> readers;
  std::vector<caf::actor> tasks;
  std::vector<caf::actor> sinks;    ///< Those of `tasks` that are sink writers.
  std::vector<caf::actor> services; ///< Those of `tasks` that are an actor service's, by subtask.
  caf::actor store;
  caf::actor publisher;
  caf::actor coordinator;
  [[nodiscard]] std::vector<caf::actor> all() const;
};

/// Builds the actors of a recovered job: spawns them, wires channels and credit, loads state, opens the partitions, starts.
/// Called on the supervisor's thread; `store` belongs to the store actor from here on until all actors are down.
class job_graph {
 public:
  job_graph(caf::actor_system& system, const job_spec& spec, job_store& store, std::shared_ptr<job_shared> shared,
            caf::actor supervisor, std::shared_ptr<service_directory> directory, logger log);

  /// On error the actors spawned so far are in `actors` and must be stopped by the caller.
  result<> start(const recovered_job& job, attempt_connections& connections, job_actors& actors);

  /// How many actors report `ready` before the readers may be told to go.
  [[nodiscard]] std::size_t participants() const { return readers_ + tasks_; }
  /// How many tasks report `finished` before a bounded job is at its end.
  [[nodiscard]] std::size_t tasks() const { return tasks_; }

 private:
  /// One parallel instance of a vertex before it is installed in its actor.
  struct instance {
    std::size_t vertex = 0;
    std::size_t place = 0; ///< Among those of its vertex.
    int subtask = 0;       ///< The same; of a reader its partition.
    caf::actor actor;
    std::vector<in_channel> inputs;
    std::map<std::uint32_t, upstream> senders;
    std::map<std::uint32_t, caf::actor> receivers;
    struct out_edge {
      routing route;
      std::vector<out_channel> channels;
    };
    std::vector<out_edge> edges;
    wake_flag pending;
  };

  void size(const recovered_job& job);
  void spawn_control(const recovered_job& job, attempt_connections& connections, job_actors& actors);
  void spawn(job_actors& actors);
  void connect();
  result<> install_tasks(const recovered_job& job, attempt_connections& connections);
  result<> install_readers(const recovered_job& job, attempt_connections& connections);
  result<std::unique_ptr<epoch_sink>> make_sink(const instance& i, const recovered_job& job, attempt_connections& connections);
  result<std::shared_ptr<std::vector<command_appender::target>>> command_targets(const instance& i, const vertex_plan& v,
                                                                                 const recovered_job& job,
                                                                                 attempt_connections& connections);
  [[nodiscard]] std::unique_ptr<output_router> make_router(const instance& i) const;
  [[nodiscard]] chain_context context_of(const instance& i) const;
  [[nodiscard]] participant_id who(const instance& i) const;
  result<std::vector<std::unique_ptr<task_state>>> make_states(const recovered_job& job);
  result<> load_states(std::vector<std::unique_ptr<task_state>>& states);
  template <class F>
  result<> each_task(F f);

  caf::actor_system& system_;
  const job_spec& spec_;
  job_store& store_;
  std::shared_ptr<job_shared> shared_;
  caf::actor supervisor_;
  std::shared_ptr<service_directory> directory_;
  logger log_;
  caf::actor coordinator_;
  std::shared_ptr<memory_gate> gate_;
  const channel_transport* transport_;
  std::vector<std::vector<instance>> instances_; ///< By vertex, then subtask.
  std::shared_ptr<const std::vector<std::string>> source_topics_;
  std::size_t readers_ = 0;
  std::size_t tasks_ = 0;
};

} // namespace weir
