#include <weir/cluster/local_base.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

range_chain chain(const std::vector<std::string>& ids) {
  range_chain c;
  for (const auto& id : ids)
    c.links.push_back({{id, 1, 1}, c.links.size() + 1, id[0] == 's'});
  return c;
}

/// "a" from the node, "a!" from the directory.
std::string steps(const base_plan& p) {
  std::string out;
  for (const auto& s : p.steps)
    out += s.id + (s.local ? " " : "! ");
  return out;
}

} // namespace

TEST_CASE("a base whose last link is on the chain goes on from there, with its own deltas where the chain names them") {
  auto c = chain({"a", "b", "c", "d"});
  auto p = decide_base(&c, {"b", {{"c", 3}, {"x", 4}}});
  CHECK(p.use_base);
  CHECK(steps(p) == "c d! ");
  CHECK(p.discard == std::vector<std::string>{"x"});
}

TEST_CASE("a base whose last link is not on the chain is rebuilt from the directory") {
  auto c = chain({"a", "b"});
  auto p = decide_base(&c, {"x", {{"b", 2}}});
  CHECK(!p.use_base);
  CHECK(steps(p) == "a! b ");
  CHECK(p.discard.empty());
}

TEST_CASE("a base at the delta that a snapshot stands for is not taken for the snapshot itself") {
  auto c = chain({"s", "d"});
  CHECK(!decide_base(&c, {"b", {}}).use_base);
  auto p = decide_base(&c, {"s", {}});
  CHECK(p.use_base);
  CHECK(steps(p) == "d! ");
}

TEST_CASE("a range that the checkpoint has nothing in starts empty, whatever lies on the disk") {
  auto p = decide_base(nullptr, {"b", {{"c", 1}}});
  CHECK(!p.use_base);
  CHECK(p.steps.empty());
  CHECK(p.discard == std::vector<std::string>{"c"});
}

TEST_CASE("a delta that is in the base already is discarded") {
  auto c = chain({"a", "b"});
  auto p = decide_base(&c, {"b", {{"a", 1}}});
  CHECK(p.use_base);
  CHECK(p.steps.empty());
  CHECK(p.discard == std::vector<std::string>{"a"});
}
