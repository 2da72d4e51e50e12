// A plain CAF actor as a service on the embedded log, against the same actor fed by a loop: `caf_bench [events] [runs]
// [partitions]`. Prints events per second of each interleaved run, the medians, and their ratio; exit code 1 below the bar of
// 0.5.
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>
#include <weir/caf.hpp>
#include <weir/connectors/log/embedded_log.hpp>
#include "actors/runtime.hpp"

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr double bar = 0.5;
constexpr std::size_t in_flight = 100;
constexpr std::size_t customers = 1'000;

struct charge {
  std::int64_t charge_id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
};
BOOST_DESCRIBE_STRUCT(charge, (), (charge_id, customer, amount_cents))
using charge_event = weir::caf_event<charge>;

template <class T>
T must(weir::result<T> r) {
  if (!r)
    throw std::runtime_error(r.err().message);
  return std::move(r).value();
}

/// When the actor had its first and its last event.
struct times {
  std::size_t expected = 0;
  clock_type::time_point first, last;
  std::atomic<bool> over{false};
  [[nodiscard]] double rate() const {
    return static_cast<double>(expected) / std::chrono::duration<double>(last - first).count();
  }
};

caf::behavior sums(caf::event_based_actor*, times* t) {
  return {[t, seen = std::size_t{0}, sums = std::unordered_map<std::string, std::int64_t>()](const charge_event& e) mutable {
    if (seen++ == 0)
      t->first = clock_type::now();
    sums[e.value.customer] += e.value.amount_cents;
    if (seen == t->expected) {
      t->last = clock_type::now();
      t->over = true;
    }
  }};
}

charge make_charge(std::size_t i) {
  return {static_cast<std::int64_t>(i), "customer-" + std::to_string(i * 7919 % customers),
          static_cast<std::int64_t>(i % 10'000)};
}

/// Keeps the windows of all partitions full with events that are made already: no log, no JSON, no offsets.
struct feeder_state {
  std::vector<charge_event> events;
  std::size_t next = 0;
  caf::actor target;
  static inline const char* name = "feeder";
};
void feed_one(caf::stateful_actor<feeder_state>* self) {
  auto& s = self->state;
  if (s.next == s.events.size())
    return;
  self->request(s.target, caf::infinite, std::move(s.events[s.next++])).then([self] { feed_one(self); });
}
caf::behavior feeder(caf::stateful_actor<feeder_state>* self, const std::vector<charge_event>* events, std::size_t partitions,
                     times* t) {
  self->state.events = *events;
  self->state.target = self->spawn(sums, t);
  for (std::size_t i = 0; i < partitions * in_flight; ++i)
    feed_one(self);
  // Idle means over: a behavior keeps it alive until it is ended.
  return {[](caf::ok_atom) {}};
}

double run_loop(const std::vector<charge_event>& events, std::size_t partitions) {
  times t;
  t.expected = events.size();
  caf::actor_system_config c;
  c.config_file_path = "";
  c.set("scheduler.policy", caf::atom("sharing"));
  c.set("scheduler.max-threads", std::size_t{2});
  c.set("scheduler.max-throughput", std::size_t{64});
  c.set("logger.verbosity", caf::atom("quiet"));
  caf::actor_system system(c);
  auto a = system.spawn(feeder, &events, partitions, &t);
  while (!t.over)
    usleep(1000);
  caf::anon_send_exit(a, caf::exit_reason::kill);
  return t.rate();
}

double run_service(const std::string& folder, const std::shared_ptr<weir::connection>& log, std::size_t events) {
  static int run = 0;
  times t;
  t.expected = events;
  weir::caf_service s{"bench-" + std::to_string(run++)};
  s.subscribe("in", weir::topic<charge>{{"main", "in"}}, {.in_flight = in_flight});
  s.spawns([&t](const weir::caf_context& ctx) { return ctx.spawn(sums, &t); });
  weir::job_spec spec;
  spec.plan = must(s.plan({}));
  spec.name_space = "bench";
  spec.store_directory = folder + "/store";
  spec.connections["main"] = log;
  spec.until_end = true;
  auto jobs = must(weir::start_runtime({2}, {spec}));
  auto ends = jobs->wait(10min);
  if (ends.size() != 1 || ends[0].phase != weir::job_phase::ended || !t.over)
    throw std::runtime_error("the service did not end: " + (ends.size() == 1 && ends[0].cause ? ends[0].cause->message : ""));
  return t.rate();
}

void fill(weir::embedded_log& log, std::size_t events, std::int32_t partitions) {
  must(log.create_topic("in", {.partitions = partitions, .max_record_bytes = 1 << 20}));
  auto topic = must(log.topic("in"));
  weir::log_batch batch;
  for (std::size_t i = 0; i < events; ++i) {
    auto c = make_charge(i);
    std::string json;
    must(weir::encode_json(c, json));
    must(batch.add(topic, {"in", static_cast<std::int32_t>(i % static_cast<std::size_t>(partitions)), c.customer, json, {}, 1}));
    if (batch.records() == 10'000 || i + 1 == events) {
      must(log.commit(batch, {}));
      batch = {};
    }
  }
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

int measure(std::size_t events, int runs, std::int32_t partitions) {
  auto folder = (std::filesystem::temp_directory_path() / ("caf_bench." + std::to_string(getpid()))).string();
  std::filesystem::create_directories(folder);
  weir::configure_logging(weir::log_level::warning, weir::log_format::text);
  std::vector<double> service, loop;
  {
    auto log = must(weir::embedded_log::open(folder + "/log"));
    fill(*log, events, partitions);
    auto connection =
        std::shared_ptr<weir::connection>(must(weir::make_log_connection({"main", "log", {{"path", folder + "/log"}}, {}})));
    std::vector<charge_event> made(events);
    auto origin = std::make_shared<const std::string>("in");
    for (std::size_t i = 0; i < events; ++i) {
      made[i].value = make_charge(i);
      made[i].key = made[i].value.customer;
      made[i].origin = origin;
      made[i].offset = static_cast<std::int64_t>(i);
    }
    for (int i = 0; i < runs; ++i) {
      loop.push_back(run_loop(made, static_cast<std::size_t>(partitions)));
      service.push_back(run_service(folder, connection, events));
      std::printf("run %d: loop %.0f events/s, service %.0f events/s\n", i + 1, loop.back(), service.back());
    }
  }
  std::filesystem::remove_all(folder);
  auto ratio = median(service) / median(loop);
  std::printf(
      "%zu events, %d partitions, %zu in flight each, median of %d: loop %.0f, service %.0f events/s, ratio %.2f (bar %.1f)\n",
      events, partitions, in_flight, runs, median(loop), median(service), ratio, bar);
  return ratio >= bar ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  try {
    auto number = [&](int at, long fallback) { return argc > at ? std::strtol(argv[at], nullptr, 10) : fallback; };
    auto events = number(1, 1'000'000), runs = number(2, 5), partitions = number(3, 1);
    if (events < 1000 || runs < 1 || partitions < 1) {
      std::fprintf(stderr, "usage: caf_bench [events, from 1000] [runs] [partitions]\n");
      return 2;
    }
    return measure(static_cast<std::size_t>(events), static_cast<int>(runs), static_cast<std::int32_t>(partitions));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "caf_bench: %s\n", e.what());
    return 3;
  }
}
