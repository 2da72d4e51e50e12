#include "tests/catch.hpp"
#include "tests/config/config_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

const std::string connections =
    R"("connections": {"main": {"type": "kafka", "brokers": "k:9092"}, "disk": {"type": "log", "path": "/l"}})";

loaded_config node_file(const std::string& node, const std::string& more = "") {
  return read_node_config("{\"version\": 1, " + connections + ", \"node\": {" + node + "}" + more + "}", {},
                          test::variables{}.environment());
}

const std::string whole = R"("name": "a", "cluster": "shop", "members": {"a": "h1:7400", "b": "h2:7400"},
  "tls.ca": "ca", "tls.cert": "c", "tls.key": "k", "directory": "/shared", "control": "main")";

/// The only problem of a file, `pointer: message`.
std::string problem_of(const loaded_config& c) {
  REQUIRE(c.problems.size() == 1);
  return c.problems[0].pointer + ": " + c.problems[0].message;
}

} // namespace

TEST_CASE("a node file says who the node is, and everything else has its default") {
  auto c = node_file(whole);
  REQUIRE(c.ok());
  const auto& n = c.value.node;
  CHECK(n.name == "a");
  CHECK(n.members.at("b") == "h2:7400");
  CHECK(n.capacity == 1);
  CHECK(n.store == "./data/node");
  CHECK(n.session == 6s);
  CHECK(n.leader.empty());
  CHECK(c.value.connections.size() == 2);
}

TEST_CASE("a node file with settings that do not go together is refused where they stand") {
  auto without = [](std::string text, const std::string& part) { return text.erase(text.find(part), part.size()); };
  CHECK(problem_of(node_file(without(whole, R"("tls.key": "k", )"))) ==
        "/node/tls.key: tls.ca, tls.cert and tls.key only go together");
  CHECK(problem_of(node_file(whole + R"(, "token": "t")")).starts_with("/node/token: either certificates"));
  CHECK(problem_of(node_file(without(whole, R"("a": "h1:7400", )"))) ==
        "/node/members: 'a', this node itself, is not among them");
  CHECK(problem_of(node_file(whole + R"(, "leader": "a")")).starts_with("/node/leader: only a cluster on the embedded log"));
  auto on_log = without(whole, R"("control": "main")") + R"("control": "disk")";
  CHECK(problem_of(node_file(on_log)).starts_with("/node/leader: a cluster on the embedded log needs one"));
  CHECK(node_file(on_log + R"(, "leader": "b")").ok());
  CHECK(problem_of(node_file(on_log + R"(, "leader": "c")")) == "/node/leader: 'c' is not among the members");
  CHECK(problem_of(node_file(without(whole, R"("control": "main")") + R"("control": "mian")"))
            .starts_with("/node/control: there is no"));
  CHECK(problem_of(node_file(whole, R"(, "services": [])")).starts_with("/services: "));
}

TEST_CASE("a service is taken out of a services file, and nothing of the rest changes") {
  const std::string text = R"({"version": 1, "connections": {"m": {"type": "kafka", "sasl.password": "${env:P}"}},
    // both
    "services": [{"name": "one", "type": "t"}, {"name": "two", "type": "t"}]})";
  auto one = without_service(text, "two");
  REQUIRE(one.ok());
  CHECK(one->find("two") == std::string::npos);
  CHECK(one->find("${env:P}") != std::string::npos);
  CHECK(without_service(*one, "one").value().empty());
  auto of_shards = without_service(R"({"services": [{"name": "a", "shards": 3}]})", "a.2");
  CHECK(of_shards.err().code == errc::not_found);
  CHECK(of_shards.err().message.find("'a.2' is a shard of 'a'") != std::string::npos);
  for (const auto* none : {"a.3", "a.x"})
    CHECK(without_service(R"({"services": [{"name": "a", "shards": 3}]})", none).err().message.find("is a shard") ==
          std::string::npos);
  CHECK(without_service(text, "three").err().code == errc::not_found);
  CHECK(without_service("", "one").err().code == errc::not_found);
  CHECK(without_service("{", "one").err().code == errc::invalid_config);
}
