// Actor services against what they are made of. CPU of this process, interleaved runs, medians.
//
//   service_bench handlers [EVENTS [KEYS [RUNS]]]   handler of an actor service : the same logic as a keyed process function
//   service_bench asks [ASKS [RUNS]]                a read-only ask, idle : a bare CAF request
#include <sys/resource.h>
#include <algorithm>
#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>
#include <weir/connectors/log/embedded_log.hpp>
#include <weir/core/logger.hpp>
#include <weir/services/actor_service.hpp>
#include <weir/weir.hpp>
#include "actors/runtime.hpp"

namespace {

using namespace std::chrono_literals;

struct entry {
  std::string account;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(entry, (), (account, cents))
struct balance {
  std::int64_t cents = 0;
  std::int64_t entries = 0;
};
BOOST_DESCRIBE_STRUCT(balance, (), (cents, entries))
struct booked {
  std::string account;
  std::int64_t cents = 0;
  std::int64_t entries = 0;
};
BOOST_DESCRIBE_STRUCT(booked, (), (account, cents, entries))
struct question {
  bool exact = true;
};
BOOST_DESCRIBE_STRUCT(question, (), (exact))

template <class T>
T must(weir::result<T> r) {
  if (!r)
    throw std::runtime_error(r.err().message);
  return std::move(r).value();
}

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return s(u.ru_utime) + s(u.ru_stime);
}

/// A folder with an embedded log; gone at the end.
class place {
 public:
  place() {
    std::string name = (std::filesystem::temp_directory_path() / "service_bench.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("no temporary folder");
    path_ = name;
    log_ = must(weir::embedded_log::open(path_ + "/log"));
    connection_ = must(weir::make_log_connection({"main", "log", {{"path", path_ + "/log"}}, {}}));
  }
  ~place() {
    connection_.reset();
    log_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  void topic(const std::string& name) { must(log_->create_topic(name, {.partitions = 1})); }
  void fill(const std::string& name, int events, int keys) {
    auto t = must(log_->topic(name));
    for (int i = 0; i < events;) {
      weir::log_batch batch;
      for (int n = 0; n < 10'000 && i < events; ++n, ++i) {
        // Keys in no order.
        auto key = static_cast<unsigned>(i) * 2654435761u % static_cast<unsigned>(keys);
        auto value = R"({"account":"account-)" + std::to_string(key) + R"(","cents":)" + std::to_string(i % 1000) + "}";
        must(batch.add(t, {name, 0, std::nullopt, value, {}, 1'700'000'000'000}));
      }
      must(log_->commit(batch, {}));
    }
  }
  weir::job_spec spec(weir::job_plan plan) {
    weir::job_spec s;
    s.plan = std::move(plan);
    s.name_space = "bench" + std::to_string(stores_ + 1); // Each run is a first one.
    s.store_directory = path_ + "/store" + std::to_string(++stores_);
    s.connections["main"] = connection_;
    return s;
  }
  void drop_stores() {
    for (int i = 1; i <= stores_; ++i) {
      std::error_code ignored;
      std::filesystem::remove_all(path_ + "/store" + std::to_string(i), ignored);
    }
  }

 private:
  std::string path_;
  std::shared_ptr<weir::embedded_log> log_;
  std::shared_ptr<weir::connection> connection_;
  int stores_ = 0;
};

weir::plan_options one_task() {
  weir::plan_options o;
  o.parallelism = 1;
  return o;
}

// --- handlers

class sum_entries : public weir::process_function<std::string, entry, booked> {
 public:
  explicit sum_entries(bool emits) : emits_(emits) {}
  void process(const entry& e, context& ctx) {
    auto b = balance_.get(ctx);
    b.cents += e.cents;
    ++b.entries;
    balance_.set(ctx, b);
    if (emits_)
      ctx.emit({e.account, b.cents, b.entries});
  }

 private:
  weir::value_state<balance> balance_{*this, "balance"};
  bool emits_;
};

weir::job_plan process_plan(bool publishes, const std::string& to) {
  weir::job job{"process"};
  weir::source_options bounded;
  bounded.bounded = true;
  auto summed = job.source("in", weir::topic<entry>{{"main", "in"}}, bounded)
                    .key_by(&entry::account)
                    .process("sum", sum_entries(publishes));
  if (publishes)
    summed.sink("out", weir::topic<booked>{{"main", to}}, weir::key{&booked::account});
  else
    summed.sink("out", weir::topic<booked>{{"main", to}}, {.guarantee = weir::delivery::none});
  return must(job.plan(one_task()));
}

using accounts = weir::actor_service<std::string, balance>;
const weir::request<std::string, question, balance> balance_of{"actor", "balance"};

accounts make_accounts(bool publishes, const std::string& to, bool bounded = true) {
  accounts a{"actor"};
  weir::subscribe_options from;
  from.bounded = bounded;
  auto book = [](const entry& e, accounts::context& ctx) -> const balance& {
    auto& b = ctx.state();
    b.cents += e.cents;
    ++b.entries;
    return b;
  };
  if (publishes) {
    auto out = a.publishes("out", weir::topic<booked>{{"main", to}});
    a.on(
        "in", weir::topic<entry>{{"main", "in"}}, &entry::account,
        [=](const entry& e, accounts::context& ctx) {
          const auto& b = book(e, ctx);
          ctx.publish(out, booked{e.account, b.cents, b.entries});
        },
        from);
  } else {
    a.on(
        "in", weir::topic<entry>{{"main", "in"}}, &entry::account, [=](const entry& e, accounts::context& ctx) { book(e, ctx); },
        from);
  }
  a.answers(balance_of, [](const question&, accounts::reader& ctx) { return ctx.state(); });
  return a;
}

/// CPU seconds of a job from start to end of its input.
double run(weir::job_spec spec, int events) {
  const auto before = cpu_seconds();
  spec.until_end = true;
  std::vector<weir::job_spec> all;
  all.push_back(std::move(spec));
  auto runtime = must(weir::start_runtime({2}, std::move(all)));
  auto ends = runtime->wait(std::chrono::minutes(5));
  if (ends.size() != 1 || ends[0].phase != weir::job_phase::ended)
    throw std::runtime_error("the job did not end: " + (ends.empty() || !ends[0].cause ? "" : ends[0].cause->message));
  if (auto in = runtime->status()[0].records_in; in != static_cast<std::uint64_t>(events))
    throw std::runtime_error("the job read " + std::to_string(in) + " events");
  runtime.reset();
  return cpu_seconds() - before;
}

int handlers(int events, int keys, int runs, const std::string& only) {
  place p;
  p.topic("in");
  p.fill("in", events, keys);
  int n = 0;
  for (bool publishes : {false, true}) {
    if (!only.empty() && (only.find("pub") != std::string::npos) != publishes)
      continue;
    std::vector<double> process, actor, ratios;
    for (int i = 0; i < runs; ++i) {
      auto topic = "out" + std::to_string(++n);
      if (only.find("actor") == std::string::npos)
        process.push_back(run(p.spec(process_plan(publishes, topic + "p")), events));
      if (only.find("process") == std::string::npos)
        actor.push_back(run(p.spec(must(make_accounts(publishes, topic + "a").plan(one_task()))), events));
      if (only.empty())
        ratios.push_back(process.back() / actor.back());
      p.drop_stores();
    }
    if (!only.empty()) {
      std::printf("%s %.3f s\n", only.c_str(), median(process.empty() ? actor : process));
      continue;
    }
    std::printf("%-22s keyed process %.2f M/s  actor service %.2f M/s  per CPU second, ratio %.2f (%.2f - %.2f)\n",
                publishes ? "one output per event:" : "no output:", events / median(process) / 1e6, events / median(actor) / 1e6,
                median(ratios), *std::min_element(ratios.begin(), ratios.end()), *std::max_element(ratios.begin(), ratios.end()));
  }
  return 0;
}

// --- asks

using clock_type = std::chrono::steady_clock;
double us_since(clock_type::time_point t) { return std::chrono::duration<double, std::micro>(clock_type::now() - t).count(); }

struct percentiles {
  double p50, p99;
};
percentiles of(std::vector<double> us) {
  std::sort(us.begin(), us.end());
  return {us[us.size() / 2], us[us.size() * 99 / 100]};
}

/// With an argument that it does not need: CAF looks into a null pointer for functions without.
caf::behavior echo(caf::event_based_actor*, bool) {
  return {[](const std::string& s) { return s; }};
}

/// From a thread, which waits: as `runtime::ask` does.
percentiles bare_from_thread(caf::actor_system& system, int n) {
  auto server = system.spawn(echo, true);
  caf::scoped_actor self(system);
  std::vector<double> us;
  for (int i = 0; i < n; ++i) {
    const auto begin = clock_type::now();
    self->request(server, caf::infinite, std::string("account-1"))
        .receive([](const std::string&) {}, [](const caf::error&) { throw std::runtime_error("the echo is gone"); });
    us.push_back(us_since(begin));
  }
  self->send_exit(server, caf::exit_reason::user_shutdown);
  return of(std::move(us));
}

/// From an actor to an actor: as a handler's ask does.
struct race {
  caf::actor server;
  int left = 0;
  std::vector<double> us;
  std::promise<void> done;
};
void next_request(caf::event_based_actor* self, std::shared_ptr<race> r) {
  if (r->left-- == 0)
    return r->done.set_value();
  const auto begin = clock_type::now();
  self->request(r->server, caf::infinite, std::string("account-1")).then([self, r, begin](const std::string&) {
    r->us.push_back(us_since(begin));
    next_request(self, r);
  });
}
percentiles bare_from_actor(caf::actor_system& system, int n) {
  auto r = std::make_shared<race>();
  r->server = system.spawn(echo, true);
  r->left = n;
  system.spawn(next_request, r);
  r->done.get_future().wait();
  caf::anon_send_exit(r->server, caf::exit_reason::user_shutdown);
  return of(std::move(r->us));
}

struct ask_times {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<double> us;
  bool done = false;
};

/// Asks `n` times in the handler of one event.
accounts make_asker(int n, std::shared_ptr<ask_times> times) {
  accounts a{"asker"};
  a.on("go", weir::topic<entry>{{"main", "go"}}, &entry::account,
       [n, times](const entry& e, accounts::context& ctx) -> weir::async<> {
         std::vector<double> us;
         for (int i = 0; i < n; ++i) {
           const auto begin = clock_type::now();
           auto answer = co_await ctx.ask(balance_of, e.account, question{});
           if (!answer)
             throw std::runtime_error(answer.err().message);
           us.push_back(us_since(begin));
         }
         std::lock_guard lock(times->mutex);
         times->us = std::move(us);
         times->done = true;
         times->changed.notify_all();
       });
  return a;
}

void print(const char* what, const std::vector<percentiles>& bare, const std::vector<percentiles>& ask) {
  std::vector<double> b50, b99, a50, a99;
  for (const auto& p : bare) {
    b50.push_back(p.p50);
    b99.push_back(p.p99);
  }
  for (const auto& p : ask) {
    a50.push_back(p.p50);
    a99.push_back(p.p99);
  }
  const auto bar = 2 * median(b50) + 20;
  std::printf("%-14s bare p50 %.1f us p99 %.1f us  ask p50 %.1f us p99 %.1f us  bar %.1f us: %s\n", what, median(b50),
              median(b99), median(a50), median(a99), bar, median(a50) <= bar ? "reached" : "MISSED");
}

int asks(int n, int runs) {
  std::vector<percentiles> bare_thread, bare_actor, thread, actor;
  for (int i = 0; i < runs; ++i) {
    {
      caf::actor_system_config config;
      config.set("scheduler.policy", caf::atom("sharing")); // As the runtime does.
      config.set("scheduler.max-threads", std::size_t{2});
      caf::actor_system system(config);
      bare_thread.push_back(bare_from_thread(system, n));
      bare_actor.push_back(bare_from_actor(system, n));
    }
    place p;
    p.topic("in");
    p.topic("go");
    p.fill("in", 100, 1); // All of account-0.
    auto times = std::make_shared<ask_times>();
    std::vector<weir::job_spec> specs;
    specs.push_back(p.spec(must(make_accounts(false, "", false).plan(one_task()))));
    specs.push_back(p.spec(must(make_asker(n, times).plan(one_task()))));
    auto runtime = must(weir::start_runtime({2}, std::move(specs)));
    const auto until = clock_type::now() + 30s;
    for (;;) {
      auto b = runtime->ask(balance_of, std::string("account-0"), question{});
      if (b && b->entries == 100)
        break;
      if (clock_type::now() > until)
        throw std::runtime_error(b ? "the events do not come: " + std::to_string(b->entries) : b.err().message);
      (void)runtime->wait(1ms);
    }
    std::vector<double> us;
    for (int k = 0; k < n; ++k) {
      const auto begin = clock_type::now();
      if (auto b = runtime->ask(balance_of, std::string("account-0"), question{}); !b)
        throw std::runtime_error(b.err().message);
      us.push_back(us_since(begin));
    }
    thread.push_back(of(std::move(us)));
    p.fill("go", 1, 1);
    std::unique_lock lock(times->mutex);
    if (!times->changed.wait_for(lock, 60s, [&] { return times->done; }))
      throw std::runtime_error("the asking handler does not end");
    actor.push_back(of(times->us));
    lock.unlock();
    runtime->request_stop();
    (void)runtime->wait(30s);
  }
  print("from a thread:", bare_thread, thread);
  print("from a handler:", bare_actor, actor);
  return 0;
}

int number(int argc, char** argv, int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; }

} // namespace

int main(int argc, char** argv) {
  weir::configure_logging(weir::log_level::warning, weir::log_format::text);
  const std::string what = argc > 1 ? argv[1] : "";
  try {
    if (what == "handlers")
      return handlers(number(argc, argv, 2, 1'000'000), number(argc, argv, 3, 10'000), number(argc, argv, 4, 5),
                      argc > 5 ? argv[5] : "");
    if (what == "asks")
      return asks(number(argc, argv, 2, 5'000), number(argc, argv, 3, 5));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "service_bench: %s\n", e.what());
    return 1;
  }
  std::fprintf(stderr,
               "usage: service_bench handlers [EVENTS [KEYS [RUNS [process|actor|process-pub|actor-pub]]]]\n"
               "       service_bench asks [ASKS [RUNS]]\n");
  return 2;
}
