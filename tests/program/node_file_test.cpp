#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

/// A node's file with these members and, behind `node`, more.
std::string node_file(const scratch& dir, const std::string& members, const std::string& more = "") {
  return dir.file("node.json", R"({"version": 1, "connections": {"main": {"type": "kafka", "brokers": "k:9092"}},
  "node": {"name": "a", "cluster": "shop", "members": )" +
                                   members + R"(, "tls.ca": "ca.crt", "tls.cert": "a.crt", "tls.key": "a.key",
  "directory": "/nowhere/shared", "control": "main"})" +
                                   more + "}");
}

} // namespace

TEST_CASE("validate takes a node's file for what it is, and touches nothing that it names") {
  scratch dir;
  bench b;
  auto file = node_file(dir, R"({"a": "a.example:7400", "b": "[fd00::1]:7400"})");
  CHECK(b.run({"validate", file}) == exit_code::done);
  CHECK(b.out.str() == file + ": valid\n");
}

TEST_CASE("validate says what is wrong with a node's file") {
  scratch dir;
  bench b;
  auto refused = [&](const std::string& file, const std::string& why) {
    CHECK(b.run({"validate", file}) == exit_code::usage);
    CHECK(b.out.str().empty());
    CHECK(holds(b.err.str(), why));
  };
  SECTION("it is no member itself") { refused(node_file(dir, R"({"b": "h:7400"})"), "this node itself, is not among them"); }
  SECTION("a member without a port") {
    refused(node_file(dir, R"({"a": "h:7400", "b": "h"})"), "/node/members/b: 'h' is not host:port");
  }
  SECTION("services") { refused(node_file(dir, R"({"a": "h:7400"})", R"(, "services": [])"), "/services"); }
}

TEST_CASE("what is no node's file is validated as a configuration") {
  scratch dir;
  bench services, broken;
  CHECK(services.run({"validate", log_config()}) == exit_code::done);
  CHECK(broken.run({"validate", dir.file("broken.json", "{\"node\": ")}) == exit_code::usage);
}
