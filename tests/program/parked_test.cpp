#include <boost/json.hpp>
#include <future>
#include <weir/core/logger.hpp>
#include "services/weir/health/health_service.hpp"
#include "services/weir/health/http_client.hpp"
#include "services/weir/health/metrics_text.hpp"
#include "services/weir/health/status_json.hpp"
#include "services/weir/parked_text.hpp"
#include "services/weir/status_text.hpp"
#include "tests/catch.hpp"
#include "tests/program/http_probe.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

constexpr timestamp noon{1'767'268'800'000'000};

parked_key key_a() { return {"counter", "a", "\x61", 1, "in, in/0@1", "unlucky\n\x1b[2J", noon - 90s, 3}; }

job_status counting() {
  job_status s;
  s.job = "counter";
  s.phase = job_phase::running;
  s.operators.emplace_back().name = "counter";
  s.parked = {key_a()};
  return s;
}

/// A process with parked keys that can be released, or whose task does not answer.
struct parked_process {
  explicit parked_process(health_config c = {}) {
    configure_logging(log_level::off, log_format::text);
    if (c.listen.empty())
      c.listen = "127.0.0.1:0";
    auto started = start_health(
        c, dir.path() + "/store",
        {[this] {
           std::lock_guard guard(lock);
           return jobs;
         },
         [this](const std::string& service, const std::string& key, unpark how) {
           std::lock_guard guard(lock);
           released.push_back({service, key, how});
           if (!answers)
             return false;
           auto& all = jobs.at(0).parked;
           return std::erase_if(all, [&](const auto& k) { return k.service == service && k.encoded_key == key; }) > 0;
         }});
    if (!started)
      throw std::runtime_error(started.err().message);
    health = std::move(*started);
    std::filesystem::create_directories(dir.path() + "/store");
    health->announce();
  }
  ~parked_process() { configure_logging(log_level::info, log_format::text); }

  /// The answer to one request with these headers.
  [[nodiscard]] std::string send(const std::string& method, const std::string& path,
                                 const std::string& headers = "Host: localhost\r\nX-Weir: 1\r\n") const {
    raw_connection c(health->address());
    c.send(method + " " + path + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n");
    return c.read_all();
  }
  /// `weir parked` on this process.
  exit_code parked(bench& b, std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"parked", "--address", health->address()};
    words.insert(words.end(), more.begin(), more.end());
    return b.run(words);
  }

  scratch dir;
  std::mutex lock;
  std::vector<job_status> jobs{counting()};
  std::vector<released_key> released;
  bool answers = true;
  std::unique_ptr<health_service> health;
};

const std::string retry_a = "/api/v1/parked/retry?service=counter&key=61";

} // namespace

TEST_CASE("a parked key is listed and counted in status, ready and metrics, and leaves the process ready but degraded") {
  auto job = counting();
  std::vector<job_status> jobs{job};
  CHECK(is_ready(jobs));
  CHECK(is_degraded(jobs));
  auto answer = status_json({jobs, 1s}, nullptr, noon, 7, "1.2.3");
  auto v = boost::json::parse(answer);
  CHECK(v.at("degraded").as_bool());
  auto& listed = v.at("services").at(0).at("parked_keys").at(0);
  CHECK(listed.at("service").as_string() == "counter");
  CHECK(listed.at("key").as_string() == "a");
  CHECK(listed.at("id").as_string() == "61");
  CHECK(listed.at("event").as_string() == "in, in/0@1");
  CHECK(listed.at("waiting").to_number<int>() == 3);
  CHECK(holds(std::string(listed.at("since").as_string()), "11:58:30"));
  auto text = status_text(answer);
  REQUIRE(text);
  CHECK(holds(*text, "process 7, ready, degraded"));
  CHECK(holds(*text, "1 parked key, 3 events waiting"));
  CHECK(holds(*text, "key a (id 61) parked since 90.0s, 3 waiting"));
  CHECK(holds(*text, "in, in/0@1: unlucky  [2J"));
  CHECK_FALSE(holds(*text, "\x1b"));
  auto ready = ready_json(jobs);
  CHECK(holds(ready, R"("status":"degraded")"));
  CHECK(holds(ready, R"("parked_keys":1)"));
  auto metrics = metrics_text(jobs, {}, {}, "1");
  CHECK(holds(metrics, "weir_parked_keys{service=\"counter\"} 1\n"));
  CHECK(holds(metrics, "weir_parked_events{service=\"counter\"} 3\n"));
  jobs[0].parked.clear();
  CHECK_FALSE(is_degraded(jobs));
  CHECK(holds(ready_json(jobs), R"("status":"ready")"));
  jobs[0].phase = job_phase::failed;
  CHECK(holds(ready_json(jobs), R"("status":"unhealthy")"));
}

TEST_CASE("a stuck handler is named, counted and degrades") {
  auto job = counting();
  job.parked.clear();
  job.operators[0].stuck = "handler 'in' runs since 3 s";
  std::vector<job_status> jobs{job};
  CHECK(is_ready(jobs));
  CHECK(holds(ready_json(jobs), R"("status":"degraded")"));
  CHECK(holds(ready_json(jobs), R"("stuck_handlers":1)"));
  auto text = status_text(status_json({jobs, 1s}, nullptr, noon, 7, "1"));
  REQUIRE(text);
  CHECK(holds(*text, "stuck: operator counter: handler 'in' runs since 3 s"));
  CHECK(holds(metrics_text(jobs, {}, {}, "1"), "weir_operator_stuck{service=\"counter\",operator=\"counter\"} 1\n"));
}

TEST_CASE(
    "a reason that is not UTF-8 or endless does not break status, and of very many keys those parked for longest are listed") {
  auto job = counting();
  job.parked[0].reason = "\xff" + std::string(1 << 20, 'x');
  for (int i = 0; i < 2000; ++i)
    job.parked.push_back(
        {"counter", std::to_string(i), std::to_string(i), 1, "in", "why", noon - duration{std::chrono::hours(1)}, 1});
  auto answer = status_json({{job}, 1s}, nullptr, noon, 7, "1");
  CHECK(answer.size() < 400'000);
  auto all = parked_keys_in(answer, "");
  REQUIRE(all);
  CHECK(all->keys == 2001);
  CHECK(all->events == 2003);
  REQUIRE(all->listed.size() == most_parked_keys);
  CHECK(all->listed[0].key == "0");
  CHECK(holds(parked_text(*all, 5), "… and 1996 more"));
}

TEST_CASE("an order without its header, from another host or with a body is refused, and changes nothing") {
  parked_process p;
  auto bare = p.send("POST", retry_a, "Host: localhost\r\n");
  CHECK(code_of(bare) == 403);
  CHECK(holds(bare, "X-Weir: 1"));
  CHECK(code_of(p.send("POST", retry_a, "Host: localhost\r\nX-Weir: 2\r\n")) == 403);
  CHECK(code_of(p.send("POST", retry_a, "Host: localhost\r\nX-Weir: 1\r\nX-Weir: 1\r\n")) == 403);
  CHECK(code_of(p.send("POST", retry_a, "Host: evil.example\r\nX-Weir: 1\r\n")) == 421);
  CHECK(code_of(p.send("POST", retry_a, "Host: localhost\r\nX-Weir: 1\r\nContent-Length: 3\r\n")) == 413);
  CHECK(code_of(p.send("POST", retry_a, "Host: localhost\r\nX-Weir: 1\r\nTransfer-Encoding: chunked\r\n")) == 413);
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    auto answer = p.send(method, retry_a);
    CHECK(code_of(answer) == 405);
    CHECK(holds(answer, "Allow: POST\r\n"));
    CHECK_FALSE(holds(answer, "Access-Control"));
  }
  CHECK(code_of(p.send("POST", "/api/v1/status")) == 405);
  CHECK(code_of(p.send("POST", "/api/v1/parked/retry?service=counter")) == 400);
  CHECK(p.released.empty());
}

TEST_CASE("where a token is configured, an order needs it") {
  health_config c;
  c.token = "correct-horse-battery";
  parked_process p(c);
  CHECK(code_of(p.send("POST", retry_a)) == 401);
  CHECK(p.released.empty());
  CHECK(code_of(p.send("POST", retry_a, "Host: localhost\r\nX-Weir: 1\r\nAuthorization: Bearer " + c.token + "\r\n")) == 200);
  CHECK(p.released.size() == 1);
}

TEST_CASE("an order releases its key, one for a key that is not parked is 404, and one that a task does not answer is 503") {
  parked_process p;
  p.answers = false;
  auto busy = p.send("POST", retry_a);
  CHECK(code_of(busy) == 503);
  CHECK(holds(busy, "still parked"));
  p.answers = true;
  auto done =
      p.send("POST", "/api/v1/parked/skip?service=counter&key=61", "Host: localhost\r\nX-Weir: 1\r\nContent-Length: 0\r\n");
  CHECK(code_of(done) == 200);
  CHECK(holds(done, R"({"service":"counter","id":"61","released":"skip"})"));
  REQUIRE(p.released.size() == 2);
  CHECK(p.released[1].encoded_key == "a");
  CHECK(p.released[1].how == unpark::skip);
  auto again = p.send("POST", retry_a);
  CHECK(code_of(again) == 404);
  CHECK(holds(again, "this key of service 'counter' is not parked"));
  auto unknown = p.send("POST", "/api/v1/parked/retry?service=nobody&key=61");
  CHECK(code_of(unknown) == 404);
  CHECK(holds(unknown, "no service 'nobody' runs here"));
}

TEST_CASE("while an order waits for its task, health answers, and too many orders are refused") {
  std::promise<void> go;
  auto held = go.get_future().share();
  http_server_options o;
  o.answer = [](health_route) { return http_answer{200, "text/plain", "fine"}; };
  o.order = [held](health_route, const parked_place&) {
    held.wait();
    return http_answer{200, "text/plain", "released"};
  };
  auto server = http_server::start(o);
  REQUIRE(server);
  std::vector<raw_connection> waiting;
  const auto request = "POST " + retry_a + " HTTP/1.1\r\nHost: localhost\r\nX-Weir: 1\r\nConnection: close\r\n\r\n";
  for (std::size_t i = 0; i <= http_limits::waiting_orders; ++i) {
    waiting.emplace_back((*server)->address());
    waiting.back().send(request);
  }
  // Whichever came last is refused at once: until then nothing else is answered.
  while ((*server)->counts().answers[503] == 0)
    CHECK(code_of(ask((*server)->address(), "/health/live")) == 200);
  CHECK(code_of(ask((*server)->address(), "/health/live")) == 200);
  go.set_value();
  std::size_t released = 0;
  for (auto& c : waiting)
    released += code_of(c.read_all()) == 200 ? 1 : 0;
  CHECK(released == http_limits::waiting_orders);
}

TEST_CASE("weir parked lists keys, releases one by its text or id, and says when it is not parked") {
  parked_process p;
  p.jobs[0].parked.push_back({"counter", "b", "b", 2, "in", "why", noon, 1});
  bench list;
  CHECK(p.parked(list) == exit_code::done);
  CHECK(holds(list.out.str(), "2 parked keys, 4 events waiting"));
  CHECK(holds(list.out.str(), "counter: key b (id 62)"));
  bench other;
  CHECK(p.parked(other, {"--service", "countr"}) == exit_code::usage);
  CHECK(holds(other.err.str(), "no service 'countr' runs there"));
  CHECK(holds(other.err.str(), "'counter'"));
  bench wrong;
  CHECK(p.parked(wrong, {"--retry", "c"}) == exit_code::environment);
  CHECK(holds(wrong.err.str(), "key 'c' is not parked"));
  CHECK(p.released.empty());
  bench retry;
  CHECK(p.parked(retry, {"--service", "counter", "--retry", "a"}) == exit_code::done);
  CHECK(holds(retry.out.str(), "counter: key a is released: its failed event is tried again"));
  bench skip;
  CHECK(p.parked(skip, {"--skip", "62"}) == exit_code::done);
  CHECK(holds(skip.out.str(), "counter: key b goes on without its failed event"));
  REQUIRE(p.released.size() == 2);
  CHECK(p.released[0].how == unpark::retry);
  CHECK(p.released[1].how == unpark::skip);
  bench none;
  CHECK(p.parked(none) == exit_code::done);
  CHECK(none.out.str() == "no key is parked\n");
  bench both;
  CHECK(p.parked(both, {"--retry", "a", "--skip", "a"}) == exit_code::usage);
  bench nowhere;
  CHECK(nowhere.run({"parked"}) == exit_code::usage);
}

TEST_CASE("weir parked releases nothing when a text stands for several keys, and passes on why a task did not answer") {
  parked_process p;
  p.jobs.push_back(p.jobs[0]);
  p.jobs[1].job = "other";
  p.jobs[1].parked[0].service = "other";
  bench both;
  CHECK(p.parked(both, {"--retry", "a"}) == exit_code::usage);
  CHECK(holds(both.err.str(), "choose with --service"));
  CHECK(p.released.empty());
  p.answers = false;
  bench busy;
  CHECK(p.parked(busy, {"--service", "other", "--retry", "a"}) == exit_code::environment);
  CHECK(holds(busy.err.str(), "answers 503: service 'other' did not answer"));
}

TEST_CASE("run lets health release keys of its runtime once the jobs run, and not before") {
  bench b;
  served_jobs served;
  b.serve_health = [&](const health_config&, const std::string&, served_jobs jobs) -> result<std::unique_ptr<health_service>> {
    served = std::move(jobs);
    CHECK_FALSE(served.release("counter", "a", unpark::retry));
    return std::unique_ptr<health_service>();
  };
  b.jobs.on_wait = [&](unsigned) { CHECK(served.release("counter", "a", unpark::skip)); };
  b.jobs.over = true;
  b.jobs.ends.emplace_back().phase = job_phase::stopped;
  CHECK(b.run({"run", log_config()}) == exit_code::done);
  REQUIRE(b.jobs.released.size() == 1);
  CHECK(b.jobs.released[0].how == unpark::skip);
}
