#include <csignal>
#include <future>
#include <weir/core/fail_point.hpp>
#include <weir/core/logger.hpp>
#include "services/weir/stop_signals.hpp"
#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> logged;
std::mutex logged_lock;
void keep(std::string_view line) {
  std::lock_guard guard(logged_lock);
  logged.emplace_back(line);
}
struct log_capture {
  log_capture() {
    logged.clear();
    redirect_log(keep);
  }
  ~log_capture() {
    redirect_log(nullptr);
    configure_logging(log_level::info, log_format::text);
  }
  [[nodiscard]] static bool has(const std::string& part) {
    std::lock_guard guard(logged_lock);
    return std::any_of(logged.begin(), logged.end(), [&](const std::string& line) { return holds(line, part); });
  }
};

job_end end_of(job_phase phase, std::optional<error> cause = {}) {
  job_end e;
  e.job = "order-totals";
  e.phase = phase;
  e.cause = std::move(cause);
  return e;
}

// A run whose jobs have ended already.
exit_code run_to(bench& b, std::vector<job_end> ends, std::vector<std::string> more = {}) {
  b.jobs.over = true;
  b.jobs.ends = std::move(ends);
  std::vector<std::string> words{"run", log_config()};
  words.insert(words.end(), more.begin(), more.end());
  return b.run(words);
}

} // namespace

TEST_CASE("a run hands the whole configuration to the runtime") {
  log_capture capture;
  bench b;
  b.variables["WEIR_DATA"] = "/tmp/somewhere";
  b.variables["WEIR_NAMESPACE"] = "ns";
  CHECK(run_to(b, {end_of(job_phase::ended)},
               {"--until-end", "--continue", "--new-lineage", "--drop-state", "a", "--drop-state", "b", "--set",
                "/checkpoint/interval=5s", "--set", "/memory/limit=64MiB", "--set", "/services/0/settings/parallelism=3", "--set",
                "/shutdown/timeout=7s"}) == exit_code::done);
  REQUIRE(b.jobs.specs.size() == 1);
  const auto& s = b.jobs.specs[0];
  CHECK(s.plan.job == "order-totals");
  CHECK(s.name_space == "ns");
  CHECK(s.store_directory == "/tmp/somewhere/store");
  CHECK(s.connections.count("main") == 1);
  CHECK(s.checkpoint.interval == 5s);
  CHECK(s.memory_limit == 64u << 20);
  CHECK(s.shutdown_timeout == 7s);
  CHECK(s.until_end);
  CHECK(s.continue_ended);
  CHECK(s.new_lineage);
  CHECK(s.drop_state == std::vector<std::string>{"a", "b"});
  bool three = false;
  for (const auto& v : s.plan.vertices)
    three = three || (v.keyed && v.parallelism == 3);
  CHECK(three);
  CHECK(holds(b.err.str(), "order-totals: ended: the input was read to its end"));
  CHECK(b.out.str().empty());
}

TEST_CASE("the services of a process share its memory limit by their tasks") {
  log_capture capture;
  bench b;
  b.jobs.over = true;
  b.jobs.ends = {end_of(job_phase::ended)};
  CHECK(b.run({"run", std::string(WEIR_SOURCE_DIR) + "/config/shop.json", "--set", "/memory/limit=320MiB"}) == exit_code::done);
  REQUIRE(b.jobs.specs.size() > 1);
  std::size_t all = 0;
  for (const auto& s : b.jobs.specs) {
    all += s.memory_limit;
    CHECK(s.memory_limit > 0);
  }
  CHECK(all <= 320u << 20);
  CHECK(all > 319u << 20);
  const auto tasks = [](const job_spec& s) {
    std::size_t n = 0;
    for (const auto& v : s.plan.vertices)
      n += static_cast<std::size_t>(std::max(v.parallelism, 1));
    return n;
  };
  for (const auto& s : b.jobs.specs)
    CHECK((s.memory_limit / tasks(s)) >> 10 == (b.jobs.specs[0].memory_limit / tasks(b.jobs.specs[0])) >> 10);
}

TEST_CASE("the checkpoint interval comes from CHECKPOINT_INTERVAL and is a second without it") {
  log_capture capture;
  bench b;
  REQUIRE(run_to(b, {end_of(job_phase::ended)}) == exit_code::done);
  CHECK(b.jobs.specs[0].checkpoint.interval == 1s);
  bench fast;
  fast.variables["CHECKPOINT_INTERVAL"] = "100ms";
  REQUIRE(run_to(fast, {end_of(job_phase::ended)}) == exit_code::done);
  CHECK(fast.jobs.specs[0].checkpoint.interval == 100ms);
}

TEST_CASE("how a job ended decides the exit code and what is said") {
  auto [code, wanted] = GENERATE(table<errc, int>({{errc::unavailable, 3},
                                                   {errc::user_code_failed, 3},
                                                   {errc::store_full, 3},
                                                   {errc::store_foreign, 4},
                                                   {errc::incompatible, 4},
                                                   {errc::store_corrupt, 4},
                                                   {errc::fenced, 5},
                                                   {errc::invalid_graph, 2},
                                                   {errc::internal, 70}}));
  log_capture capture;
  bench b;
  CHECK(run_to(b, {end_of(job_phase::failed, error{code, "the reason"})}) == static_cast<exit_code>(wanted));
  CHECK(holds(b.err.str(), "order-totals: failed: the reason"));
}

TEST_CASE("a stop with output still to publish is exit code 6 and names the checkpoint") {
  log_capture capture;
  bench b;
  auto end = end_of(job_phase::stopped);
  end.output_unpublished = true;
  end.unpublished_checkpoint = 42;
  CHECK(run_to(b, {end}) == exit_code::output_waiting);
  CHECK(holds(b.err.str(), "checkpoint 42 is durable and will be published at the next start"));
}

TEST_CASE("of several jobs the gravest end decides") {
  log_capture capture;
  bench b;
  CHECK(run_to(b, {end_of(job_phase::ended), end_of(job_phase::failed, error{errc::unavailable, "x"}),
                   end_of(job_phase::failed, error{errc::fenced, "y"})}) == exit_code::fenced);
}

TEST_CASE("a job that failed without a cause is a bug") {
  log_capture capture;
  bench b;
  CHECK(run_to(b, {end_of(job_phase::failed)}) == exit_code::bug);
}

TEST_CASE("a store held by another process is refused with its message") {
  log_capture capture;
  bench b;
  b.start_error = error{errc::store_locked, "the store is held by pid 17 (stopped)"};
  CHECK(run_to(b, {}) == exit_code::environment);
  CHECK(b.err.str() == "weir: the store is held by pid 17 (stopped)\n");
}

TEST_CASE("a connection that cannot be made is named") {
  log_capture capture;
  bench b;
  b.connect_error = error{errc::unavailable, "no disk"};
  CHECK(run_to(b, {}) == exit_code::environment);
  CHECK(b.err.str() == "weir: /connections/main: no disk\n");
}

TEST_CASE("the first request stops the jobs once, the second ends the process with a message") {
  log_capture capture;
  bench b;
  b.jobs.end_on_stop = false;
  b.jobs.ends = {end_of(job_phase::stopped)};
  b.jobs.on_wait = [&](unsigned n) {
    if (n == 1)
      b.stop.first();
    if (n == 2) {
      b.stop.second();
      std::lock_guard guard(b.jobs.lock);
      b.jobs.over = true;
    }
  };
  CHECK(b.run({"run", log_config()}) == exit_code::done);
  CHECK(b.jobs.stops == 1);
  CHECK(b.exits == std::vector<int>{6});
  CHECK(holds(b.err.str(), "stopped at once"));
  CHECK(capture.has("stopping: finishing the last checkpoint"));
  CHECK_FALSE(b.stop.watching);
}

TEST_CASE("a request before the jobs are there stops them as soon as they are") {
  log_capture capture;
  bench b;
  b.stop.before_start = true;
  b.jobs.ends = {end_of(job_phase::stopped)};
  CHECK(b.run({"run", log_config()}) == exit_code::done);
  CHECK(b.jobs.stops == 1);
}

TEST_CASE("phases, restarts and figures are lines of the log") {
  log_capture capture;
  bench b;
  b.log_period = 1us;
  b.jobs.ends = {end_of(job_phase::ended)};
  job_status s;
  s.job = "order-totals";
  s.detail = "for topic 'orders' on connection 'main'";
  b.jobs.statuses = {s};
  b.jobs.on_wait = [&](unsigned n) {
    std::lock_guard guard(b.jobs.lock);
    auto& status = b.jobs.statuses[0];
    if (n == 2) {
      status.phase = job_phase::running;
      status.detail.clear();
      status.records_in = 100;
    }
    if (n == 3) {
      status.restarts = 1;
      status.cause = error{errc::unavailable, "broker gone"};
    }
    b.jobs.over = n == 4;
  };
  CHECK(b.run({"run", log_config()}) == exit_code::done);
  CHECK(capture.has("info order-totals - - waiting for topic 'orders' on connection 'main'"));
  CHECK(capture.has("info order-totals - - running"));
  CHECK(capture.has("figures in_per_s="));
  CHECK(capture.has("restarts=1 cause=\"broker gone\""));
}

TEST_CASE("on a terminal there is one line that is drawn again, and lines of the log go above it") {
  bench b;
  b.terminal = true;
  b.jobs.ends = {end_of(job_phase::ended)};
  job_status s;
  s.job = "order-totals";
  s.phase = job_phase::running;
  b.jobs.statuses = {s};
  b.jobs.on_wait = [&](unsigned n) {
    if (n == 3)
      logger{"x", "-", -1}.info("a line");
    std::lock_guard guard(b.jobs.lock);
    b.jobs.over = n == 4;
  };
  CHECK(b.run({"run", log_config()}) == exit_code::done);
  auto text = b.err.str();
  CHECK(holds(text, "\r\x1b[Korder-totals: in 0/s out 0/s lag - watermark - checkpoint -"));
  CHECK(holds(text, " info x - - a line\norder-totals: in 0/s"));
  CHECK(holds(text, "\r\x1b[Kweir: order-totals: ended"));
}

TEST_CASE("a fail point before the start ends the run with its error") {
  log_capture capture;
  REQUIRE(arm_fail_points("program.prepared=error").ok());
  bench b;
  CHECK(run_to(b, {}) == exit_code::environment);
  REQUIRE(arm_fail_points("").ok());
  CHECK(b.jobs.specs.empty());
  CHECK(holds(b.err.str(), "fail point 'program.prepared'"));
}

TEST_CASE("the input topic, the totals and the late orders are those of the configuration") {
  log_capture capture;
  bench b;
  b.variables = {{"ORDERS_TOPIC", "o1"}, {"TOTALS_TOPIC", "t1"}, {"WEIR_NAMESPACE", "ns1"}};
  b.jobs.over = true;
  b.jobs.ends = {end_of(job_phase::ended)};
  REQUIRE(b.run({"run", kafka_config()}) == exit_code::done);
  std::map<std::string, delivery> sinks;
  std::string source;
  for (const auto& v : b.jobs.specs.at(0).plan.vertices) {
    if (v.kind == vertex_kind::source)
      source = v.source.topic.topic;
    if (v.kind == vertex_kind::sink)
      sinks[v.sink.topic.topic] = v.sink.guarantee;
  }
  CHECK(source == "o1");
  CHECK(sinks == std::map<std::string, delivery>{{"t1", delivery::exactly_once}, {"o1.late", delivery::exactly_once}});
  CHECK(b.jobs.specs[0].name_space == "ns1");
}

TEST_CASE("SIGTERM and SIGINT reach the watcher as first and second request") {
  struct sigaction before {};
  ::sigaction(SIGTERM, nullptr, &before);
  stop_signals signals;
  std::promise<void> first, second;
  signals.watch([&] { first.set_value(); }, [&] { second.set_value(); });
  ::raise(SIGTERM);
  CHECK(first.get_future().wait_for(30s) == std::future_status::ready);
  ::raise(SIGINT);
  CHECK(second.get_future().wait_for(30s) == std::future_status::ready);
  signals.unwatch();
  signals.unwatch();
  struct sigaction now {};
  ::sigaction(SIGTERM, nullptr, &now);
  CHECK(now.sa_handler == before.sa_handler);
}
