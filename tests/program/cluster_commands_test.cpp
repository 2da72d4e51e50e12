#include <weir/storage/job_store.hpp>
#include "services/weir/node_commands.hpp"
#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A node file on the embedded log, in a folder of its own.
std::string node_file(const scratch& dir) {
  std::filesystem::create_directories(dir.path() + "/shared");
  std::ofstream(dir.path() + "/a.json")
      << R"({"version": 1, "connections": {"main": {"type": "log", "path": ")" + dir.path() +
             R"(/log"}}, "node": {"name": "a", "cluster": "shop", "members": {"a": "127.0.0.1:0"},
  "token": ")" +
             dir.path() + R"(/token", "directory": ")" + dir.path() + R"(/shared", "store": ")" + dir.path() +
             R"(/a", "control": "main", "leader": "a"}})";
  return dir.path() + "/a.json";
}

} // namespace

TEST_CASE("the committed schema of node files is what the code generates") {
  bench b;
  REQUIRE(b.run({"config", "node-schema"}) == exit_code::done);
  CHECK(b.out.str() == text_of(std::string(WEIR_SOURCE_DIR) + "/config/weir-node.schema.json"));
}

TEST_CASE("node wants a file or a subcommand, and says what is wrong with the file") {
  scratch dir;
  bench none, missing, other;
  CHECK(none.run({"node"}) == exit_code::usage);
  CHECK(holds(none.err.str(), "--config NODE.json, or a subcommand"));
  CHECK(missing.run({"node", "--config", dir.path() + "/none.json"}) == exit_code::usage);
  CHECK(holds(missing.err.str(), "cannot be read"));
  auto file = node_file(dir);
  std::filesystem::remove_all(dir.path() + "/shared");
  CHECK(other.run({"node", "--config", file}) != exit_code::done);
}

TEST_CASE("orders for a cluster are checked before anybody is asked, and need a node that runs") {
  scratch dir;
  auto file = node_file(dir);
  auto services = dir.path() + "/services.json";
  bench status, apply, wrong, drain, remove;
  CHECK(status.run({"cluster", "status", "--config", file}) == exit_code::environment);
  CHECK(holds(status.err.str(), "is it running?"));
  std::filesystem::copy_file(std::string(WEIR_SOURCE_DIR) + "/config/order-totals.json", services);
  CHECK(apply.run({"cluster", "apply", "--config", file, services}) == exit_code::environment);
  std::ofstream(services) << "{\"version\": 1, \"connections\": {}, \"services\": [{\"name\": \"x\", \"type\": \"nothing\"}]}";
  CHECK(wrong.run({"cluster", "apply", "--config", file, services}) == exit_code::usage);
  CHECK(holds(wrong.err.str(), services));
  CHECK(drain.run({"cluster", "drain", "--config", file, "b"}) == exit_code::environment);
  CHECK(remove.run({"cluster", "remove", "--config", file, "x"}) == exit_code::environment);
}

TEST_CASE("what a node knows of its cluster reads as lines") {
  auto text = cluster_text(R"({"node":"b","cluster":"shop","leader":"a","leads":false,"term":18,"trouble":"",
    "links":{"a":{"up":true,"why":""},"c":{"up":false,"why":"refused"}},
    "nodes":{"a":{"address":"h1:1","capacity":2,"hears":["b"],"control":true,"directory":true,"term":18},
             "b":{"address":"h2:1","capacity":1,"hears":["a"],"control":true,"directory":false,"term":18}},
    "able":["a"],"services":{"version":3,"text":"{}","fallback":true},
    "placed":{"totals":{"node":"a","phase":"running","detail":"","checkpoint":12,"lag":30,"services_version":3},
              "alerts":{"node":"a","phase":"failed","detail":"the topic\u001b[2J is gone","checkpoint":0,"lag":-1,"services_version":3},
              "idle":{"node":"c","phase":null,"detail":""}},
    "members":{"a":{"address":"h1:1","capacity":2,"draining":true,"present":true},
               "c":{"address":"h3:1","capacity":1,"draining":false,"present":false}}})");
  CHECK_FALSE(holds(text, "asks"));
  CHECK(
      holds(cluster_text(R"({"node":"b","cluster":"shop","leader":"","leads":false,"term":null,"trouble":"","links":{},"nodes":{},
    "able":[],"members":{},"services":{"version":3,"text":"{}","fallback":false},"placed":{},
    "asks":{"here":1,"elsewhere":22,"again":3,"unanswered":4,"open":5}})"),
            "1 of services here, 22 answered by other nodes, 5 open, 4 unanswered; 3 looks again"));
  CHECK(holds(text, "leader a, term 18\n"));
  CHECK(holds(text, "capacity 2, hears b, draining\n"));
  CHECK(holds(text, "hears a, without the shared directory, not on record\n"));
  CHECK(holds(text, "h3:1                   capacity 1, not heard by this node\n"));
  CHECK(holds(text, "no connection with c: refused\n"));
  CHECK(holds(text, "services, by version 3 of the services file\n"));
  CHECK(holds(text, "  totals           on a             running, checkpoint 12, 30 records behind\n"));
  CHECK(holds(text, "  alerts           on a             failed: the topic [2J is gone\n"));
  CHECK(holds(text, "  idle             on c             not started there yet, or not heard of\n"));
}

TEST_CASE("a node is ready when it knows a leader and control topic and shared directory answer it") {
  auto status = [](const std::string& leader, const std::string& report) {
    return R"({"node":"b","leader":")" + leader + R"(","nodes":{)" + report + "}}";
  };
  auto report = [](const char* control, const char* directory) {
    return std::string(R"("b":{"control":)") + control + R"(,"directory":)" + directory + "}";
  };
  CHECK(not_ready(status("a", report("true", "true"))).empty());
  CHECK(not_ready(status("", report("true", "true"))) == "no leader is known");
  CHECK(not_ready(status("a", report("false", "false"))) ==
        "the control topic does not answer; the shared directory does not answer");
  CHECK(not_ready(status("a", R"("a":{"control":true,"directory":true})")) == "it has only just begun");
}
