#include "actors/supervisor.hpp"
#include <algorithm>
#include <weir/core/fail_point.hpp>
#include "actors/restart_loop.hpp"
#include "actors/store_options.hpp"

namespace weir {
namespace {

/// Address space of a store at first; it grows when the file does. Small enough for processes whose address space is limited.

class supervisor {
 public:
  supervisor(caf::blocking_actor* self, supervisor_options options)
      : self_(self), options_(std::move(options)), spec_(*options_.spec), log_(spec_.plan.job, "-", -1) {}

  void run() {
    supervise(options_, log_,
              {first_store_map, "the last complete checkpoint",
               [this](job_store& store, bool rebuilt) { return attempt(store, rebuilt); },
               [this](job_store& store, attempt_end end) { return settled(store, std::move(end)); }});
  }

 private:
  /// Of a job that stopped or ended: writes the published mark, which would go with the next write, and looks what is left.
  attempt_end settled(job_store& store, attempt_end end) {
    if (auto last = store.apply_slice(); !last)
      log_.warning("the published mark was not written; the next start finds it by the marker", {{"cause", last.err().message}});
    if (auto left = store.unpublished_epochs(); left && !left->empty())
      end.unpublished = left->back().checkpoint;
    return end;
  }

  attempt_end attempt(job_store& store, bool rebuilt) {
    options_.shared->end_attempt(false);
    attempt_connections connections;
    recovery_steps recovery(spec_, store, options_.shared, log_, rebuilt);
    auto job = recovery.run(connections);
    if (!job)
      return failed_attempt(job.err());
    if (job->newer) {
      attempt_end end;
      end.newer = std::move(job->newer);
      return end;
    }
    if (job->nothing_new) {
      log_.info("the input was read to its end before and nothing is new");
      attempt_end end;
      end.phase = job_phase::ended;
      return end;
    }
    recovered_ = &*job;
    job_actors actors;
    auto me = caf::actor_cast<caf::actor>(self_);
    job_graph graph(self_->system(), spec_, store, options_.shared, me, options_.directory, log_);
    options_.shared->set_phase(job_phase::recovering, "building the job graph");
    // The factories of operators are user code.
    auto end = guarded_attempt([&] {
      auto started = graph.start(*job, connections, actors);
      for (auto& a : actors.all())
        self_->monitor(a);
      return started ? watch(graph, actors, connections) : failed_attempt(started.err());
    });
    options_.shared->on_stop(nullptr);
    if (!actors.services.empty())
      options_.directory->clear(spec_.plan.job);
    stop(actors);
    // Every actor is down: what the store completed is final, whoever had heard of it.
    end.made_progress = options_.shared->checkpoint >= job->next;
    return end;
  }

  /// Until the job failed, ended or is drained.
  attempt_end watch(job_graph& graph, job_actors& actors, attempt_connections& connections) {
    attempt_end end;
    std::size_t ready = 0, finished = 0;
    std::uint64_t final_checkpoint = 0, published = 0;
    auto draining = false, done = false, ended = false;
    auto outputs = static_cast<bool>(connections.publisher);
    auto me = caf::actor_cast<caf::actor>(self_);
    options_.shared->on_stop([me] { caf::anon_send(me, msg::drain{}); });

    auto drain = [&] {
      if (std::exchange(draining, true))
        return;
      if (options_.shared->stop_requested())
        options_.shared->set_phase(job_phase::stopping, "taking the last checkpoint");
      self_->send(actors.coordinator, msg::drain{});
    };
    auto settle = [&] { done = final_checkpoint != 0 && (!outputs || published >= final_checkpoint); };
    auto running = [&] {
      self_->send(actors.coordinator, checkpoint_audience{actors.readers, actors.tasks, actors.publisher, actors.services});
      if (!actors.services.empty())
        options_.directory->set(spec_.plan.job, actors.services, spec_.plan.max_parallelism);
      for (auto& t : actors.tasks)
        self_->send(t, msg::go{});
      for (auto& r : actors.readers)
        self_->send(r, msg::go{});
      options_.shared->set_phase(job_phase::running, ""); // Who sees it finds the service.
      if (options_.shared->stop_requested())
        drain();
    };
    auto next_look = system_clock().monotonic() + partition_interval;
    while (!done && !end.cause) {
      self_->receive(
          [&](const msg::ready&) {
            if (++ready == graph.participants())
              running();
          },
          [&](const msg::failed& m) { end.cause = m.cause.in(m.where); },
          [&](const msg::finished&) {
            if (++finished == graph.tasks())
              drain();
          },
          [&](const msg::drain&) {
            if (ready == graph.participants())
              drain();
          },
          [&](const msg::drained& m) {
            if (auto r = hit(fail_point::stop_final); !r)
              end.cause = r.err();
            final_checkpoint = m.checkpoint;
            ended = m.ended;
            options_.shared->set_phase(job_phase::stopping, "publishing the last epochs");
            settle();
          },
          [&](const msg::published& m) {
            published = std::max(published, m.what.checkpoint);
            settle();
          },
          [&](const caf::down_msg& m) {
            // That of an earlier attempt's actor may come late.
            auto all = actors.all();
            if (std::none_of(all.begin(), all.end(), [&m](const caf::actor& a) { return a.address() == m.source; }))
              return;
            end.cause = error{errc::internal, "an actor of the job ended by itself: " + self_->system().render(m.reason)};
          },
          caf::after(pause(draining, next_look)) >> [] {});
      if (done || end.cause)
        continue;
      if (gave_up()) {
        end.unpublished = final_checkpoint;
        done = final_checkpoint != 0;
        if (!done)
          end.cause = error{errc::cancelled, "no last checkpoint within the shutdown time-out; the last complete one counts"};
      } else if (!draining && system_clock().monotonic() >= next_look) {
        next_look = system_clock().monotonic() + partition_interval;
        if (partitions_grew(connections)) {
          end.partitions_grew = true;
          drain();
        }
      }
    }
    if (end.cause)
      return end;
    if (end.partitions_grew && !options_.shared->stop_requested() && !ended)
      return end;
    end.partitions_grew = false;
    end.phase = ended ? job_phase::ended : job_phase::stopped;
    return end;
  }

  /// How long there is nothing to see to unless a message comes, as one does when a stop is requested.
  duration pause(bool draining, duration next_look) const {
    if (draining || options_.shared->stop_requested())
      return glance;
    return std::max(next_look - system_clock().monotonic(), duration{0});
  }

  bool gave_up() const {
    auto at = options_.shared->stop_requested_at();
    return at && system_clock().monotonic() - *at > spec_.shutdown_timeout;
  }

  bool partitions_grew(attempt_connections& connections) const {
    for (auto& v : spec_.plan.vertices) {
      if (v.kind != vertex_kind::source)
        continue;
      auto known = recovered_->readers.at(v.name);
      auto now = connections.sources.at(v.name)->describe(v.source.topic.topic);
      auto bounded = !known.empty() && known.begin()->second.stop.has_value();
      if (now && !bounded && static_cast<std::size_t>(now->partitions) > known.size() * spec_.plan.shard.of) {
        log_.info("the topic has new partitions: restarting behind a checkpoint to read them",
                  {{"topic", v.source.topic.topic}, {"partitions", now->partitions}});
        return true;
      }
    }
    return false;
  }

  /// Ends every actor of the attempt and waits until none of them can touch store or connections any more.
  void stop(job_actors& actors) {
    auto all = actors.all();
    options_.shared->end_attempt(true);
    for (auto& a : all)
      self_->send_exit(a, caf::exit_reason::user_shutdown);
    actors = {};
    for (auto& a : all) {
      self_->wait_for(a);
      a = nullptr;
    }
    // What they said is of no interest to the next attempt. All of it is here: they are down.
    auto empty = false;
    while (!empty)
      self_->receive(
          caf::others >> [](caf::message_view&) -> caf::result<caf::message> { return caf::message{}; },
          caf::after(std::chrono::seconds(0)) >> [&] { empty = true; });
  }

  static constexpr duration partition_interval = std::chrono::seconds(30);
  static constexpr duration glance = std::chrono::milliseconds(200); ///< Between looks whether a stop takes too long.
  caf::blocking_actor* self_;
  supervisor_options options_;
  const job_spec& spec_;
  const recovered_job* recovered_ = nullptr;
  logger log_;
};

} // namespace

void supervisor_actor(caf::blocking_actor* self, supervisor_options options) { supervisor(self, std::move(options)).run(); }

} // namespace weir
