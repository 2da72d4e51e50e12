#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "tests/catch.hpp"
#include "tests/e2e/nodes/cluster_of_nodes.hpp"
#include "tests/e2e/scene.hpp"

// The shop on three nodes and a real broker: its six services, four of them in two shards each, move while events flow, and what
// comes out is right.

namespace {

using namespace weir::e2e;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

const fs::path program = WEIR_BINARY_DIR "/weir";
constexpr unsigned keys = 40;
constexpr unsigned shards = 2;

class shop_on_nodes {
 public:
  shop_on_nodes() {
    auto pattern = (fs::temp_directory_path() / "weir-nodes.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no folder under " + fs::temp_directory_path().string());
    folder = pattern;
    const auto* at = std::getenv("WEIR_TEST_KAFKA");
    if (at == nullptr)
      throw std::runtime_error("WEIR_TEST_KAFKA does not say where the broker is");
    auto name = "nodes-" + folder.filename().string().substr(11);
    where = make_kafka_world(at, WEIR_SOURCE_DIR, folder, name, what);
    environment = where->environment();
    environment.insert(what.environment.begin(), what.environment.end());
    environment["CHECKPOINT_INTERVAL"] = "200ms";
    environment["WEIR_CHECKPOINT_STANDBY"] = "1";
    file = with_shards(where->config(), what, shards, folder / "services.json");
    nodes = std::make_unique<cluster_of_nodes>(program, folder, at, name, std::vector<std::string>{"a", "b", "c"}, environment);
    orders = what.make_input(11, keys);
    for (const auto& c : what.companions)
      others.push_back(c.make_input ? c.make_input(11, keys) : nullptr);
  }
  ~shop_on_nodes() {
    nodes.reset();
    where->clean_up();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  shop_on_nodes(const shop_on_nodes&) = delete;

  void feed() {
    where->produce(orders->next(60));
    for (std::size_t i = 0; i < others.size(); ++i)
      if (others[i])
        where->produce_to(what.companions[i].input, what.companions[i].key_field, others[i]->next(20));
  }
  /// Feeds until all services run, none on one of `without`.
  void until_all_run(const char* when, const std::set<std::string>& without) {
    nodes->wait_until(when, [&] {
      feed();
      placed = nodes->running();
      return placed.size() == services &&
             std::none_of(placed.begin(), placed.end(), [&](const auto& p) { return without.count(p.second) > 0; });
    });
  }
  /// Payments asks inventory of each reservation, wherever the two run.
  void until_asks_are_answered(const char* condition) {
    const auto before = nodes->answered_asks();
    nodes->wait_until(condition, [&] {
      feed();
      return nodes->answered_asks() > before;
    });
  }
  bool reached(const std::function<bool(const world_facts&)>& done) const {
    try {
      return done(where->read_all());
    } catch (const std::runtime_error&) {
      return false; // A topic that no service has made yet.
    }
  }
  /// Feeds until each service has a standby that is ready; which one.
  std::map<std::string, std::string> ready_standbys() {
    std::map<std::string, std::string> out;
    nodes->wait_until("each service has a standby", [&] {
      feed();
      out.clear();
      const auto now = nodes->status();
      if (!now.is_null())
        for (const auto& p : now.at("placed").as_object())
          for (const auto& e : p.value().at("elsewhere").as_array())
            if (e.at("standby").as_bool() && e.at("ready").as_bool())
              out[p.key()] = e.at("node").as_string().c_str();
      return out.size() == services;
    });
    return out;
  }
  /// Of one node's services, whether each is where its standby was.
  void check_standbys(const std::map<std::string, std::string>& before, const std::string& lost,
                      const std::map<std::string, std::string>& standby) const {
    for (const auto& [service, node] : before) {
      INFO(service << " was on " << node << ", its standby " << standby.at(service) << ", now on " << placed.at(service));
      CHECK((node != lost || placed.at(service) == standby.at(service)));
    }
  }
  std::string some_node(const std::set<std::string>& but) const {
    for (const auto* node : {"a", "b", "c"})
      if (but.count(node) == 0)
        return node;
    return {};
  }

  const scene& what = shop_scene();
  fs::path folder;
  std::unique_ptr<world> where;
  fs::path file; ///< With the services.
  const std::size_t services = 6 + what.shardable.size() * (shards - 1);
  std::map<std::string, std::string> environment;
  std::unique_ptr<cluster_of_nodes> nodes;
  std::unique_ptr<input_maker> orders;
  std::vector<std::unique_ptr<input_maker>> others;
  std::map<std::string, std::string> placed; ///< By service.
};

void check(const std::string& who, const verdict& v) {
  std::string all = who + ":\n";
  for (const auto& c : v.complaints)
    all += c + "\n";
  INFO(all);
  CHECK(v.right());
  CHECK(v.totals > 0);
}

/// How often the log of a node says that a service goes to another one.
std::size_t given_away(const fs::path& log) {
  std::ifstream in(log);
  std::size_t out = 0;
  for (std::string line; std::getline(in, line);)
    out += line.find("a service goes to another node") != std::string::npos ? 1 : 0;
  return out;
}

} // namespace

TEST_CASE("services move while nodes drain, are killed and come back, and each event counts once") {
  shop_on_nodes s;
  auto& nodes = *s.nodes;
  for (const auto* node : {"a", "b", "c"})
    nodes.start(node);
  nodes.wait_until("three nodes that could work together", [&] {
    const auto now = nodes.status();
    return !now.is_null() && now.at("able").as_array().size() == 3;
  });
  nodes.order({"apply", s.file.string()});
  for (const auto& o : s.what.openings)
    s.where->produce_to(o.where, o.key_field, o.make(keys));
  nodes.wait_until("stock and accounts are filled", [&] { return s.reached(s.what.opened); });
  s.until_all_run("all services run", {});
  std::set<std::string> used;
  for (const auto& [service, node] : s.placed)
    used.insert(node);
  CHECK(used.size() == 3);
  s.until_asks_are_answered("asks between services are answered");

  const auto leader = nodes.leader();
  const auto drained = s.some_node({leader});
  nodes.order({"drain", drained});
  s.until_all_run("a drained node has no service", {drained});
  s.until_asks_are_answered("asks are answered behind a drain");

  nodes.kill(leader);
  s.until_all_run("the services of a killed leader run elsewhere", {drained, leader});
  s.until_asks_are_answered("asks are answered behind a kill");

  nodes.order({"drain", drained, "--undo"});
  nodes.start(leader);
  nodes.wait_until("services are on three nodes again", [&] {
    s.feed();
    std::set<std::string> now;
    s.placed = nodes.running();
    for (const auto& [service, node] : s.placed)
      now.insert(node);
    return now.size() == 3 && s.placed.size() == s.services;
  });

  const auto other = s.some_node({nodes.leader()});
  const auto standby = s.ready_standbys();
  const auto before = nodes.running();
  nodes.kill(other);
  s.until_all_run("the services of a killed node run elsewhere", {other});
  s.check_standbys(before, other, standby);
  nodes.wait_until("every order has come to its end", [&] { return s.reached(s.what.settled); });
  // The first that is stopped gives its services away while they run, to the last one.
  std::vector<std::string> left;
  for (const auto* node : {"a", "b", "c"})
    if (node != other)
      left.emplace_back(node);
  auto had = std::size_t{0};
  for (const auto& [service, node] : nodes.running())
    had += node == left.front() ? 1 : 0;
  const auto given = given_away(nodes.log(left.front()));
  nodes.stop(left.front());
  CHECK(given_away(nodes.log(left.front())) >= given + had);
  nodes.stop(left.back());

  // A process without a store goes on from the copies, to the end of all input.
  process::setup last;
  last.command = {program.string(), "run", s.file.string(), "--until-end"};
  last.environment = s.environment;
  last.environment["WEIR_CHECKPOINT_DIRECTORY"] = (nodes.shared() / "checkpoints").string();
  last.directory = s.folder;
  last.errors = s.folder / "last.err";
  run_to_end(last, 120s);
  auto facts = s.where->read_all();
  check("shop", s.what.judge(facts));
  s.where->read_companions(facts);
  for (const auto& c : s.what.companions)
    check(c.service, c.judge(facts));
}
