#include <weir/cluster/orders.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

/// A topic of one leader whose decisions are written as they come.
struct written {
  cluster_state state;
  std::uint64_t next = 0, serial = 0;
  written() { put(term_record{"a", 1}); }
  void put(const control_body& b) {
    control_record r{{{state.term(), 0}, ++serial}, b};
    REQUIRE(state.apply({next++, encode_control(r)}).ok());
  }
  std::string take(const result<decided>& d) {
    REQUIRE(d.ok());
    for (const auto& b : d->bodies)
      put(b);
    return d->said;
  }
};

} // namespace

TEST_CASE("a services file is in force with the one before as fallback, and once only") {
  written w;
  CHECK(w.take(decide_services(w.state, "one")) == "version 1 is in force");
  CHECK_FALSE(w.state.services()->fallback);
  CHECK(w.take(decide_services(w.state, "two")) == "version 2 is in force");
  CHECK(w.state.services()->fallback == "one");
  CHECK(decide_services(w.state, "two")->bodies.empty());
  CHECK(w.take(decide_services(w.state, "")) == "version 3 is in force");
  CHECK(w.state.services()->fallback == "two");
  CHECK(decide_services(w.state, std::string(longest_services + 1, 'x')).err().code == errc::too_large);
}

TEST_CASE("members are as they report, and draining is as people said") {
  written w;
  member_record b{"b", "host:1", 2, 77, false};
  for (const auto& body : decide_members(w.state, {b}))
    w.put(body);
  CHECK(decide_members(w.state, {b}).empty());
  CHECK(decide_draining(w.state, "c", true).err().code == errc::not_found);
  w.take(decide_draining(w.state, "b", true));
  CHECK(w.state.members().at("b").draining);
  CHECK(decide_draining(w.state, "b", true)->bodies.empty());
  b.start = 78; // Its process was started anew.
  for (const auto& body : decide_members(w.state, {b}))
    w.put(body);
  CHECK(w.state.members().at("b").start == 78);
  CHECK(w.state.members().at("b").draining);
  w.take(decide_draining(w.state, "b", false));
  CHECK_FALSE(w.state.members().at("b").draining);
}
