#include <boost/json.hpp>
#include <weir/core/clock.hpp>
#include "actors/nodes/service_keeper.hpp"
#include "tests/nodes/idle_runtime.hpp"
#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

namespace {

/// Node a, process 5, with a control topic that is written by hand.
struct keeping {
  std::shared_ptr<node_board> board = std::make_shared<node_board>(system_clock().monotonic());
  cluster::cluster_state state;
  std::mutex mutex;
  std::vector<std::shared_ptr<idle_runtime::control>> started;
  std::optional<error> refuses;
  std::uint64_t attempt = 0;
  std::unique_ptr<service_keeper> keeper;

  std::atomic<bool> warm_up_holds{false};
  std::atomic<int> warmed{0};

  explicit keeping(duration fenced_pause = std::chrono::hours(1)) {
    write(0, cluster::term_record{"a", 1});
    file(1);
    service_keeper_options o;
    o.self = "a";
    o.start = 5;
    o.board = board;
    o.look = std::chrono::milliseconds(1);
    o.patience = std::chrono::hours(1);
    o.fenced_pause = fenced_pause;
    o.start_service = [this](const cluster::services_record&, const std::string&,
                             const auto&) -> result<std::unique_ptr<runtime>> {
      std::lock_guard lock(mutex);
      if (refuses)
        return *refuses;
      started.push_back(std::make_shared<idle_runtime::control>());
      return std::unique_ptr<runtime>(std::make_unique<idle_runtime>(started.back()));
    };
    o.warm_up = [this](const cluster::services_record&, const std::string&, const auto&) -> result<std::uint64_t> {
      ++warmed;
      while (warm_up_holds)
        std::this_thread::yield();
      return 3;
    };
    keeper = std::make_unique<service_keeper>(std::move(o));
    keeper->start({});
  }
  ~keeping() {
    warm_up_holds = false;
    // What would begin again now would never end.
    std::lock_guard lock(mutex);
    refuses = error{errc::cancelled, "the test is over"};
    for (auto& s : started)
      s->ended = true;
  }
  void write(std::uint64_t number, cluster::control_body body) {
    cluster::control_record r{{{state.term(), number}, state.last_serial() + 1}, std::move(body)};
    REQUIRE(state.apply({state.next_offset(), cluster::encode_control(r)}).ok());
    board->change([this](auto& v) { v.control = std::make_shared<const cluster::cluster_state>(state); });
  }
  void file(std::uint64_t version, const std::string& text = "{}") {
    cluster::services_record s;
    s.version = version;
    s.text = text;
    write(0, s);
  }
  void assign(const std::string& node, std::uint64_t start) {
    cluster::assignment_record r;
    r.job = "s1";
    r.nodes = {{node, start}};
    write(++attempt, r);
  }
  void others(bool run_it) {
    board->change([&](auto& v) {
      node_report r;
      r.node = "b";
      if (run_it)
        r.services = {{"s1", 1, "stopping", "", true, false, 3, 0}};
      v.reports["b"] = r;
    });
  }
  std::size_t starts() {
    std::lock_guard lock(mutex);
    return started.size();
  }
  std::shared_ptr<idle_runtime::control> last() {
    std::lock_guard lock(mutex);
    return started.back();
  }
  std::string phase() {
    auto r = keeper->report();
    return r.empty() ? "none" : r.front().phase;
  }
};

} // namespace

TEST_CASE("a node runs what the control topic gives to its process, and stops it when that goes elsewhere") {
  keeping k;
  k.assign("a", 4); // Of the process before.
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  CHECK(k.keeper->report().front().checkpoint == 7);
  k.assign("b", 9);
  REQUIRE(eventually([&] { return k.last()->stop_asked.load(); }));
  CHECK(k.phase() != "none"); // Reported until it is at its end: the next owner waits for that.
  k.last()->ended = true;
  REQUIRE(eventually([&] { return k.phase() == "none"; }));
  CHECK(k.starts() == 1);
}

TEST_CASE("a new owner waits for the last checkpoint of the old one") {
  keeping k;
  k.others(true);
  k.assign("a", 5);
  // Another service that comes behind it in each look is started: this one was looked at and left.
  cluster::assignment_record behind;
  behind.job = "s2";
  behind.nodes = {{"a", 5}};
  k.write(1, behind);
  REQUIRE(eventually([&] { return k.starts() == 1; }));
  auto report = k.keeper->report();
  CHECK(std::none_of(report.begin(), report.end(), [](const auto& s) { return s.name == "s1"; }));
  k.others(false);
  REQUIRE(eventually([&] { return k.starts() == 2; }));
}

TEST_CASE("a node makes the store of a service ready that the leader is to give it, and starts it when that is at rest") {
  keeping k;
  k.warm_up_holds = true;
  k.assign("b", 9);
  auto leader_says = [&](std::vector<planned_move> moves) {
    k.board->change([&](auto& v) {
      v.reports["a"].moves = std::move(moves);
      v.reports["b"].moves = {{"s2", "a", false}}; // Who does not lead has nothing to say.
    });
  };
  leader_says({{"s1", "a", false}, {"s3", "c", false}});
  REQUIRE(eventually([&] { return k.warmed > 0; }));
  auto warm = k.keeper->warm();
  REQUIRE(warm.size() == 1);
  CHECK(warm.front().name == "s1");
  leader_says({});
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.keeper->warm().empty(); }));
  CHECK(k.starts() == 0);
  k.warm_up_holds = false;
  REQUIRE(eventually([&] { return k.starts() == 1; }));
  CHECK(k.warmed == 1);
}

TEST_CASE("another services file stops a service behind a checkpoint and starts it from the new one") {
  keeping k;
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  k.file(2);
  REQUIRE(eventually([&] { return k.last()->stop_asked.load(); }));
  k.last()->ended = true;
  REQUIRE(eventually([&] { return k.starts() == 2 && k.phase() == "running"; }));
  CHECK(k.keeper->report().front().version == 2);
}

TEST_CASE("a service of which another services file says the same goes on") {
  keeping k;
  const std::string of_s1 = R"({"services": [{"name": "s1"})";
  k.file(2, of_s1 + R"(, {"name": "s2"}]})");
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  k.file(3, of_s1 + R"(, {"name": "s2", "x": 1}]})");
  REQUIRE(eventually([&] { return k.keeper->report().front().version == 3; }));
  CHECK_FALSE(k.last()->stop_asked);
  k.file(4, R"({"services": [{"name": "s1", "x": 1}]})");
  REQUIRE(eventually([&] { return k.last()->stop_asked.load(); }));
  CHECK(k.starts() == 1);
}

TEST_CASE("a node asks the services that it runs, and no others") {
  keeping k;
  ask_message m;
  m.service = "s1";
  auto unasked = [](const ask_outcome&) { FAIL("nobody was asked"); };
  CHECK_FALSE(k.keeper->ask(m, std::chrono::seconds(1), unasked));
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  std::string said;
  CHECK(k.keeper->ask(m, std::chrono::seconds(1), [&](const ask_outcome& o) { said = o.value(); }));
  CHECK(said == "here");
  m.service = "s2";
  CHECK_FALSE(k.keeper->ask(m, std::chrono::seconds(1), unasked));
}

TEST_CASE("a service that failed for good is reported and left alone until it is assigned anew") {
  keeping k;
  SECTION("while it ran") {
    k.assign("a", 5);
    REQUIRE(eventually([&] { return k.phase() == "running"; }));
    k.last()->cause = error{errc::user_code_failed, "the handler threw"};
    k.last()->ended = true;
  }
  SECTION("at its start") {
    k.refuses = error{errc::invalid_config, "the handler threw"};
    k.assign("a", 5);
  }
  REQUIRE(eventually([&] { return k.phase() == "failed"; }));
  auto r = k.keeper->report().front();
  CHECK(r.failed);
  CHECK(r.detail == "the handler threw");
  auto before = k.starts();
  {
    std::lock_guard lock(k.mutex);
    k.refuses.reset();
  }
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  CHECK(k.starts() == before + 1);
}

TEST_CASE("whatever text a service fails with, the node's report and status can be told") {
  keeping k;
  k.refuses = error{errc::user_code_failed, "\xff\x1b" + std::string(std::size_t{4} << 20, 'x')};
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "failed"; }));
  node_report r;
  r.node = "a";
  r.services = k.keeper->report();
  CHECK(make_node_message(encode_word(r)).ok());
  k.board->change([&](auto& v) { v.reports["a"] = r; });
  auto status = boost::json::parse(board_json(k.board->look(), "shop", "a", "a"));
  CHECK(status.at("placed").at("s1").at("phase") == "failed");
}

TEST_CASE("a service that was fenced begins again behind a pause, or when it is assigned anew") {
  auto paused = GENERATE(true, false);
  keeping k(paused ? duration(std::chrono::hours(1)) : duration{0});
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  k.last()->cause = error{errc::fenced, "somebody else"};
  k.last()->ended = true;
  if (paused) {
    REQUIRE(eventually([&] { return k.phase() == "fenced"; }));
    CHECK_FALSE(k.keeper->report().front().active);
    CHECK_FALSE(k.keeper->report().front().failed);
    CHECK(k.starts() == 1);
    k.assign("a", 5);
  }
  REQUIRE(eventually([&] { return k.starts() == 2; }));
}

TEST_CASE("a service that is at the end of its input is not begun again") {
  keeping k;
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  k.last()->phase = job_phase::ended;
  k.last()->ended = true;
  REQUIRE(eventually([&] { return k.phase() == "ended"; }));
  CHECK(k.starts() == 1);
  k.file(2);
  REQUIRE(eventually([&] { return k.starts() == 2; }));
}

TEST_CASE("a node that is to end waits for others that get ready for its services, and for no longer than that") {
  cluster::cluster_state state;
  cluster::control_record term{{{state.term(), 0}, 1}, cluster::term_record{"a", 1}};
  REQUIRE(state.apply({0, cluster::encode_control(term)}).ok());
  node_board::view v;
  v.control = std::make_shared<const cluster::cluster_state>(state);
  std::vector<running_service> mine{{"s1", 1, "running", "", true, false, 3, 0}};
  CHECK(gives_away(v, mine, 1s)); // The leader may not have said yet who gets it.
  CHECK_FALSE(gives_away(v, mine, 3s));
  v.reports["b"].moves = {{"s1", "c", false}}; // Who does not lead.
  CHECK_FALSE(gives_away(v, mine, 3s));
  v.reports["a"].moves = {{"s2", "c", false}, {"s1", "c", true}};
  CHECK_FALSE(gives_away(v, mine, 3s));
  v.reports["a"].moves.push_back({"s1", "c", false});
  CHECK(gives_away(v, mine, 3s));
  CHECK_FALSE(gives_away(v, mine, 16s));
  v.reports.clear();
  mine.front().phase = "stopping";
  CHECK(gives_away(v, mine, 3s));
  mine.front().active = false;
  CHECK_FALSE(gives_away(v, mine, 1s));
  CHECK_FALSE(gives_away(v, {}, 1s));
}
