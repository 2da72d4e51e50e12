#include "actors/recovery_steps.hpp"
#include <algorithm>
#include <set>
#include <weir/archive/shard_count.hpp>
#include <weir/checkpoint/fact_names.hpp>
#include <weir/core/clock.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/graph/source_consumers.hpp>
#include <weir/task/plan_check.hpp>
#include "actors/messages.hpp"

namespace weir {
namespace {

constexpr const char* bound_fact = "stop offsets";
constexpr duration input_pause = std::chrono::milliseconds(250);

result<std::vector<std::string>> list_fact(job_store& store, const char* name) {
  WEIR_ASSIGN(auto bytes, store.fact(name));
  if (!bytes || bytes->empty())
    return std::vector<std::string>{};
  return decode_list(*bytes);
}

std::string publisher_id(const job_spec& spec, const std::string& connection) {
  return spec.name_space + "." + spec.plan.job + "." + connection + ".0";
}

/// All shards show their offsets in the group of their service; each has its own partitions.
const std::string& whole_name(const job_plan& plan) { return plan.shard.whole() ? plan.job : plan.shard.service; }

bool uses_outbox(const vertex_plan& v) { return v.kind == vertex_kind::sink && v.sink.guarantee == delivery::exactly_once; }

} // namespace

result<> attempt_connections::start_sources() const {
  std::set<source_connection*> started;
  for (const auto& [name, source] : sources)
    if (started.insert(source.get()).second)
      WEIR_TRY(source->start());
  return success();
}

result<recovered_job> recovery_steps::run(attempt_connections& connections) {
  WEIR_TRY(hit(fail_point::recovery_locked));
  // Before anybody is fenced.
  WEIR_TRY(check_shard_count(spec_.store_directory, "", spec_.plan.job, spec_.plan.shard));
  if (const auto& copies = spec_.checkpoint.directory; !copies.empty())
    WEIR_TRY(check_shard_count(copies, spec_.name_space + ".", spec_.plan.job, spec_.plan.shard));
  WEIR_ASSIGN(auto incarnation, store_.begin_incarnation());
  log_.info("starting", {{"lineage", store_.lineage().text()}, {"incarnation", incarnation}});
  WEIR_TRY(hit(fail_point::recovery_incarnated));
  WEIR_TRY(open_connections(connections));
  WEIR_TRY(fence(connections));
  recovered_job job;
  WEIR_ASSIGN(job.newer, take_copy());
  if (job.newer)
    return job;
  WEIR_ASSIGN(auto plan, decide(connections));

  job.next = plan.next;
  WEIR_ASSIGN(auto all, store_.checkpoints());
  if (plan.restore) {
    auto found = std::find_if(all.begin(), all.end(), [&](auto& m) { return m.number == *plan.restore; });
    if (found == all.end())
      return error{errc::internal, "checkpoint " + std::to_string(*plan.restore) + " is to be restored but is not listed"};
    manifest_ = *found;
    job.restored = *plan.restore;
    for (auto& c : manifest_->contributions)
      job.contributions[c.who] = c;
  }
  WEIR_TRY(check_plan());
  WEIR_TRY(publish_left(connections, plan));
  WEIR_TRY(hit(fail_point::recovery_published));

  std::map<std::string, std::int32_t> partitions;
  WEIR_TRY(make_own_topics(connections, job));
  WEIR_TRY(wait_for_inputs(connections, partitions));
  WEIR_TRY(resolve(connections, partitions, job));
  WEIR_TRY(bound(connections, job));
  if (job.nothing_new)
    return job;
  WEIR_TRY(prepare_destinations(connections, job));
  WEIR_TRY(make_durable(partitions, connections, job));
  WEIR_TRY(hit(fail_point::recovery_start_durable));
  return job;
}

result<recovered_job> recovery_steps::run_hosted(attempt_connections& connections) {
  WEIR_ASSIGN(auto incarnation, store_.begin_incarnation());
  log_.info("starting", {{"incarnation", incarnation}});
  WEIR_TRY(open_connections(connections));
  recovered_job job;
  std::map<std::string, std::int32_t> partitions;
  WEIR_TRY(make_own_topics(connections, job));
  WEIR_TRY(wait_for_inputs(connections, partitions));
  WEIR_TRY(resolve(connections, partitions, job));
  for (auto& v : spec_.plan.vertices) {
    if (v.kind != vertex_kind::source)
      continue;
    for (auto& [partition, start] : job.readers.at(v.name)) {
      auto& source = *connections.sources.at(v.name);
      WEIR_ASSIGN(auto earliest, source.resolve(v.source.topic.topic, partition, start_earliest{}));
      if (auto r = skip_lost(source, v, partition, earliest, start); !r)
        return r.err().in("source '" + v.name + "', topic '" + v.source.topic.topic + "' partition " + std::to_string(partition));
    }
  }
  WEIR_TRY(prepare_destinations(connections, job));
  return job;
}

result<> recovery_steps::open_connections(attempt_connections& c) {
  // A quarter of the memory each for what librdkafka fetched and what it is about to send.
  auto share = spec_.memory_limit / 4;
  std::set<std::string> out;
  std::size_t sources = 0;
  for (auto& v : spec_.plan.vertices) {
    sources += v.kind == vertex_kind::source ? 1 : 0;
    if (v.kind == vertex_kind::sink)
      out.insert(v.sink.topic.connection);
    for (auto& topic : v.command_topics)
      out.insert(topic.connection);
  }
  auto find = [this](const std::string& name) -> result<connection*> {
    auto found = spec_.connections.find(name);
    if (found == spec_.connections.end())
      return error{errc::invalid_config, "connection '" + name + "' is used by job '" + spec_.plan.job + "' but not configured"};
    return found->second.get();
  };
  for (auto& consumer : source_consumers(spec_.plan)) {
    WEIR_ASSIGN(auto* from, find(consumer.connection));
    WEIR_ASSIGN(auto opened, from->open_source(spec_.name_space + "." + whole_name(spec_.plan),
                                               share / sources * consumer.sources.size(), log_));
    std::shared_ptr<source_connection> shared(std::move(opened));
    for (auto& name : consumer.sources)
      c.sources[name] = shared;
  }
  for (auto& name : out) {
    WEIR_ASSIGN(auto* to, find(name));
    WEIR_ASSIGN(c.sinks[name], to->open_sink(share / out.size(), log_));
  }
  return success();
}

result<> recovery_steps::fence(attempt_connections& c) {
  std::set<std::string> connections;
  for (auto& v : spec_.plan.vertices)
    if (uses_outbox(v))
      connections.insert(v.sink.topic.connection);
  if (connections.empty())
    return success();
  for (auto& name : connections) {
    WEIR_ASSIGN(c.clusters[name], spec_.connections.at(name)->cluster_id());
  }

  // Every id ever used is on record before it is used: so all can be fenced.
  WEIR_ASSIGN(auto known, list_fact(store_, ids_fact));
  std::vector<publisher_slot> slots;
  auto changed = false;
  for (auto& name : connections) {
    auto id = publisher_id(spec_, name);
    for (auto& k : known) {
      auto tab = k.find('\t');
      if (k.substr(tab + 1) == name && k.substr(0, tab) != id && !spec_.new_lineage)
        return error{errc::incompatible,
                     "this store published under the transactional id '" + k.substr(0, tab) + "', now it would be '" + id +
                         "': the namespace or the job was renamed. Put the name back, or start with --new-lineage "
                         "(output may repeat)"};
    }
    if (std::find(known.begin(), known.end(), id + "\t" + name) == known.end()) {
      known.push_back(id + "\t" + name);
      changed = true;
    }
    slots.push_back({id, name, c.sinks.at(name).get()});
  }
  if (changed)
    WEIR_TRY(store_.set_fact(ids_fact, encode_list(known)));

  epoch_publisher::options o;
  o.marker_topic = spec_.name_space + ".weir-markers";
  o.wait = [shared = shared_, limit = spec_.shutdown_timeout](duration d) { return shared->wait_or_give_up(d, limit); };
  for (auto& v : spec_.plan.vertices)
    if (uses_outbox(v))
      o.sinks[v.name] = v.sink;
  c.publisher = std::make_shared<epoch_publisher>(std::move(o), std::move(slots), log_);
  WEIR_ASSIGN(auto fates, store_.fact(record_fates_fact));
  record_fates decided;
  if (fates && !fates->empty()) {
    WEIR_ASSIGN(decided, record_fates::decode(*fates));
  }
  c.publisher->fates(std::move(decided),
                     [this](const std::string& encoded) { return store_.set_fact(record_fates_fact, encoded); });
  shared_->set_phase(job_phase::recovering, "fencing earlier processes of this job");
  WEIR_TRY(c.publisher->fence());
  return hit(fail_point::recovery_fenced);
}

result<std::optional<newer_copy>> recovery_steps::take_copy() {
  if (spec_.checkpoint.directory.empty())
    return std::optional<newer_copy>();
  shared_->makes_copies = true;
  shared_->copies->waiting_since_us = 0;
  shared_->set_phase(job_phase::recovering, "looking at the copy of the checkpoints");
  // Behind the fencing: nobody publishes what this look does not see.
  const archive_options at{spec_.checkpoint.directory, spec_.name_space, spec_.plan.job};
  WEIR_ASSIGN(auto facts, look_at_standing(at, store_));
  facts.rebuilt = rebuilt_;
  auto standing = decide_standing(facts);
  if (standing == archive_standing::rebuild || standing == archive_standing::roll_forward)
    return std::optional(newer_copy{*facts.found, standing});
  if (standing == archive_standing::begin)
    shared_->set_phase(job_phase::recovering, "copying the store to checkpoint.directory");
  WEIR_ASSIGN(copy_, checkpoint_archive::take_over(at, store_, facts.found, standing, shared_->copies, log_));
  store_.copy_changes_to(copy_);
  return std::optional<newer_copy>();
}

result<recovery_plan> recovery_steps::decide(attempt_connections& c) {
  shared_->set_phase(job_phase::recovering, "reading what was published");
  recovery_facts facts;
  facts.incarnation = store_.incarnation();
  facts.new_lineage_requested = spec_.new_lineage;
  WEIR_ASSIGN(auto checkpoints, store_.checkpoints());
  for (auto& m : checkpoints)
    facts.complete.push_back(m.number);
  WEIR_ASSIGN(auto damaged, store_.newest_damaged());
  facts.newest_damaged = damaged.has_value();
  facts.highest_number = store_.highest_number();
  WEIR_ASSIGN(facts.published, store_.published());
  WEIR_ASSIGN(auto unpublished, store_.unpublished_epochs());
  for (auto& u : unpublished)
    facts.unpublished.push_back(u.checkpoint);
  WEIR_ASSIGN(auto own, list_fact(store_, incarnations_fact));
  for (auto& n : own)
    facts.own_incarnations.push_back(std::stoull(n));
  WEIR_ASSIGN(auto marked, list_fact(store_, marked_fact));
  facts.lineage = store_.lineage();
  WEIR_ASSIGN(auto savepoint, store_.fact(savepoint_fact));
  if (savepoint && savepoint->size() == facts.lineage.bytes.size()) {
    facts.savepoint_of.emplace();
    std::copy(savepoint->begin(), savepoint->end(), facts.savepoint_of->bytes.begin());
  }
  if (c.publisher) {
    for (std::size_t i = 0; i < c.publisher->slots().size(); ++i) {
      auto& id = c.publisher->slots()[i].id;
      WEIR_ASSIGN(auto found, c.publisher->read_marker(i));
      auto first = std::find(marked.begin(), marked.end(), id) == marked.end();
      facts.markers.push_back({id, found, first});
    }
  }
  WEIR_ASSIGN(auto plan, decide_recovery(facts));
  if (plan.start_new_lineage) {
    log_.warning("a new lineage begins: output may repeat", {{"old", store_.lineage().text()}});
    WEIR_TRY(store_.new_lineage());
    if (copy_)
      WEIR_TRY(copy_->snapshot_now());
  }
  if (damaged && plan.restore) {
    log_.warning("the newest checkpoint is damaged and unpublished: going back",
                 {{"to_checkpoint", *plan.restore}, {"cause", damaged->message}});
    WEIR_TRY(store_.fall_back(*plan.restore));
    if (copy_)
      WEIR_TRY(copy_->snapshot_now());
  }
  own.push_back(std::to_string(store_.incarnation()));
  WEIR_TRY(store_.set_fact(incarnations_fact, encode_list(own)));
  if (c.publisher)
    WEIR_TRY(claim(c, plan, marked));
  if (facts.savepoint_of)
    WEIR_TRY(store_.set_fact(savepoint_fact, ""));
  if (!c.publisher)
    return plan;
  if (plan.publish_marker_zero && (!facts.published || plan.start_new_lineage)) {
    // The lowest place any id stands at: what lies above it for the others, their own markers know.
    auto mark = plan.claims.front().mark;
    for (auto& other : plan.claims)
      if (std::pair(other.mark.checkpoint, other.mark.ordinal) < std::pair(mark.checkpoint, mark.ordinal))
        mark = other.mark;
    mark.lineage = store_.lineage();
    WEIR_TRY(store_.set_published(mark));
  }
  return plan;
}

result<> recovery_steps::claim(attempt_connections& c, const recovery_plan& plan, std::vector<std::string> marked) {
  c.publisher->identify(store_.lineage(), store_.incarnation());
  for (std::size_t i = 0; i < c.publisher->slots().size(); ++i) {
    auto& id = c.publisher->slots()[i].id;
    for (auto& claim : plan.claims) {
      if (claim.id != id)
        continue;
      auto mine = claim;
      mine.mark.lineage = store_.lineage();
      WEIR_TRY(c.publisher->claim(i, mine));
    }
    WEIR_TRY(hit(fail_point::recovery_marker_zero));
    if (std::find(marked.begin(), marked.end(), id) == marked.end()) {
      marked.push_back(id);
      WEIR_TRY(store_.set_fact(marked_fact, encode_list(marked)));
    }
  }
  // The claim is confirmed: markers of earlier incarnations can no longer be the newest.
  return store_.set_fact(incarnations_fact, encode_list({std::to_string(store_.incarnation())}));
}

result<> recovery_steps::publish_left(attempt_connections& c, const recovery_plan& plan) {
  if (plan.publish.empty() || !c.publisher)
    return success();
  shared_->set_phase(job_phase::recovering, "publishing what a former process left");
  if (manifest_) {
    WEIR_ASSIGN(auto before, decode_job_snapshot(manifest_->job_state));
    for (auto& [name, cluster] : before.clusters) {
      auto now = c.clusters.find(name);
      if (now == c.clusters.end() || now->second != cluster)
        return error{errc::store_foreign, "output of connection '" + name + "' waits for cluster " + cluster +
                                              ", but the connection now leads to " +
                                              (now == c.clusters.end() ? "nothing" : now->second) +
                                              ". Connect it to the old cluster, or start with an empty store"};
    }
  }
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < c.publisher->slots().size(); ++i) {
    std::vector<epoch_output> epochs;
    std::uint64_t ordinal = 0;
    for (auto& p : plan.publish) {
      if (p.id != c.publisher->slots()[i].id)
        continue;
      if (epochs.empty())
        ordinal = p.from_ordinal;
      epoch_output e{p.checkpoint, {}};
      WEIR_TRY(store_.read_outbox(p.checkpoint, [&e](const participant_id& who, std::string_view chunk) -> result<> {
        e.chunks.emplace_back(chunk);
        e.writers.push_back(who.vertex);
        return success();
      }));
      epochs.push_back(std::move(e));
      last = std::max(last, p.checkpoint);
    }
    if (!epochs.empty())
      WEIR_TRY(c.publisher->publish_for(i, epochs, ordinal));
  }
  log_.info("published what a former process left", {{"up_to_checkpoint", last}});
  return store_.set_published({store_.lineage(), store_.incarnation(), last, all_records});
}

result<> recovery_steps::check_plan() {
  if (!manifest_ || manifest_->plan_fingerprint == spec_.plan.fingerprint)
    return success();
  return check_restorable(manifest_->plan_fingerprint, spec_.plan.fingerprint, spec_.drop_state);
}

result<> recovery_steps::make_own_topics(attempt_connections& c, recovered_job& job) {
  for (auto& v : spec_.plan.vertices)
    for (auto& topic : v.command_topics) {
      WEIR_ASSIGN(auto d, c.sinks.at(topic.connection)->ensure_topic(topic.topic, for_shards(4), false));
      job.command_topics[topic.connection + "/" + topic.topic] = d;
    }
  // Services that read each other's output would wait for it for ever.
  for (auto& v : spec_.plan.vertices) {
    if (v.kind != vertex_kind::sink || v.sink.partitions == 0)
      continue;
    const auto read_back = std::any_of(spec_.plan.vertices.begin(), spec_.plan.vertices.end(),
                                       [&](auto& r) { return r.source.written_by == v.name; });
    const auto partitions = read_back ? for_shards(v.sink.partitions) : v.sink.partitions;
    if (auto d = c.sinks.at(v.sink.topic.connection)->ensure_topic(v.sink.topic.topic, partitions, false); !d)
      return d.err().in("sink '" + v.name + "'");
  }
  return success();
}

std::int32_t recovery_steps::for_shards(std::int32_t wanted) const {
  const auto of = static_cast<std::int32_t>(spec_.plan.shard.of);
  return (wanted + of - 1) / of * of;
}

result<> recovery_steps::check_divides(const vertex_plan& v, std::int32_t partitions) const {
  const auto of = spec_.plan.shard.of;
  if (static_cast<std::uint32_t>(partitions) % of == 0)
    return success();
  return error{errc::incompatible,
               "topic '" + v.source.topic.topic + "' of source '" + v.name + "' has " + std::to_string(partitions) +
                   " partitions, which do not divide into the " + std::to_string(of) + " shards of '" + spec_.plan.shard.service +
                   "'. Give the topic a multiple of " + std::to_string(of) +
                   " (more partitions can be added), or the service another number of shards and another name"};
}

result<> recovery_steps::wait_for_inputs(attempt_connections& c, std::map<std::string, std::int32_t>& partitions) {
  for (auto& v : spec_.plan.vertices) {
    if (v.kind != vertex_kind::source)
      continue;
    auto& topic = v.source.topic;
    auto said = false;
    for (;;) {
      auto d = c.sources.at(v.name)->describe(topic.topic);
      if (d && d->partitions > 0) {
        WEIR_TRY(check_divides(v, d->partitions));
        partitions[v.name] = d->partitions;
        break;
      }
      if (!d && d.err().code != errc::not_found)
        return d.err().in("source '" + v.name + "'");
      auto what = "waiting for topic '" + topic.topic + "' on connection '" + topic.connection + "': it does not exist";
      shared_->set_phase(job_phase::waiting, what);
      if (!std::exchange(said, true))
        log_.warning(what + "; create it, the job starts then by itself");
      if (shared_->wait_for_stop(input_pause))
        return error{errc::cancelled, "stopped while " + what};
    }
  }
  shared_->set_phase(job_phase::recovering, "finding the start positions");
  return success();
}

result<> recovery_steps::resolve(attempt_connections& c, const std::map<std::string, std::int32_t>& partitions,
                                 recovered_job& job) {
  job_snapshot before;
  if (manifest_) {
    WEIR_ASSIGN(before, decode_job_snapshot(manifest_->job_state));
  }
  for (auto& v : spec_.plan.vertices) {
    if (v.kind != vertex_kind::source)
      continue;
    auto count = partitions.at(v.name);
    if (auto known = before.partitions.find(v.name); known != before.partitions.end() && known->second > count)
      return error{errc::incompatible, "topic '" + v.source.topic.topic + "' of source '" + v.name + "' has " +
                                           std::to_string(count) + " partitions, the checkpoint knows " +
                                           std::to_string(known->second) +
                                           ": it was made anew. Restore the topic, or start with an empty store"};
    // The rows of a key would be in two partitions, and come in no order.
    if (auto known = before.partitions.find(v.name);
        known != before.partitions.end() && known->second != count && !v.source.written_by.empty())
      return error{errc::incompatible, "topic '" + v.source.topic.topic + "' of through() '" + v.name + "' had " +
                                           std::to_string(known->second) + " partitions and has " + std::to_string(count) +
                                           ": its keys are bound to partitions. Give through() another topic"};
    for (std::size_t n = 0; n < spec_.plan.shard.count(count); ++n) {
      const auto p = spec_.plan.shard.partition(n);
      auto start = start_of(*c.sources.at(v.name), v, p, job);
      if (!start)
        return start.err().in("source '" + v.name + "', topic '" + v.source.topic.topic + "' partition " + std::to_string(p));
      job.readers[v.name][p] = std::move(*start);
    }
  }
  return success();
}

result<reader_start> recovery_steps::start_of(source_connection& source, const vertex_plan& v, std::int32_t partition,
                                              const recovered_job& job) {
  auto& topic = v.source.topic.topic;
  reader_start start;
  auto saved = job.contributions.find({std::string(reader_prefix) + v.name, partition});
  if (saved == job.contributions.end()) {
    // A partition that appeared after the start is read from its beginning, whatever the start position of the others.
    auto from = manifest_ ? start_position{start_earliest{}} : v.source.start;
    WEIR_ASSIGN(start.position.next_offset, source.resolve(topic, partition, from));
    return start;
  }
  WEIR_ASSIGN(start.position, decode_reader_snapshot(saved->second.inline_state));
  start.restored = true;
  WEIR_ASSIGN(auto earliest, source.resolve(topic, partition, start_earliest{}));
  start.check_fingerprint = start.position.last && start.position.last->offset >= earliest;
  WEIR_TRY(skip_lost(source, v, partition, earliest, start));
  return start;
}

result<> recovery_steps::skip_lost(source_connection& source, const vertex_plan& v, std::int32_t partition, std::int64_t earliest,
                                   reader_start& start) {
  auto& topic = v.source.topic.topic;
  if (start.position.next_offset >= earliest)
    return success();
  auto lost = "offsets " + std::to_string(start.position.next_offset) + " to " + std::to_string(earliest - 1) + " are gone";
  switch (v.source.gone) {
    case offset_policy::fail:
      return error{errc::out_of_range, lost +
                                           " from the topic before they were read; set the source's policy for lost offsets to "
                                           "'earliest' or 'latest' to go on without them"};
    case offset_policy::earliest:
      start.position.next_offset = earliest;
      break;
    case offset_policy::latest:
      WEIR_ASSIGN(start.position.next_offset, source.resolve(topic, partition, start_latest{}));
      break;
  }
  log_.error(lost + ": going on behind them as configured",
             {{"topic", topic}, {"partition", partition}, {"next", start.position.next_offset}});
  return success();
}

result<> recovery_steps::bound(attempt_connections& c, recovered_job& job) {
  auto bounded = spec_.until_end;
  for (auto& v : spec_.plan.vertices)
    bounded = bounded || (v.kind == vertex_kind::source && v.source.bounded);
  auto ended = manifest_ && manifest_->ended;
  if (!bounded && !ended)
    return success();
  auto ends_now = [&]() -> result<stop_offsets> {
    stop_offsets stops;
    for (auto& v : spec_.plan.vertices) {
      if (v.kind != vertex_kind::source)
        continue;
      for (auto& [partition, start] : job.readers[v.name]) {
        WEIR_ASSIGN(stops[v.name][partition], c.sources.at(v.name)->end_offset(v.source.topic.topic, partition));
      }
    }
    return stops;
  };
  stop_offsets stops;
  WEIR_ASSIGN(auto fact, store_.fact(bound_fact));
  if (ended) {
    WEIR_ASSIGN(stops, ends_now());
    auto fresh = false;
    for (auto& [vertex, by_partition] : stops)
      for (auto& [partition, stop] : by_partition)
        fresh = fresh || stop > job.readers[vertex][partition].position.next_offset;
    if (!fresh && bounded) {
      job.nothing_new = true;
      return success();
    }
    if (!spec_.continue_ended)
      return error{errc::incompatible,
                   "this job was run to the end of its input: all windows are closed and their results are out. "
                   "To go on with new input start with --continue (results of windows that were cut off by "
                   "the end come in parts); to process everything again use another store and another namespace"};
    if (bounded)
      WEIR_TRY(store_.set_fact(bound_fact, encode(stops)));
  } else if (fact && !fact->empty()) {
    WEIR_ASSIGN(stops, decode_stop_offsets(*fact));
  } else {
    WEIR_ASSIGN(stops, ends_now());
    WEIR_TRY(store_.set_fact(bound_fact, encode(stops)));
  }
  if (!bounded)
    return success();
  for (auto& [vertex, by_partition] : job.readers)
    for (auto& [partition, start] : by_partition)
      start.stop = stops[vertex][partition];
  return success();
}

result<> recovery_steps::prepare_destinations(attempt_connections& c, recovered_job& job) {
  std::int32_t like = 1;
  for (auto& [vertex, by_partition] : job.readers)
    like = std::max(like, static_cast<std::int32_t>(by_partition.size() * spec_.plan.shard.of));
  for (auto& v : spec_.plan.vertices) {
    if (v.kind != vertex_kind::sink)
      continue;
    auto d = c.sinks.at(v.sink.topic.connection)
                 ->ensure_topic(v.sink.topic.topic, v.sink.partitions > 0 ? v.sink.partitions : like, false);
    if (!d)
      return d.err().in("sink '" + v.name + "'");
    job.destinations[v.name] = *d;
  }
  return success();
}

result<> recovery_steps::make_durable(const std::map<std::string, std::int32_t>& partitions, attempt_connections& c,
                                      recovered_job& job) {
  job_snapshot snapshot{partitions, c.clusters};
  job.job_state = encode(snapshot);
  if (manifest_)
    return success();
  // The first checkpoint holds only where reading begins: "latest" is resolved once, before the first record passes.
  checkpoint_manifest m;
  m.number = job.next++;
  m.incarnation = store_.incarnation();
  m.completed_at_us = system_clock().now().us;
  m.plan_fingerprint = spec_.plan.fingerprint;
  m.job_state = job.job_state;
  for (auto& [vertex, by_partition] : job.readers) {
    for (auto& [partition, start] : by_partition) {
      contribution r;
      r.who = {std::string(reader_prefix) + vertex, partition};
      r.inline_state = encode(start.position);
      m.contributions.push_back(std::move(r));
    }
  }
  return store_.complete(m);
}

} // namespace weir
