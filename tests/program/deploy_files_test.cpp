#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

// That the manifests set these variables and mount these paths is checked by scripts/lint.d/deploy.
TEST_CASE("the configurations that are deployed are valid, with what their pods and units set") {
  for (const auto* file : {"systemd/node-weir-0.json", "kubernetes/cluster/node.json", "kubernetes/single/order-totals.json"}) {
    bench b;
    b.variables = {{"KAFKA_BROKERS", "kafka:9092"}, {"POD_IP", "10.1.2.3"}};
    if (holds(file, "cluster/"))
      b.variables["WEIR_NODE_NAME"] = "weir-2";
    INFO(file);
    CHECK(b.run({"validate", std::string(WEIR_SOURCE_DIR) + "/deploy/" + file}) == exit_code::done);
    CHECK(b.err.str().empty());
  }
}

TEST_CASE("every configuration in deploy/ is one of those") {
  unsigned found = 0;
  for (const auto& e : std::filesystem::recursive_directory_iterator(std::string(WEIR_SOURCE_DIR) + "/deploy"))
    found += e.path().extension() == ".json" ? 1 : 0;
  CHECK(found == 3);
}
