#include "actors/job_graph.hpp"
#include <weir/core/fail_point.hpp>
#include <weir/graph/task_counts.hpp>
#include "actors/publisher_actor.hpp"
#include "actors/store_actor.hpp"

namespace weir {
namespace {

constexpr std::size_t smallest_pool = std::size_t{64} << 10;
constexpr std::size_t outbox_chunk_bytes = std::size_t{1} << 20;

/// A task that the checkpoint does not know (the parallelism grew): its watermark floor is the lowest of its vertex; what is
/// below it was late already for every task.
result<std::optional<task_snapshot>> lowest_saved(const recovered_job& job, const std::string& vertex) {
  std::optional<task_snapshot> lowest;
  for (auto& [who, c] : job.contributions) {
    if (who.vertex != vertex)
      continue;
    WEIR_ASSIGN(auto s, decode_task_snapshot(c.inline_state));
    if (!lowest || s.watermark < lowest->watermark)
      lowest = std::move(s);
  }
  return lowest;
}

void append(std::vector<caf::actor>& to, const std::vector<caf::actor>& from) { to.insert(to.end(), from.begin(), from.end()); }

} // namespace

std::vector<caf::actor> job_actors::all() const {
  std::vector<caf::actor> out;
  append(out, readers);
  append(out, tasks);
  for (auto& a : {coordinator, publisher, store})
    if (a)
      out.push_back(a);
  return out;
}

job_graph::job_graph(caf::actor_system& system, const job_spec& spec, job_store& store, std::shared_ptr<job_shared> shared,
                     caf::actor supervisor, std::shared_ptr<service_directory> directory, logger log)
    : system_(system),
      spec_(spec),
      store_(store),
      shared_(std::move(shared)),
      supervisor_(std::move(supervisor)),
      directory_(std::move(directory)),
      log_(std::move(log)),
      transport_(spec.encode_channels ? &encoding_transport() : &memory_transport()) {
  auto topics = std::make_shared<std::vector<std::string>>();
  for (auto& v : spec_.plan.vertices)
    topics->push_back(v.kind == vertex_kind::source ? v.source.topic.topic : std::string());
  source_topics_ = topics;
}

participant_id job_graph::who(const instance& i) const {
  auto& v = spec_.plan.vertices[i.vertex];
  if (v.kind == vertex_kind::source)
    return {std::string(reader_prefix) + v.name, i.subtask};
  return {v.name, i.subtask};
}

chain_context job_graph::context_of(const instance& i) const {
  auto& v = spec_.plan.vertices[i.vertex];
  chain_context c;
  c.job = spec_.plan.job;
  c.shard = spec_.plan.shard;
  c.vertex = v.name;
  c.subtask = i.subtask;
  c.parallelism = static_cast<int>(instances_[i.vertex].size());
  c.max_parallelism = spec_.plan.max_parallelism;
  auto groups = range_of(static_cast<std::uint32_t>(i.place), c.max_parallelism, static_cast<std::uint32_t>(c.parallelism));
  c.first_key_group = groups.first;
  c.last_key_group = groups.last;
  c.time = &system_clock();
  c.log = log_.for_operator(v.name, i.subtask);
  c.source = static_cast<std::uint32_t>(i.vertex);
  c.origin_topic = (*source_topics_)[i.vertex];
  c.source_topics = source_topics_.get();
  return c;
}

template <class F>
result<> job_graph::each_task(F f) {
  for (auto& vertex : instances_)
    for (auto& i : vertex)
      if (spec_.plan.vertices[i.vertex].kind != vertex_kind::source)
        WEIR_TRY(f(i, spec_.plan.vertices[i.vertex]));
  return success();
}

void job_graph::size(const recovered_job& job) {
  auto tasks = task_counts(spec_.plan, [&](std::size_t v) { return job.readers.at(spec_.plan.vertices[v].name).size(); });
  instances_.resize(tasks.size());
  for (std::size_t v = 0; v < instances_.size(); ++v) {
    instances_[v].resize(tasks[v]);
    for (std::size_t n = 0; n < instances_[v].size(); ++n) {
      instances_[v][n].vertex = v;
      instances_[v][n].place = n;
      instances_[v][n].subtask =
          spec_.plan.vertices[v].kind == vertex_kind::source ? spec_.plan.shard.partition(n) : static_cast<int>(n);
    }
    (spec_.plan.vertices[v].kind == vertex_kind::source ? readers_ : tasks_) += instances_[v].size();
  }
  shared_->lay_out(spec_.plan, tasks);
}

void job_graph::spawn_control(const recovered_job& job, attempt_connections& connections, job_actors& actors) {
  store_options store;
  store.store = &store_;
  store.shared = shared_;
  store.supervisor = supervisor_;
  store.outbox_limit = spec_.outbox_limit;
  // A quarter of the memory is the tables'. What is not in the base yet cannot be evicted from them and comes on top.
  gate_ = std::make_shared<memory_gate>(spec_.memory_limit / 8 * 3, spec_.memory_limit / 16 * 5);
  store.gate = gate_;
  actors.store = system_.spawn<caf::detached>(store_actor, store);

  coordinator_options c;
  c.timing.interval = spec_.checkpoint.interval;
  c.timing.min_pause = spec_.checkpoint.min_pause;
  c.timing.timeout = spec_.checkpoint.timeout;
  c.timing.tolerated_failures = spec_.checkpoint.tolerated_failures;
  c.next = job.next;
  for (auto& vertex : instances_)
    for (auto& i : vertex)
      c.participants.insert(who(i));
  c.shared = shared_;
  c.supervisor = supervisor_;
  c.store = actors.store;
  c.plan_fingerprint = spec_.plan.fingerprint;
  c.job_state = job.job_state;
  c.incarnation = store_.incarnation();
  c.log = log_;
  c.gate = gate_;
  actors.coordinator = system_.spawn(coordinator_actor, c);
  gate_->on_change([coordinator = actors.coordinator](bool closed) {
    if (closed)
      caf::anon_send(coordinator, msg::hurry{});
  });

  publisher_options p;
  p.publisher = connections.publisher;
  p.shared = shared_;
  shared_->publishes = connections.publisher != nullptr;
  p.lineage = store_.lineage();
  p.incarnation = store_.incarnation();
  p.store = actors.store;
  p.supervisor = supervisor_;
  auto began = std::make_shared<msg::source_positions>();
  for (auto& v : spec_.plan.vertices) {
    if (v.kind != vertex_kind::source)
      continue;
    auto& to = p.topics[{v.source.topic.connection, v.source.topic.topic}];
    to.connection = connections.sources.at(v.name).get();
    to.readers.push_back(v.name);
    for (const auto& [partition, begin] : job.readers.at(v.name))
      (*began)[v.name][partition] = begin.position.next_offset;
  }
  p.positions = std::move(began);
  p.commit_again = spec_.commit_again;
  p.log = log_;
  actors.publisher = system_.spawn<caf::detached>(publisher_actor, p);
}

void job_graph::spawn(job_actors& actors) {
  for (auto& vertex : instances_) {
    for (auto& i : vertex) {
      auto kind = spec_.plan.vertices[i.vertex].kind;
      if (kind == vertex_kind::source) {
        i.pending = std::make_shared<std::atomic<bool>>(false);
        i.actor = system_.spawn(reader_actor, reader_options{who(i), shared_, supervisor_, actors.coordinator, i.pending,
                                                             shared_->meter(i.vertex, i.place)});
        actors.readers.push_back(i.actor);
        continue;
      }
      task_options o;
      o.who = who(i);
      o.shared = shared_;
      o.supervisor = supervisor_;
      o.coordinator = actors.coordinator;
      o.store = actors.store;
      o.transport = transport_;
      o.meter = shared_->meter(i.vertex, i.place);
      o.directory = directory_;
      i.actor = system_.spawn(task_actor, o);
      actors.tasks.push_back(i.actor);
      if (spec_.plan.vertices[i.vertex].is_service)
        actors.services.push_back(i.actor);
      if (kind == vertex_kind::sink)
        actors.sinks.push_back(i.actor);
    }
  }
}

void job_graph::connect() {
  std::vector<std::vector<std::size_t>> incoming(instances_.size());
  for (std::size_t v = 0; v < instances_.size(); ++v)
    incoming[v].resize(instances_[v].size());
  auto for_each_channel = [this](auto f) {
    for (auto& e : spec_.plan.edges) {
      auto targets = instances_[e.to].size();
      for (auto& from : instances_[e.from]) {
        if (e.route == routing::forward) {
          f(e, from, from.place % targets);
          continue;
        }
        for (std::size_t to = 0; to < targets; ++to)
          f(e, from, to);
      }
    }
  };
  for_each_channel([&](const edge_plan& e, instance&, std::size_t to) { ++incoming[e.to][to]; });
  for (auto& vertex : instances_)
    for (auto& i : vertex)
      for (auto& e : spec_.plan.edges)
        if (e.from == i.vertex)
          i.edges.push_back({e.route, {}});

  std::uint32_t next = 0;
  for_each_channel([&](const edge_plan& e, instance& from, std::size_t to) {
    // A channel's share of the receiver's pool; at the least one frame may always be under way.
    auto share = std::max<std::size_t>(std::max(spec_.channel_bytes, smallest_pool) / incoming[e.to][to], 1);
    auto& target = instances_[e.to][to];
    from.edges[e.port].channels.push_back({next, e.codec, static_cast<std::int64_t>(share)});
    from.receivers[next] = target.actor;
    target.inputs.push_back({next, e.input});
    target.senders[next] = {from.actor, e.codec};
    ++next;
  });
}

std::unique_ptr<output_router> job_graph::make_router(const instance& i) const {
  auto router = std::make_unique<output_router>(
      [receivers = i.receivers, transport = transport_](const out_channel& c, std::vector<frame> frames) {
        caf::anon_send(receivers.at(c.channel), msg::frames{c.channel, transport->wrap(std::move(frames), c.codec)});
      });
  for (auto& e : i.edges)
    router->add_edge(e.route, spec_.plan.max_parallelism, e.channels);
  return router;
}

result<std::vector<std::unique_ptr<task_state>>> job_graph::make_states(const recovered_job& job) {
  std::size_t keyed = 0;
  for (auto& vertex : instances_)
    keyed += spec_.plan.vertices[vertex.front().vertex].keyed ? vertex.size() : 0;
  std::vector<std::unique_ptr<task_state>> states;
  WEIR_TRY(each_task([&](instance& i, const vertex_plan& v) -> result<> {
    states.emplace_back();
    if (!v.keyed)
      return success();
    WEIR_ASSIGN(auto base, store_.open_base());
    auto c = context_of(i);
    task_state_options o;
    o.first_key_group = c.first_key_group;
    o.last_key_group = c.last_key_group;
    o.memory_limit = spec_.memory_limit / 4 / keyed;
    o.read_chunk = store_.chunk_reader(who(i));
    states.back() = make_task_state(o, std::move(base));
    return success();
  }));
  if (job.restored > 0)
    WEIR_TRY(load_states(states));
  return states;
}

result<> job_graph::load_states(std::vector<std::unique_ptr<task_state>>& states) {
  return store_.read_unapplied([&](const participant_id& from, std::uint64_t checkpoint, std::string_view chunk) -> result<> {
    std::size_t at = 0;
    return each_task([&](instance&, const vertex_plan& v) -> result<> {
      auto& state = states[at++];
      return state && v.name == from.vertex ? state->load_pending(chunk, checkpoint) : success();
    });
  });
}

result<std::unique_ptr<epoch_sink>> job_graph::make_sink(const instance& i, const recovered_job& job,
                                                         attempt_connections& connections) {
  auto& v = spec_.plan.vertices[i.vertex];
  if (v.kind != vertex_kind::sink)
    return std::unique_ptr<epoch_sink>();
  auto& sink = *connections.sinks.at(v.sink.topic.connection);
  destination to{v.sink.topic.connection, job.destinations.at(v.name), &sink};
  if (v.sink.guarantee == delivery::exactly_once)
    return std::unique_ptr<epoch_sink>(std::make_unique<outbox_sink>(std::move(to), outbox_chunk_bytes));
  WEIR_ASSIGN(auto producer, sink.open_direct([handle = i.actor] { caf::anon_send(handle, msg::wake{}); }));
  return std::unique_ptr<epoch_sink>(
      std::make_unique<direct_sink>(std::move(to), std::move(producer), v.sink.guarantee == delivery::at_least_once));
}

result<std::shared_ptr<std::vector<command_appender::target>>> job_graph::command_targets(const instance& i, const vertex_plan& v,
                                                                                          const recovered_job& job,
                                                                                          attempt_connections& connections) {
  if (!v.is_service)
    return std::shared_ptr<std::vector<command_appender::target>>();
  auto targets = std::make_shared<std::vector<command_appender::target>>();
  for (auto& topic : v.command_topics) {
    auto& sink = *connections.sinks.at(topic.connection);
    WEIR_ASSIGN(auto producer, sink.open_direct([handle = i.actor] { caf::anon_send(handle, msg::wake{}); }));
    targets->push_back(
        {{topic.connection, job.command_topics.at(topic.connection + "/" + topic.topic), &sink}, std::move(producer)});
  }
  return targets;
}

result<> job_graph::install_tasks(const recovered_job& job, attempt_connections& connections) {
  WEIR_ASSIGN(auto states, make_states(job));
  std::size_t at = 0;
  return each_task([&](instance& i, const vertex_plan& v) -> result<> {
    auto p = std::make_shared<task_core::parts>();
    p->who = who(i);
    p->inputs = i.inputs;
    p->output = make_router(i);
    p->state = std::move(states[at++]);
    WEIR_ASSIGN(p->sink, make_sink(i, job, connections));
    p->gate = gate_;
    p->operators = v.make_chain();
    p->context = context_of(i);
    std::optional<task_snapshot> saved;
    if (auto c = job.contributions.find(p->who); c != job.contributions.end()) {
      WEIR_ASSIGN(saved, decode_task_snapshot(c->second.inline_state));
    } else if (job.restored > 0) {
      WEIR_ASSIGN(saved, lowest_saved(job, v.name));
    }
    WEIR_ASSIGN(auto commands, command_targets(i, v, job, connections));
    caf::anon_send(i.actor, msg::install_task{std::move(p), std::move(saved), job.restored, i.senders, std::move(commands)});
    return success();
  });
}

result<> job_graph::install_readers(const recovered_job& job, attempt_connections& connections) {
  std::map<std::string, std::shared_ptr<alignment_group>> groups;
  for (auto& vertex : instances_) {
    for (auto& i : vertex) {
      auto& v = spec_.plan.vertices[i.vertex];
      if (v.kind != vertex_kind::source)
        continue;
      auto& start = job.readers.at(v.name).at(i.subtask);
      auto& source = *connections.sources.at(v.name);
      reader_core::parts p;
      p.who = who(i);
      p.topic = v.source.topic.topic;
      auto wake = [handle = i.actor, pending = i.pending] {
        if (!pending->exchange(true))
          caf::anon_send(handle, msg::wake{});
      };
      auto first = start.check_fingerprint ? start.position.last->offset : start.position.next_offset;
      WEIR_ASSIGN(p.reader, source.open(p.topic, i.subtask, first, wake));
      if (const auto& with = v.source.alignment) {
        auto& group = groups[with->group];
        if (!group)
          group = std::make_shared<alignment_group>();
        p.alignment = aligned_partition(group, with->max_drift, wake);
      }
      p.gate = gate_;
      gate_->on_change([wake](bool closed) {
        if (!closed)
          wake();
      });
      p.output = make_router(i);
      p.operators = v.make_chain();
      p.context = context_of(i);
      p.time = &system_clock();
      p.position = start.position;
      p.check_fingerprint = start.check_fingerprint;
      p.restored = start.restored;
      p.stop = start.stop;
      p.acknowledge = [coordinator = coordinator_](std::uint64_t k, contribution c) {
        caf::anon_send(coordinator, msg::acknowledge{k, std::move(c)});
      };
      p.finished = [] {};
      caf::anon_send(i.actor, msg::install_reader{
                                  std::make_shared<std::unique_ptr<reader_core>>(std::make_unique<reader_core>(std::move(p)))});
    }
  }
  return connections.start_sources();
}

result<> job_graph::start(const recovered_job& job, attempt_connections& connections, job_actors& actors) {
  size(job);
  spawn_control(job, connections, actors);
  coordinator_ = actors.coordinator;
  spawn(actors);
  connect();
  WEIR_TRY(install_tasks(job, connections));
  WEIR_TRY(install_readers(job, connections));
  WEIR_TRY(hit(fail_point::recovery_loaded));
  caf::anon_send(actors.store, store_listeners{actors.tasks, actors.sinks});
  return success();
}

} // namespace weir
