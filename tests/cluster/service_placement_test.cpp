#include <algorithm>
#include <weir/cluster/service_placement.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

/// A control topic that is written as a leader does, and nodes that all hear each other.
class office {
 public:
  office() { put(0, {{}, term_record{"a", 1}}); }

  placing_facts facts(const std::vector<std::string>& nodes, const std::vector<std::string>& services) const {
    placing_facts f;
    f.leader = nodes.front();
    for (const auto& s : services)
      f.services.push_back({s, s.ends_with("log")});
    for (const auto& n : nodes) {
      f.nodes.push_back({n, 1, true, {nodes.begin(), nodes.end()}});
      f.starts[n] = 1;
    }
    return f;
  }
  /// Decides and writes; who has what then.
  std::map<std::string, std::string> place(const placing_facts& f) {
    for (auto& r : place_services(state, f)) {
      const auto* job = state.job(r.job);
      put(job == nullptr ? 1 : job->current.attempt + 1, {{}, r});
    }
    CHECK(place_services(state, again_without(f)).empty());
    std::map<std::string, std::string> out;
    for (const auto& [name, job] : state.jobs())
      if (!job.assignment.nodes.empty())
        out[name] = job.assignment.nodes.front().node;
    return out;
  }
  cluster_state state;

 private:
  static placing_facts again_without(placing_facts f) {
    f.again.clear();
    return f;
  }
  void put(std::uint64_t attempt, control_record r) {
    r.mark = {{state.term(), attempt}, state.last_serial() + 1};
    auto e = encode_control(r);
    REQUIRE(state.apply({state.next_offset(), e}).ok());
  }
};

std::size_t on(const std::map<std::string, std::string>& placed, const std::string& node) {
  return static_cast<std::size_t>(std::count_if(placed.begin(), placed.end(), [&](const auto& p) { return p.second == node; }));
}

} // namespace

TEST_CASE("services are spread by capacity and stay where they are") {
  office o;
  auto f = o.facts({"a", "b", "c"}, {"s1", "s2", "s3", "s4"});
  f.nodes[1].capacity = 2;
  auto placed = o.place(f);
  CHECK(on(placed, "a") == 1);
  CHECK(on(placed, "b") == 2);
  CHECK(on(placed, "c") == 1);
  auto more = o.facts({"a", "b", "c", "d"}, {"s1", "s2", "s3", "s4"});
  more.nodes[1].capacity = 2;
  more.nodes[3].capacity = 1;
  auto then = o.place(more);
  CHECK(on(then, "d") == 1);
  for (const auto& [service, node] : then)
    CHECK((node == "d" || node == placed.at(service)));
}

TEST_CASE("what a lost or draining node had goes to the others, and nothing else moves") {
  office o;
  const std::vector<std::string> services{"s1", "s2", "s3"};
  auto placed = o.place(o.facts({"a", "b", "c"}, services));
  auto without = o.facts({"a", "b"}, services);
  auto draining = o.facts({"a", "b", "c"}, services);
  draining.nodes[2].usable = false;
  auto then = o.place(GENERATE(0, 1) == 0 ? without : draining);
  CHECK(on(then, "c") == 0);
  for (const auto& [service, node] : placed)
    if (node != "c")
      CHECK(then.at(service) == node);
}

TEST_CASE("services move between nodes that can work only when these have settled") {
  office o;
  const std::vector<std::string> services{"s1", "s2", "s3", "s4"};
  auto two = o.facts({"a", "b"}, services);
  two.settled = false;
  auto placed = o.place(two);
  CHECK(on(placed, "a") == 2);
  CHECK(on(placed, "b") == 2);
  auto three = o.facts({"a", "b", "c"}, services);
  CHECK(nodes_able(o.state, three) == std::set<std::string>{"a", "b", "c"});
  three.settled = false;
  CHECK(o.place(three) == placed);
  // What has no node goes where most room is.
  auto lost = o.facts({"a", "c"}, services);
  lost.settled = false;
  CHECK(nodes_able(o.state, lost) == std::set<std::string>{"a", "c"});
  auto then = o.place(lost);
  CHECK(on(then, "a") == 2);
  CHECK(on(then, "c") == 2);
  auto back = o.facts({"a", "b", "c"}, services);
  CHECK(on(o.place(back), "b") == 1);
}

TEST_CASE("a node that comes back as another process is given its services anew") {
  office o;
  auto f = o.facts({"a", "b"}, {"s1", "s2"});
  auto placed = o.place(f);
  f.starts["b"] = 2;
  CHECK(services_of(o.state, "b", 2).empty());
  CHECK(o.place(f) == placed);
  CHECK(services_of(o.state, "b", 2).size() == 1);
  CHECK(services_of(o.state, "b", 1).empty());
}

TEST_CASE("a service on the embedded log is the leader's, and waits while that may not work") {
  office o;
  auto f = o.facts({"b", "a", "c"}, {"one-log", "two-log", "s1"});
  auto placed = o.place(f);
  CHECK(placed.at("one-log") == "b");
  CHECK(placed.at("two-log") == "b");
  f.nodes[0].usable = false;
  CHECK(o.place(f).at("one-log") == "b");
}

TEST_CASE("a service that runs well stays where it is until it is ready where it goes") {
  office o;
  auto f = o.facts({"a", "b", "c"}, {"s1", "s2", "s3"});
  auto placed = o.place(f);
  const auto b = services_of(o.state, "b", 1).begin()->first;
  // b is drained.
  f.nodes[1].usable = false;
  auto all = place_services(o.state, f);
  REQUIRE(all.size() == 1);
  const auto to = all.front().nodes.front().node;
  auto decide = [&] {
    auto left = place_services(o.state, f);
    auto held = hold_back(o.state, f, left);
    CHECK(left.size() + held.size() == 1);
    return held;
  };
  SECTION("it does not run: at once") { CHECK(decide().empty()); }
  SECTION("it runs") {
    f.running = {b};
    CHECK(decide() == std::map<std::string, std::string>{{b, to}});
    f.warm[b] = {"b"};
    CHECK(decide().size() == 1);
    f.warm[b] = {to};
    CHECK(decide().empty());
  }
  SECTION("the same node with another process: at once") {
    f.nodes[1].usable = true;
    f.starts["b"] = 2;
    f.running = {b};
    CHECK(decide().empty());
  }
  SECTION("it is in no file any more: at once") {
    f.nodes[1].usable = true;
    f.running = {b};
    std::erase_if(f.services, [&](const auto& s) { return s.name == b; });
    auto left = place_services(o.state, f);
    CHECK(hold_back(o.state, f, left).empty());
    CHECK(std::any_of(left.begin(), left.end(), [&](const auto& a) { return a.job == b && a.nodes.empty(); }));
  }
}

TEST_CASE("standbys are other nodes than the owner, spread by load, and stay where they have begun") {
  office o;
  auto f = o.facts({"a", "b", "c"}, {"s1", "s2", "s3", "one-log"});
  CHECK(standbys(o.state, f).empty());
  for (auto& s : f.services)
    s.standby = 1;
  CHECK(standbys(o.state, f).empty()); // Nobody has them yet.
  auto placed = o.place(f);
  auto all = standbys(o.state, f);
  CHECK(all.size() == 3);
  std::map<std::string, std::size_t> load;
  for (const auto& [service, nodes] : all) {
    REQUIRE(nodes.size() == 1);
    CHECK(*nodes.begin() != placed[service]);
    ++load[*nodes.begin()];
  }
  CHECK(load == std::map<std::string, std::size_t>{{"a", 1}, {"b", 1}, {"c", 1}});
  // Of two that could, who has begun.
  const std::string owner = placed["s1"];
  const std::string last = owner == "c" ? "b" : "c";
  f.warming["s1"] = {last, owner};
  CHECK(standbys(o.state, f)["s1"] == std::set<std::string>{last});
  f.services[0].standby = 9;
  CHECK(standbys(o.state, f)["s1"].size() == 2);
  // It gets the service, whatever the others have.
  f.warm["s1"] = {last};
  for (auto& n : f.nodes)
    n.usable = n.node != owner;
  f.settled = GENERATE(false, true);
  CHECK(o.place(f)["s1"] == last);
}

TEST_CASE("a service that failed on a node goes to another, if there is one") {
  office o;
  auto f = o.facts({"a", "b"}, {"s1"});
  auto first = o.place(f).at("s1");
  f.failed_on["s1"] = {first};
  CHECK(o.place(f).at("s1") != first);
  f.failed_on["s1"] = {"a", "b"};
  auto last = o.place(f).at("s1");
  auto before = services_of(o.state, last, 1).at("s1");
  f.again = {"s1"};
  CHECK(o.place(f).at("s1") == last);
  CHECK(services_of(o.state, last, 1).at("s1") > before);
}

TEST_CASE("a service that is in no file any more is nobody's; nobody who could run one changes nothing") {
  office o;
  o.place(o.facts({"a", "b"}, {"s1", "s2"}));
  auto none = o.facts({"a", "b"}, {"s1", "s2"});
  for (auto& n : none.nodes)
    n.usable = false;
  CHECK(place_services(o.state, none).empty());
  CHECK(o.place(o.facts({"a", "b"}, {"s2"})).size() == 1);
}
