#include <sys/stat.h>
#include <boost/json.hpp>
#include <mutex>
#include <weir/core/clock.hpp>
#include <weir/core/logger.hpp>
#include "services/weir/health/health_service.hpp"
#include "services/weir/health/metrics_text.hpp"
#include "services/weir/health/status_json.hpp"
#include "services/weir/status_text.hpp"
#include "tests/catch.hpp"
#include "tests/program/http_probe.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

constexpr timestamp noon{1'767'268'800'000'000};

/// A job with everything that can be known of one.
job_status sample() {
  job_status s;
  s.job = "totals";
  s.phase = job_phase::running;
  s.phase_since = noon - 90s;
  s.records_in = 1000;
  s.lag = 42;
  s.watermark = noon - 5s;
  s.checkpoint = 17;
  s.checkpoint_at = noon - 400ms;
  s.checkpoint_bytes = 2048;
  s.checkpoints_completed = 16;
  s.operators = {
      {"orders", vertex_kind::source, {"orders", "parse"}, 2, 1000, 1000, 200ms, 0ms, 0, noon - 5s, held_by{"orders", 1}, {}},
      {"sums", vertex_kind::task, {"sums"}, 2, 990, 10, 500ms, 100ms, 1, noon - 5s, held_by{"orders", 1}, {}}};
  s.partitions = {{"orders", "in", 0, 600, 600, 2, noon - 1s, false, false},
                  {"orders", "in", 1, 400, 400, 40, noon - 5s, false, false}};
  s.channels = {{"orders", "sums", 1000, 1536, 1 << 20}};
  s.publisher.present = true;
  return s;
}

job_status parked() {
  job_status s;
  s.job = "bad";
  s.phase = job_phase::failed;
  s.restarts = 3;
  s.cause = error{errc::user_code_failed, "operator 'check': always fails"};
  return s;
}

/// The text, or the test ends with the reason.
std::string must_text(const std::string& json) {
  auto text = status_text(json);
  if (!text)
    throw std::runtime_error(text.err().message);
  return *text;
}

struct quiet {
  quiet() { configure_logging(log_level::off, log_format::text); }
  ~quiet() { configure_logging(log_level::info, log_format::text); }
};

health_config on_free_port() {
  health_config c;
  c.listen = "127.0.0.1:0";
  return c;
}

} // namespace

TEST_CASE("rates are the difference to an earlier snapshot, and unknown without one") {
  status_snapshot before{{sample()}, 10s}, now{{sample()}, 12s};
  auto& s = now.jobs[0];
  s.records_in = 3000;
  s.operators[1].records_in = 1990;
  s.operators[1].busy = 2500ms;
  s.operators[1].blocked = 1100ms;
  auto v = boost::json::parse(status_json(now, &before, noon, 7, "1.2.3"));
  auto& service = v.at("services").at(0);
  CHECK(service.at("records_in_per_second").as_double() == Approx(1000));
  auto& sums = service.at("graph").at("operators").at(1);
  CHECK(sums.at("records_in_per_second").as_double() == Approx(500));
  CHECK(sums.at("busy").as_double() == Approx(0.5));
  CHECK(sums.at("back_pressure").as_double() == Approx(0.25));
  CHECK(sums.at("held_back_by").at("partition").as_int64() == 1);
  CHECK(v.at("pid").as_int64() == 7);
  auto first = boost::json::parse(status_json(now, nullptr, noon, 7, "1.2.3"));
  CHECK(first.at("services").at(0).at("records_in_per_second").is_null());
}

TEST_CASE("a parked service makes the process unhealthy and says why, in every form") {
  std::vector<job_status> jobs{sample(), parked()};
  CHECK_FALSE(is_ready(jobs));
  auto ready = ready_json(jobs);
  CHECK(holds(ready, R"("status":"unhealthy")"));
  CHECK(holds(ready, R"({"name":"bad","phase":"failed","reason":"operator 'check': always fails")"));
  auto text = must_text(status_json({jobs, 1s}, nullptr, noon, 7, "1.2.3"));
  CHECK(holds(text, "UNHEALTHY"));
  CHECK(holds(text, "bad: parked, it failed: operator 'check': always fails"));
  CHECK(holds(text, "3 restarts"));
  auto metrics = metrics_text(jobs, {}, {}, "1.2.3");
  CHECK(holds(metrics, "weir_service_healthy{service=\"bad\"} 0\n"));
  CHECK(holds(metrics, "weir_service_healthy{service=\"totals\"} 1\n"));
  CHECK(holds(metrics, "weir_service_phase{service=\"bad\",phase=\"failed\"} 1\n"));
  jobs.pop_back();
  CHECK(is_ready(jobs));
}

TEST_CASE("what starts is not ready, and what ended as it should is") {
  for (auto [phase, ready] : {std::pair{job_phase::waiting, false},
                              {job_phase::recovering, false},
                              {job_phase::running, true},
                              {job_phase::stopping, false},
                              {job_phase::ended, true},
                              {job_phase::stopped, true}}) {
    auto s = sample();
    s.phase = phase;
    CHECK(is_ready(std::vector{s}) == ready);
  }
}

TEST_CASE("status for people shows services, graph, back pressure, who holds a watermark back, lag and checkpoints") {
  status_snapshot before{{sample()}, 10s}, now{{sample()}, 12s};
  now.jobs[0].operators[1].blocked = 1100ms;
  auto text = must_text(status_json(now, &before, noon, 7, "1.2.3"));
  INFO(text);
  for (const char* part :
       {"weir 1.2.3, process 7, ready", "totals: running since 90.0s", "lag 42", "orders/1", "25%", "orders -> sums",
        "1.5 KiB  1 MiB", "in/1", "checkpoint 17 0.4s ago, 2 KiB", "16 completed, 0 closed", "nothing yet"})
    CHECK(holds(text, part));
}

TEST_CASE("a plain actor shows its commits, open events and counters instead of checkpoints") {
  auto s = sample();
  s.commits = commits_status{12, noon - 700ms, 3};
  s.counters = {{"mails", 40}, {"weir.dead_letters", 0}};
  auto text = must_text(status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3"));
  INFO(text);
  CHECK(holds(text, "offsets committed 0.7s ago; 3 events open"));
  CHECK(holds(text, "counters: mails 40\n"));
  CHECK_FALSE(holds(text, "checkpoint 17"));
  auto metrics = metrics_text(std::vector{s}, {}, {}, "1");
  for (const char* line :
       {"weir_service_open_events{service=\"totals\"} 3\n", "weir_service_commits_total{service=\"totals\"} 12\n",
        "weir_service_counter_total{service=\"totals\",counter=\"mails\"} 40\n"}) {
    INFO(line);
    CHECK(holds(metrics, line));
  }
  CHECK_FALSE(holds(metrics_text(std::vector{sample()}, {}, {}, "1"), "weir_service_open_events{"));
  s.commits->at.reset();
  CHECK(holds(must_text(status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3")), "offsets committed never yet"));
}

TEST_CASE("of many partitions those with the most lag are shown, and how many are not") {
  auto s = sample();
  s.partitions.clear();
  for (int i = 0; i < 100; ++i)
    s.partitions.push_back({"orders", "in", i, 0, 0, i, {}, true, false});
  auto text = must_text(status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3"));
  CHECK(holds(text, "in/99 "));
  CHECK_FALSE(holds(text, "in/50 "));
  CHECK(holds(text, "and 84 partitions with less lag"));
}

TEST_CASE("a partition that waits for its alignment group says for whom, in every form") {
  auto s = sample();
  s.partitions[0].waits_for = held_by{"orders", 1};
  auto json = status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3");
  auto v = boost::json::parse(json);
  const auto& partitions = v.at("services").at(0).at("partitions");
  CHECK(partitions.at(0).at("state").as_string() == "waiting");
  CHECK(partitions.at(0).at("waits_for").at("partition").as_int64() == 1);
  CHECK(partitions.at(1).at("state").as_string() == "reading");
  CHECK(partitions.at(1).at("waits_for").is_null());
  CHECK(holds(must_text(json), "waiting for orders/1"));
  auto metrics = metrics_text(std::vector{s}, {}, {}, "1.2.3");
  auto labels = [](const char* n) {
    return R"({service="totals",operator="orders",topic="in",partition=")" + std::string(n) + "\"} ";
  };
  CHECK(holds(metrics, "weir_partition_waiting" + labels("0") + "1\n"));
  CHECK(holds(metrics, "weir_partition_waiting" + labels("1") + "0\n"));
}

TEST_CASE("a partition that waits for memory says so, in every form") {
  auto s = sample();
  s.partitions[0].waits_for_memory = true;
  auto json = status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3");
  auto v = boost::json::parse(json);
  CHECK(v.at("services").at(0).at("partitions").at(0).at("state").as_string() == "waiting for memory");
  CHECK(holds(must_text(json), "waiting for memory"));
  auto metrics = metrics_text(std::vector{s}, {}, {}, "1.2.3");
  CHECK(holds(metrics, R"(weir_partition_waiting{service="totals",operator="orders",topic="in",partition="0"} 1)"));
  CHECK(holds(metrics, R"(weir_partition_waiting{service="totals",operator="orders",topic="in",partition="1"} 0)"));
}

TEST_CASE("copies of checkpoints are counted, and one that waits for its directory is told first") {
  auto s = sample();
  CHECK(boost::json::parse(status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3")).at("services").at(0).at("copies").is_null());
  CHECK_FALSE(holds(metrics_text(std::vector{s}, {}, {}, "1.2.3"), "weir_checkpoint_copy"));
  s.copies = copies_status{7, 2048, 1, 4096, duration{0}};
  auto json = status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3");
  CHECK(holds(must_text(json), "copied 7 changes, " + approximate_size(2048) + "; 1 snapshots, " + approximate_size(4096)));
  CHECK_FALSE(holds(must_text(json), "stuck"));
  s.copies->waiting = 12s;
  json = status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3");
  CHECK(holds(must_text(json), "stuck: a checkpoint has waited 12 s for checkpoint.directory"));
  auto metrics = metrics_text(std::vector{s}, {}, {}, "1.2.3");
  CHECK(holds(metrics, R"(weir_checkpoint_copy_changes_total{service="totals"} 7)"));
  CHECK(holds(metrics, R"(weir_checkpoint_copy_waiting_seconds{service="totals"} 12)"));
}

TEST_CASE("partitions of a topic that several sources read say which one") {
  auto s = sample();
  CHECK_FALSE(holds(must_text(status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3")), "in/0 by"));
  s.partitions.push_back({"copies", "in", 0, 10, 10, 5, {}, false, false});
  auto text = must_text(status_json({{s}, 1s}, nullptr, noon, 7, "1.2.3"));
  CHECK(holds(text, "in/0 by orders"));
  CHECK(holds(text, "in/0 by copies"));
}

TEST_CASE("an answer that is no status is refused") {
  for (const char* text : {"", "{", "[]", "{}", R"({"time": "2026-01-01T00:00:00Z", "services": 3})"})
    CHECK(status_text(text).err().code == errc::decode_failed);
}

TEST_CASE("metrics carry every figure, and leave out what is not known") {
  std::vector<job_status> jobs{sample()};
  auto text = metrics_text(jobs, {}, {{{200, 3}}, 1, 0}, "1.2.3");
  for (const char* line :
       {"weir_build_info{version=\"1.2.3\"} 1\n", "weir_service_lag_records{service=\"totals\"} 42\n",
        "weir_operator_blocked_seconds_total{service=\"totals\",operator=\"sums\"} 0.1",
        "weir_health_requests_total{code=\"200\"} 3\n",
        "weir_partition_lag_records{service=\"totals\",operator=\"orders\",topic=\"in\",partition=\"1\"} 40\n",
        "weir_channel_in_flight_bytes{service=\"totals\",from=\"orders\",to=\"sums\"} 1536\n",
        "weir_checkpoint_duration_seconds_count{service=\"totals\"} 0\n", "weir_store_size_bytes{service=\"totals\"} 0\n"}) {
    INFO(line);
    CHECK(holds(text, line));
  }
  jobs[0].lag = -1;
  CHECK_FALSE(holds(metrics_text(jobs, {}, {}, "1"), "weir_service_lag_records"));
}

TEST_CASE("health answers live, ready, metrics and status, and leaves its address for the owner alone") {
  quiet q;
  scratch dir;
  std::vector<job_status> jobs{sample()};
  std::mutex lock;
  auto status = [&] {
    std::lock_guard guard(lock);
    return jobs;
  };
  {
    auto started = start_health(on_free_port(), dir.path(), {status});
    REQUIRE(started);
    auto& health = **started;
    CHECK_FALSE(find_health(dir.path()));
    health.announce();
    auto place = find_health(dir.path());
    REQUIRE(place);
    CHECK(place->address == health.address());
    CHECK(place->pid == ::getpid());
    struct stat facts {};
    REQUIRE(::stat((dir.path() + "/health.json").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    CHECK(code_of(ask(health.address(), "/health/live")) == 200);
    CHECK(code_of(ask(health.address(), "/health/ready")) == 200);
    CHECK(holds(ask(health.address(), "/metrics"), "weir_service_records_read_total{service=\"totals\"} 1000\n"));
    CHECK(holds(ask(health.address(), "/api/v1/status"), R"("name":"totals")"));
    {
      std::lock_guard guard(lock);
      jobs.push_back(parked());
    }
    auto ready = ask(health.address(), "/health/ready");
    CHECK(code_of(ready) == 503);
    CHECK(holds(ready, "always fails"));
    CHECK(code_of(ask(health.address(), "/health/live")) == 200);
  }
  CHECK_FALSE(find_health(dir.path()));
}

TEST_CASE("a default address that is taken gives way to a free port, one that was asked for is an error, off is off") {
  quiet q;
  scratch dir;
  auto none = [] { return std::vector<job_status>{}; };
  auto first = start_health(health_config{}, dir.path(), {none});
  auto second = start_health(health_config{}, dir.path(), {none});
  REQUIRE(first);
  REQUIRE(second);
  CHECK((*first)->address() != (*second)->address());
  CHECK(code_of(ask((*second)->address(), "/health/live")) == 200);
  health_config taken;
  taken.listen = (*first)->address();
  auto third = start_health(taken, dir.path(), {none});
  REQUIRE_FALSE(third);
  CHECK(third.err().code == errc::unavailable);
  CHECK(holds(third.err().message, "/health/listen: cannot listen on " + taken.listen));
  health_config off;
  off.enabled = false;
  CHECK(*start_health(off, dir.path(), {none}) == nullptr);
}

TEST_CASE("weir status finds the process of a file, by address too, and says when there is none") {
  quiet q;
  scratch dir;
  bench b;
  b.variables["WEIR_DATA"] = dir.path();
  CHECK(b.run({"status", log_config()}) == exit_code::environment);
  CHECK(holds(b.err.str(), "no running process serves the store " + dir.path() + "/store"));
  std::filesystem::create_directories(dir.path() + "/store");
  auto health = start_health(on_free_port(), dir.path() + "/store", {[] { return std::vector<job_status>{sample()}; }});
  REQUIRE(health);
  (*health)->announce();
  CHECK(b.run({"status", log_config()}) == exit_code::done);
  CHECK(holds(b.out.str(), "totals: running"));
  bench other;
  CHECK(other.run({"status", "--address", (*health)->address(), "--json"}) == exit_code::done);
  CHECK(boost::json::parse(other.out.str()).at("ready").as_bool());
  bench nothing;
  CHECK(nothing.run({"status"}) == exit_code::usage);
}

TEST_CASE("weir status --ready fails while a service does not run, and says which") {
  quiet q;
  scratch dir;
  auto jobs = std::vector{sample(), parked()};
  auto health = start_health(on_free_port(), dir.path(), {[&] { return jobs; }});
  REQUIRE(health);
  bench b, ready;
  CHECK(b.run({"status", "--address", (*health)->address(), "--ready"}) == exit_code::environment);
  CHECK(holds(b.out.str(), "bad: parked, it failed"));
  CHECK(holds(b.err.str(), "not every service runs as it should"));
  jobs.pop_back();
  CHECK(ready.run({"status", "--address", (*health)->address(), "--ready"}) == exit_code::done);
  CHECK(ready.err.str().empty());
}

TEST_CASE("weir status sends the token of the file, and a wrong one is an error that does not show it") {
  quiet q;
  scratch dir;
  health_config c = on_free_port();
  c.token = "correct-horse-battery";
  auto health = start_health(c, dir.path(), {[] { return std::vector<job_status>{sample()}; }});
  REQUIRE(health);
  bench b;
  b.variables["WEIR_HEALTH_TOKEN"] = c.token;
  CHECK(b.run({"status", "--address", (*health)->address()}) == exit_code::done);
  bench wrong;
  wrong.variables["WEIR_HEALTH_TOKEN"] = "wrong-horse-battery";
  CHECK(wrong.run({"status", "--address", (*health)->address()}) == exit_code::environment);
  CHECK(holds(wrong.err.str(), "it wants another token"));
  CHECK_FALSE(holds(wrong.err.str(), "horse"));
}

TEST_CASE("run serves health before its jobs and with the names of all of them, and does not run without the address asked for") {
  quiet q;
  bench b;
  std::string seen;
  health_config served;
  b.serve_health = [&](const health_config& c, const std::string& store,
                       served_jobs jobs) -> result<std::unique_ptr<health_service>> {
    served = c;
    seen = store + ":" + jobs.status().at(0).job;
    CHECK(b.jobs.specs.empty());
    return std::unique_ptr<health_service>();
  };
  b.variables["WEIR_DATA"] = "/tmp/somewhere";
  b.jobs.over = true;
  b.jobs.ends.emplace_back().phase = job_phase::stopped;
  CHECK(b.run({"run", log_config(), "--set", "/health/listen=127.0.0.1:1234"}) == exit_code::done);
  CHECK(seen == "/tmp/somewhere/store:order-totals");
  CHECK(served.listen == "127.0.0.1:1234");
  bench refused;
  refused.serve_health = [](const auto&, const auto&, auto) -> result<std::unique_ptr<health_service>> {
    return error{errc::unavailable, "the port is taken"};
  };
  CHECK(refused.run({"run", log_config()}) == exit_code::environment);
  CHECK(refused.jobs.specs.empty());
  CHECK(holds(refused.err.str(), "the port is taken"));
}
