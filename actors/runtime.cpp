#include "actors/runtime.hpp"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <weir/caf/hosted_service.hpp>
#include <weir/graph/planner.hpp>
#include <weir/graph/source_consumers.hpp>
#include "actors/ask_actors.hpp"
#include "actors/hosting/hosted_supervisor.hpp"

namespace weir {
namespace {

/// CAF's own configuration file and command line stay off: everything comes from ours.
class system_config : public caf::actor_system_config {
 public:
  explicit system_config(unsigned threads) {
    config_file_path = "";
    // Work sharing: idle workers sleep on a condition variable. Work stealing polls, which costs idle CPU and up to 10 ms.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", static_cast<std::size_t>(std::max(1u, threads)));
    // An actor yields after this many messages, so that one that is fed without pause starves nobody.
    set("scheduler.max-throughput", std::size_t{64});
    set("logger.verbosity", caf::atom("quiet"));
  }
};

class caf_runtime final : public runtime {
 public:
  caf_runtime(unsigned threads, const runtime_options& o, std::vector<job_spec> jobs,
              std::vector<std::unique_ptr<store_lock>> locks)
      : config_(threads), jobs_(std::move(jobs)), locks_(std::move(locks)) {
    for (const auto& spec : jobs_)
      if (spec.plan.hosted)
        for (const auto& types : spec.plan.hosted->message_types)
          types(config_);
    system_ = std::make_unique<caf::actor_system>(config_);
    asker_ = system_->spawn(asker, std::string("the services of this process were ended"));
    if (o.ask_elsewhere)
      directory_->set_relay(relay_ = system_->spawn(ask_relay, o.ask_elsewhere));
    for (auto& spec : jobs_) {
      auto shared = std::make_shared<job_shared>();
      shared->job = spec.plan.job;
      shared_.push_back(shared);
      for (auto& v : spec.plan.vertices)
        if (v.is_service)
          directory_->announce(spec.plan.job, spec.plan.shard);
    }
    for (std::size_t i = 0; i < jobs_.size(); ++i)
      system_->spawn(jobs_[i].plan.hosted ? hosted_supervisor : supervisor_actor,
                     supervisor_options{&jobs_[i], shared_[i], directory_, [this](job_end e) { on_end(std::move(e)); }});
  }

  ~caf_runtime() override {
    request_stop();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ends_.size() == jobs_.size(); });
    lock.unlock();
    directory_->set_relay(nullptr);
    for (auto* own : {&asker_, &relay_}) {
      caf::anon_send_exit(*own, caf::exit_reason::user_shutdown);
      *own = nullptr;
    }
    system_.reset();
  }

  [[nodiscard]] std::vector<job_status> status() const override {
    std::vector<job_status> out;
    for (auto& s : shared_)
      out.push_back(s->status());
    return out;
  }

  void request_stop() override {
    for (auto& s : shared_)
      s->request_stop();
  }

  std::vector<job_end> wait(duration timeout) override {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, timeout, [this] { return ends_.size() == jobs_.size(); }))
      return {};
    return ends_;
  }

  void ask(ask_message m, duration timeout, std::function<void(ask_outcome)> done) override {
    if (m.id.empty())
      m.id = client_ + "/" + std::to_string(next_ask_.fetch_add(1));
    auto owner = directory_->find_here(m);
    if (owner.missing)
      return done(*owner.missing);
    caf::anon_send(asker_, msg::ask_order{owner.task, std::move(m), timeout, std::move(done)});
  }

  bool release(const std::string& service, const std::string& encoded_key, unpark how) override {
    auto owner = directory_->find_here(service, hash_bytes(encoded_key));
    if (owner.missing)
      return false;
    auto released = false;
    caf::scoped_actor self(*system_);
    self->request<caf::message_priority::high>(owner.task, caf::duration{std::chrono::seconds(10)},
                                               msg::release_key{encoded_key, how})
        .receive([&](bool was) { released = was; }, [](const caf::error&) {});
    return released;
  }

 private:
  void on_end(job_end e) {
    std::lock_guard lock(mutex_);
    ends_.push_back(std::move(e));
    changed_.notify_all();
  }

  system_config config_;
  std::vector<job_spec> jobs_;
  std::vector<std::unique_ptr<store_lock>> locks_;
  std::vector<std::shared_ptr<job_shared>> shared_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<job_end> ends_;
  std::shared_ptr<service_directory> directory_ = std::make_shared<service_directory>();
  std::atomic<std::uint64_t> next_ask_{1};
  const std::string client_ = "client/" + std::to_string(std::random_device{}()) + "-" +
                              std::to_string(std::random_device{}()); ///< Of asks from outside.
  caf::actor asker_, relay_;                                          ///< No relay: there is nothing elsewhere.
  std::unique_ptr<caf::actor_system> system_;                         ///< Last: actors use what is above.
};

/// Whether the job can work within its memory limit at all. The shares are those of recovery_steps and job_graph.
result<> fits(const job_spec& spec) {
  constexpr std::size_t smallest_queue = std::size_t{1} << 20;
  // Sources of the same topic have consumers of their own.
  auto connections = std::max(spec.connections.size(), source_consumers(spec.plan).size());
  std::size_t tasks = 0;
  for (auto& v : spec.plan.vertices)
    tasks += static_cast<std::size_t>(std::max(v.parallelism, 1));
  auto channels = tasks * spec.channel_bytes;
  auto needed = 4 * std::max(connections * smallest_queue, channels);
  if (needed <= spec.memory_limit)
    return success();
  return error{errc::memory_limit, "job '" + spec.plan.job + "' needs " + std::to_string(needed >> 20) + " MiB (" +
                                       std::to_string(tasks) + " tasks, " + std::to_string(connections) +
                                       " connections), its share of memory.limit is " + std::to_string(spec.memory_limit >> 20) +
                                       " MiB: " + std::to_string((needed - spec.memory_limit) >> 20) +
                                       " MiB short. Raise memory.limit, or lower the parallelism or the number of shards"};
}

} // namespace

const char* to_string(job_phase phase) {
  switch (phase) {
    case job_phase::waiting:
      return "waiting";
    case job_phase::recovering:
      return "recovering";
    case job_phase::running:
      return "running";
    case job_phase::stopping:
      return "stopping";
    case job_phase::ended:
      return "ended";
    case job_phase::stopped:
      return "stopped";
    case job_phase::failed:
      return "failed";
  }
  return "unknown";
}

ask_outcome runtime::ask_and_wait(ask_message m, duration timeout) {
  auto promise = std::make_shared<std::promise<ask_outcome>>();
  auto outcome = promise->get_future();
  ask(std::move(m), timeout, [promise](ask_outcome o) { promise->set_value(std::move(o)); });
  return outcome.get();
}

result<std::unique_ptr<runtime>> start_runtime(const runtime_options& options, std::vector<job_spec> jobs) {
  std::set<std::string> directories;
  for (auto& spec : jobs) {
    WEIR_TRY(fits(spec));
    directories.insert(spec.store_directory);
    for (auto& v : spec.plan.vertices) {
      auto& name = v.kind == vertex_kind::source ? v.source.topic.connection : v.sink.topic.connection;
      if (v.kind != vertex_kind::task && !spec.connections.contains(name))
        return error{errc::invalid_config, "operator '" + v.name + "' of job '" + spec.plan.job + "' uses connection '" + name +
                                               "', which is not configured"};
      if (spec.until_end && !v.source.written_by.empty())
        return error{errc::invalid_config,
                     "operator '" + v.name + "' of job '" + spec.plan.job + "': " + detail::through_has_no_end};
    }
  }
  std::vector<std::unique_ptr<store_lock>> locks;
  for (auto& d : directories) {
    WEIR_ASSIGN(auto lock, lock_store(d));
    locks.push_back(std::move(lock));
  }
  auto threads = options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  try {
    return std::unique_ptr<runtime>(std::make_unique<caf_runtime>(threads, options, std::move(jobs), std::move(locks)));
  } catch (const std::exception& e) {
    return error{errc::user_code_failed, std::string("the actor system does not start: ") + e.what()};
  }
}

} // namespace weir
