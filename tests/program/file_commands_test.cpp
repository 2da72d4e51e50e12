#include <sys/wait.h>
#include <unistd.h>
#include <weir/storage/job_store.hpp>
#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string totals_config(const std::string& settings, const std::string& more = "") {
  return R"({"version": 1, "connections": {"main": {"type": "log", "path": "/tmp/l"}}, "services": [
 {"name": "totals", "type": "order-totals", "settings": {
  "input": {"connection": "main", "topic": "orders"}, "output": {"connection": "main", "topic": "totals"},
  "late": {"connection": "main", "topic": "late"})" +
         settings + "}}]" + more + "}";
}

} // namespace

TEST_CASE("the committed schema and reference are what the code generates") {
  bench schema;
  REQUIRE(schema.run({"config", "schema"}) == exit_code::done);
  CHECK(schema.out.str() == content_of(std::string(WEIR_SOURCE_DIR) + "/config/weir.schema.json"));
  bench reference;
  REQUIRE(reference.run({"config", "reference"}) == exit_code::done);
  CHECK(reference.out.str() == content_of(std::string(WEIR_SOURCE_DIR) + "/docs/configuration.md"));
  bench metrics;
  REQUIRE(metrics.run({"metrics"}) == exit_code::done);
  CHECK(metrics.out.str() == content_of(std::string(WEIR_SOURCE_DIR) + "/docs/metrics.md"));
}

TEST_CASE("the committed configurations are valid") {
  std::vector<std::string> names{"dataflows.kafka.json"};
  for (const auto* service : {"order-totals", "fraud-detection", "click-sessions", "shop"})
    for (const auto* where : {".json", ".kafka.json"})
      names.push_back(std::string(service) + where);
  auto file = std::string(WEIR_SOURCE_DIR) + "/config/" + GENERATE_COPY(from_range(names));
  bench b;
  CHECK(b.run({"validate", file}) == exit_code::done);
  CHECK(b.out.str() == file + ": valid\n");
  CHECK(b.err.str().empty());
}

TEST_CASE("validate reports every problem at once with pointer and suggestion and is exit code 2") {
  scratch dir;
  auto file = dir.file("bad.json", totals_config(R"(, "windw": "1m", "idle_after": "never")", R"(, "checkpont": {})"));
  bench b;
  CHECK(b.run({"validate", file}) == exit_code::usage);
  auto text = b.err.str();
  CHECK(holds(text, "/services/0/settings/windw: there is no setting 'windw' here; did you mean 'window'?"));
  CHECK(holds(text, "/services/0/settings/idle_after: 'never' is not a duration"));
  CHECK(holds(text, "/checkpont: there is no setting 'checkpont' here; did you mean 'checkpoint'?"));
  CHECK(holds(text, file + ":4:"));
  CHECK(holds(text, "3 problems"));
  CHECK(b.out.str().empty());
}

TEST_CASE("a missing field in the config is named and is exit code 2 for every command on it") {
  scratch dir;
  auto file = dir.file("bad.json", R"({"version": 1, "connections": {"main": {"type": "log", "path": "/tmp/l"}},
    "services": [{"name": "t", "type": "order-totals", "settings": {"input": {"connection": "main", "topic": "o"},
    "late": {"connection": "main", "topic": "l"}}}]})");
  for (const char* command : {"run", "validate", "graph", "checkpoints"}) {
    bench b;
    CHECK(b.run({command, file}) == exit_code::usage);
    CHECK(holds(b.err.str(), "/services/0/settings: 'output' is missing"));
  }
}

TEST_CASE("dead letters without a topic are refused") {
  scratch dir;
  bench b;
  CHECK(b.run({"validate", dir.file("a.json", totals_config(R"(, "on_bad_record": "dead-letter")"))}) == exit_code::usage);
  CHECK(holds(b.err.str(), "/services/0/settings/dead_letters: is missing"));
}

TEST_CASE("a Kafka property that would break a guarantee is refused with its connection") {
  scratch dir;
  auto text = totals_config("");
  text.replace(text.find(R"("type": "log", "path": "/tmp/l")"), 31,
               R"("type": "kafka", "brokers": "b:1", "properties": {"acks": "1"})");
  bench b;
  CHECK(b.run({"validate", dir.file("a.json", text)}) == exit_code::usage);
  CHECK(holds(b.err.str(), "/connections/main"));
  CHECK(holds(b.err.str(), "acks"));
}

TEST_CASE("code that throws while a job is made is a problem of its service") {
  scratch dir;
  struct none {};
  bench b;
  b.all.services.push_back(
      service("thrower", "Throws.", settings_of<none>{}, [](const none&) -> job_plan { throw std::runtime_error("oops"); }));
  auto file = dir.file("a.json", R"({"version": 1, "connections": {}, "services": [{"name": "x", "type": "thrower"}]})");
  CHECK(b.run({"validate", file}) == exit_code::usage);
  CHECK(holds(b.err.str(), "/services/0: making the job threw: oops"));
}

TEST_CASE("a connection named only by code is checked too") {
  scratch dir;
  struct none {};
  bench b;
  b.all.services.push_back(service("elsewhere", "Reads elsewhere.", settings_of<none>{}, [](const none&) -> job_plan {
    job_plan plan;
    vertex_plan v;
    v.name = "in";
    v.kind = vertex_kind::source;
    v.source.topic = {"mian", "t"};
    plan.vertices.push_back(std::move(v));
    return plan;
  }));
  auto file = dir.file(
      "a.json",
      R"({"version": 1, "connections": {"main": {"type": "log", "path": "/l"}}, "services": [{"name": "x", "type": "elsewhere"}]})");
  CHECK(b.run({"validate", file}) == exit_code::usage);
  CHECK(holds(b.err.str(), "operator 'in' uses the connection 'mian', which is not in /connections; did you mean 'main'?"));
}

TEST_CASE("the graph of a job is printed in every format and names its topics") {
  auto format = GENERATE("text", "mermaid", "dot", "json");
  bench b;
  CHECK(b.run({"graph", log_config(), "--format", format}) == exit_code::done);
  INFO(b.out.str());
  for (const char* word : {"orders", "per-minute", "totals", "orders.late", "hash", "exactly-once"})
    CHECK(holds(b.out.str(), word));
}

TEST_CASE("labels of a graph cannot break out of their quotes") {
  job_plan plan;
  plan.job = "a\"b";
  vertex_plan v;
  v.name = "x\"];evil";
  v.operators = {v.name};
  v.parallelism = 1;
  plan.vertices.push_back(std::move(v));
  CHECK(holds(graph_text(plan, graph_format::dot), "label=\"x\\\"];evil"));
  CHECK(holds(graph_text(plan, graph_format::mermaid), "[\"x#quot;];evil"));
  CHECK(holds(graph_text(plan, graph_format::json), "\"name\":\"x\\\"];evil\""));
}

TEST_CASE("checkpoints of a job that never ran says so and makes nothing") {
  scratch dir;
  bench b;
  b.variables["WEIR_DATA"] = dir.path();
  CHECK(b.run({"checkpoints", log_config()}) == exit_code::done);
  CHECK(holds(b.out.str(), "order-totals: no checkpoint"));
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("checkpoints lists what is complete in the store") {
  scratch dir;
  std::string incarnation;
  {
    auto directory = dir.path() + "/store/order-totals";
    std::filesystem::create_directories(directory);
    job_store_options options;
    options.directory = directory;
    options.job = "order-totals";
    auto lock = lock_store(dir.path() + "/store").value();
    auto store = open_job_store(options).value();
    REQUIRE(store->begin_incarnation().ok());
    checkpoint_manifest m;
    m.number = 7;
    m.incarnation = store->incarnation();
    incarnation = std::to_string(m.incarnation);
    m.completed_at_us = 1'767'225'603'250'000;
    REQUIRE(store->complete(m).ok());
  }
  bench b;
  b.variables["WEIR_DATA"] = dir.path();
  CHECK(b.run({"checkpoints", log_config()}) == exit_code::done);
  INFO(b.out.str() << b.err.str());
  CHECK(holds(b.out.str(), "order-totals: lineage "));
  CHECK(
      holds(b.out.str(), "         7  " + std::string(14 - incarnation.size(), ' ') + incarnation + "  2026-01-01T00:00:03.25Z"));
}

TEST_CASE("checkpoints of a store that another process holds, and writes, are listed") {
  scratch dir;
  auto directory = dir.path() + "/store/order-totals";
  std::filesystem::create_directories(directory);
  int ready[2], go_on[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(go_on) == 0);
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(go_on[1]);
    auto lock = lock_store(dir.path() + "/store");
    job_store_options options;
    options.directory = directory;
    auto store = open_job_store(options);
    bool good = lock.ok() && store.ok() && (*store)->begin_incarnation().ok();
    // A checkpoint, then one more at each byte; the store stays open all the time.
    checkpoint_manifest m;
    char c = 0;
    do {
      ++m.number;
      good = good && (*store)->complete(m).ok() && (*store)->stats()->oldest_reader_lag == 0;
      c = good ? 'y' : 'n';
      (void)!::write(ready[1], &c, 1);
    } while (good && ::read(go_on[0], &c, 1) == 1);
    ::_exit(0);
  }
  ::close(ready[1]);
  for (int number = 1; number <= 3; ++number) {
    char c = 0;
    REQUIRE(::read(ready[0], &c, 1) == 1);
    REQUIRE(c == 'y');
    bench b;
    b.variables["WEIR_DATA"] = dir.path();
    CHECK(b.run({"checkpoints", log_config()}) == exit_code::done);
    INFO(b.out.str() << b.err.str());
    CHECK(holds(b.out.str(), "\n           " + std::to_string(number) + "  "));
    REQUIRE(::write(go_on[1], &c, 1) == 1);
  }
  ::close(go_on[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  for (int fd : {ready[0], go_on[0]})
    ::close(fd);
}

TEST_CASE("shards are planned each, shown as one graph, and what is wrong with them is said once") {
  scratch dir;
  auto text = totals_config("");
  text.replace(text.find(R"("type": "order-totals")"), 0, R"("shards": 3, )");
  auto file = dir.file("a.json", text);
  {
    bench b;
    CHECK(b.run({"graph", file}) == exit_code::done);
    CHECK(holds(b.out.str(), "3 shards, 128 key groups"));
    CHECK(holds(b.out.str(), "(keyed, x1)"));
    CHECK(b.out.str().find("3 shards") == b.out.str().rfind("3 shards"));
  }
  {
    bench b;
    CHECK(b.run({"graph", file, "--format", "json"}) == exit_code::done);
    CHECK(holds(b.out.str(), R"("shards":3)"));
  }
  {
    bench b;
    b.jobs.over = true;
    b.jobs.ends = {{"totals.0", job_phase::ended, {}}};
    CHECK(b.run({"run", file}) == exit_code::done);
    REQUIRE(b.jobs.specs.size() == 3);
    for (std::uint32_t i = 0; i < 3; ++i) {
      const auto& plan = b.jobs.specs[i].plan;
      CHECK(plan.job == "totals." + std::to_string(i));
      CHECK(plan.shard == service_shard{i, 3, "totals"});
      CHECK(holds(plan.fingerprint, "shard " + std::to_string(i) + " of 3\n"));
    }
  }

  struct none {};
  bench b;
  b.all.services.push_back(
      service("thrower", "Throws.", settings_of<none>{}, [](const none&) -> job_plan { throw std::runtime_error("oops"); }));
  auto bad =
      dir.file("b.json", R"({"version": 1, "connections": {}, "services": [{"name": "x", "type": "thrower", "shards": 4}]})");
  CHECK(b.run({"validate", bad}) == exit_code::usage);
  CHECK(b.err.str().find("oops") == b.err.str().rfind("oops"));
}
