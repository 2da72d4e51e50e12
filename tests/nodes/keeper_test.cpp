#include <weir/core/clock.hpp>
#include "actors/nodes/service_keeper.hpp"
#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

namespace {

/// A job that does nothing and ends as it is told.
class idle_runtime final : public runtime {
 public:
  struct control {
    std::atomic<bool> stop_asked{false}, ended{false};
    std::optional<error> cause;
  };
  explicit idle_runtime(std::shared_ptr<control> c) : control_(std::move(c)) {}
  [[nodiscard]] std::vector<job_status> status() const override {
    job_status s;
    s.job = "s1";
    s.phase = control_->stop_asked ? job_phase::stopping : job_phase::running;
    s.checkpoint = 7;
    return {s};
  }
  void request_stop() override { control_->stop_asked = true; }
  std::vector<job_end> wait(duration) override {
    if (!control_->ended)
      return {};
    job_end e;
    e.job = "s1";
    e.phase = control_->cause ? job_phase::failed : job_phase::stopped;
    e.cause = control_->cause;
    return {e};
  }
  void ask(ask_message, duration, std::function<void(ask_outcome)> done) override { done(std::string("here")); }
  bool release(const std::string&, const std::string&, unpark) override { return false; }

 private:
  std::shared_ptr<control> control_;
};

/// Node a, process 5, with a control topic that is written by hand.
struct keeping {
  std::shared_ptr<node_board> board = std::make_shared<node_board>(system_clock().monotonic());
  cluster::cluster_state state;
  std::mutex mutex;
  std::vector<std::shared_ptr<idle_runtime::control>> started;
  std::optional<error> refuses;
  std::uint64_t attempt = 0;
  std::unique_ptr<service_keeper> keeper;

  keeping() {
    write(0, cluster::term_record{"a", 1});
    file(1);
    service_keeper_options o;
    o.self = "a";
    o.start = 5;
    o.board = board;
    o.look = std::chrono::milliseconds(1);
    o.patience = std::chrono::hours(1);
    o.start_service = [this](const cluster::services_record&, const std::string&) -> result<std::unique_ptr<runtime>> {
      std::lock_guard lock(mutex);
      if (refuses)
        return *refuses;
      started.push_back(std::make_shared<idle_runtime::control>());
      return std::unique_ptr<runtime>(std::make_unique<idle_runtime>(started.back()));
    };
    keeper = std::make_unique<service_keeper>(std::move(o));
  }
  ~keeping() {
    for (auto& s : started)
      s->ended = true;
  }
  void write(std::uint64_t number, cluster::control_body body) {
    cluster::control_record r{{{state.term(), number}, state.last_serial() + 1}, std::move(body)};
    REQUIRE(state.apply({state.next_offset(), cluster::encode_control(r)}).ok());
    board->change([this](auto& v) { v.control = std::make_shared<const cluster::cluster_state>(state); });
  }
  void file(std::uint64_t version) {
    cluster::services_record s;
    s.version = version;
    s.text = "{}";
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
        r.services = {{"s1", 1, "stopping", "", false, 3, 0}};
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
  std::optional<ask_outcome> answer;
  ask_message m;
  m.service = "s1";
  k.keeper->ask(m, std::chrono::seconds(1), [&](ask_outcome o) { answer = std::move(o); });
  REQUIRE(answer);
  CHECK(answer->ok());
  k.assign("b", 9);
  REQUIRE(eventually([&] { return k.last()->stop_asked.load(); }));
  CHECK(k.phase() != "none"); // Reported until it is at its end: the next owner waits for that.
  k.last()->ended = true;
  REQUIRE(eventually([&] { return k.phase() == "none"; }));
  CHECK(k.starts() == 1);
  m.service = "s1";
  k.keeper->ask(m, std::chrono::seconds(1), [&](ask_outcome o) { answer = std::move(o); });
  CHECK(answer->err().code == ask_errc::unavailable);
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

TEST_CASE("a service that was fenced is started again where it is still assigned") {
  keeping k;
  k.assign("a", 5);
  REQUIRE(eventually([&] { return k.phase() == "running"; }));
  k.last()->cause = error{errc::fenced, "somebody else"};
  k.last()->ended = true;
  REQUIRE(eventually([&] { return k.starts() == 2; }));
}
