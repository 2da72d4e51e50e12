#include <future>
#include "actors/nodes/node_speaker.hpp"
#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

namespace {

/// A node that speaks for itself; what it runs answers with the node's name and the question.
class site {
 public:
  explicit site(const std::string& name) : node(name), name_(name) {
    write(0, cluster::term_record{"b", 1});
    // Control topic and directory answer: else nobody would ask it.
    board->change([](auto& v) { v.log_answered = v.directory_answered = system_clock().monotonic() + std::chrono::hours(1); });
    node.tune = [this](node_transport_options& o) {
      o.speaker = spawn();
      o.up = [this, up = o.up](const peer_link& p) {
        up(p);
        caf::anon_send(speaker, msg::peer_up{p});
      };
      o.down = [this, down = o.down](const std::string& peer, const std::string& why) {
        down(peer, why);
        caf::anon_send(speaker, msg::peer_down{peer, why});
      };
    };
  }
  ~site() {
    node.stop();
    if (speaker) {
      caf::scoped_actor self(node.system());
      self->send_exit(speaker, caf::exit_reason::user_shutdown);
      self->wait_for(speaker);
    }
  }
  void runs(const std::string& service, bool it_does = true) {
    std::lock_guard lock(mutex_);
    if (it_does)
      services_.insert(service);
    else
      services_.erase(service);
  }
  /// The services file gives the service to node b.
  void knows(const std::string& service) {
    cluster::assignment_record r;
    r.job = service;
    r.nodes = {{"b", 1}};
    write(1, r);
  }
  std::future<ask_outcome> ask(const std::string& service, const std::string& question, duration timeout = 20s) {
    auto promise = std::make_shared<std::promise<ask_outcome>>();
    ask_message m;
    m.service = service;
    m.question = "q";
    m.payload = question;
    m.topic_hash = topic_hash;
    m.id = "id";
    m.chain = {{"shop", "k"}};
    caf::anon_send(speaker, msg::ask_elsewhere{m, system_clock().monotonic() + timeout,
                                               [promise](ask_outcome o) { promise->set_value(std::move(o)); }});
    return promise->get_future();
  }
  void hold(bool it) {
    std::lock_guard lock(mutex_);
    hold_ = it;
  }
  std::size_t held() {
    std::lock_guard lock(mutex_);
    return held_.size();
  }
  std::size_t refused() {
    std::lock_guard lock(mutex_);
    return refused_;
  }

  test_node node;
  std::shared_ptr<node_board> board = std::make_shared<node_board>(system_clock().monotonic());
  caf::actor speaker;
  std::size_t most_asks = 4096;
  std::string answer; ///< In place of the usual one.
  std::uint32_t topic_hash = 0;

 private:
  void write(std::uint64_t number, cluster::control_body body) {
    cluster::control_record r{{{state_.term(), number}, state_.last_serial() + 1}, std::move(body)};
    REQUIRE(state_.apply({state_.next_offset(), cluster::encode_control(r)}).ok());
    board->change([this](auto& v) { v.control = std::make_shared<const cluster::cluster_state>(state_); });
  }
  caf::actor spawn() {
    speaker_options s;
    s.self = s.report.node = name_;
    s.board = board;
    s.interval = 10ms;
    s.most_asks = most_asks;
    s.tick = [](const auto&) {};
    s.status = [] { return std::string(); };
    s.services = [this] {
      std::lock_guard lock(mutex_);
      std::vector<running_service> out;
      for (const auto& name : services_)
        out.push_back({name, 1, "running", "", true, false, 0, 0});
      return out;
    };
    s.ask_here = [this](const ask_message& m, duration, std::function<void(ask_outcome)> done) {
      std::lock_guard lock(mutex_);
      if (!services_.contains(m.service)) {
        ++refused_;
        return false;
      }
      if (hold_)
        held_.push_back(std::move(done));
      else if (m.payload == "wrong")
        done(ask_error{ask_errc::failed, "it is wrong"});
      else
        done(answer.empty() ? name_ + ": " + m.payload + " of " + m.chain.at(0).service : answer);
      return true;
    };
    return speaker = node.system().spawn(node_speaker, std::move(s));
  }

  std::string name_;
  std::mutex mutex_;
  std::set<std::string> services_;
  std::vector<std::function<void(ask_outcome)>> held_;
  bool hold_ = false;
  std::size_t refused_ = 0;
  cluster::cluster_state state_;
};

struct two_sites {
  site a{"a"}, b{"b"};
  void connect() {
    REQUIRE(b.node.start({{"a", 1}, {"b", 0}}));
    REQUIRE(a.node.start({{"a", 0}, {"b", b.node.port()}}));
    REQUIRE(eventually([&] { return hears("a", b) && hears("b", a); }));
  }
  static bool hears(const std::string& node, site& by) { return by.board->look().reports.contains(node); }
  /// Node a has heard that b runs it.
  void b_runs(const std::string& service) {
    b.runs(service);
    REQUIRE(eventually([&] {
      auto seen = a.board->look();
      return seen.reports.contains("b") && !seen.reports.at("b").services.empty();
    }));
  }
};

} // namespace

TEST_CASE("an ask reaches the service on this node and on another one, and what comes of it comes back") {
  two_sites s;
  s.connect();
  s.a.runs("near");
  s.b_runs("far");
  CHECK(s.a.ask("near", "x").get().value() == "a: x of shop");
  CHECK(s.a.ask("far", "x").get().value() == "b: x of shop");
  auto wrong = s.a.ask("far", "wrong").get();
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.err().code == ask_errc::failed);
  CHECK(wrong.err().message == "it is wrong");
  auto nobody = s.a.ask("nobody", "x").get();
  REQUIRE_FALSE(nobody.ok());
  CHECK(nobody.err().code == ask_errc::no_service);
  REQUIRE(eventually([&] { return s.a.board->look().asked.unanswered == 1; }));
  const auto counted = s.a.board->look().asked;
  CHECK(counted.here == 1);
  CHECK(counted.elsewhere == 2);
  CHECK(counted.again == 0);
  CHECK(counted.open == 0);
}

TEST_CASE("an ask of a service that moves finds it where it goes") {
  two_sites s;
  s.a.knows("s");
  s.connect();
  s.b_runs("s");
  // The node that asks believes for a moment that it is still there.
  s.b.hold(true);
  s.b.runs("s", false);
  auto asked = s.a.ask("s", "x");
  REQUIRE(eventually([&] { return s.b.refused() > 0 || s.a.refused() > 1; }));
  s.a.runs("s");
  CHECK(asked.get().value() == "a: x of shop");
}

TEST_CASE("an ask that a node took with it is asked again of the next owner") {
  two_sites s;
  s.a.knows("s");
  s.connect();
  s.b_runs("s");
  s.b.hold(true);
  auto asked = s.a.ask("s", "x");
  REQUIRE(eventually([&] { return s.b.held() == 1; }));
  s.b.node.stop();
  s.a.runs("s");
  CHECK(asked.get().value() == "a: x of shop");
}

TEST_CASE("an ask ends with its time, and says where it was") {
  two_sites s;
  s.a.knows("s");
  s.connect();
  SECTION("a node does not answer") {
    s.b_runs("s");
    s.b.hold(true);
    auto o = s.a.ask("s", "x", 200ms).get();
    REQUIRE_FALSE(o.ok());
    CHECK(o.err().code == ask_errc::timed_out);
    CHECK(o.err().message.find("node 'b'") != std::string::npos);
  }
  SECTION("no node runs it") {
    auto o = s.a.ask("s", "x", 200ms).get();
    REQUIRE_FALSE(o.ok());
    CHECK(o.err().code == ask_errc::unavailable);
    CHECK(o.err().message == "service 's', question 'q': no node runs it now");
  }
}

TEST_CASE("nobody waits for, or asks, a service of a node that control topic or directory do not answer") {
  two_sites s;
  s.a.knows("s");
  s.connect();
  s.b_runs("s");
  const auto active = [&] {
    auto seen = s.a.board->look();
    return seen.reports.contains("b") && seen.reports.at("b").services.at(0).active;
  };
  REQUIRE(eventually(active));
  const auto of_log = GENERATE(true, false);
  auto answered = [&](duration at) {
    s.b.board->change([&](auto& v) { (of_log ? v.log_answered : v.directory_answered) = at; });
  };
  answered(duration{0});
  REQUIRE(eventually([&] { return !active(); }));
  auto o = s.a.ask("s", "x", 200ms).get();
  REQUIRE_FALSE(o.ok());
  CHECK(o.err().code == ask_errc::unavailable);
  answered(system_clock().monotonic() + std::chrono::hours(1));
  CHECK(s.a.ask("s", "x").get().value() == "b: x of shop");
}

TEST_CASE("no more asks are open at a node than it takes") {
  two_sites s;
  auto limited_by_asker = GENERATE(true, false);
  (limited_by_asker ? s.a : s.b).most_asks = 2;
  s.connect();
  s.b_runs("s");
  s.b.hold(true);
  auto first = s.a.ask("s", "1"), second = s.a.ask("s", "2");
  REQUIRE(eventually([&] { return s.b.held() == 2; }));
  auto third = s.a.ask("s", "3").get();
  REQUIRE_FALSE(third.ok());
  CHECK(third.err().code == ask_errc::unavailable);
  CHECK(third.err().message.find("open already") != std::string::npos);
  CHECK(first.wait_for(0s) == std::future_status::timeout);
}

TEST_CASE("what is too large for a message between nodes is an error of the ask, and the connection stays") {
  two_sites s;
  s.connect();
  s.b_runs("s");
  auto question = s.a.ask("s", std::string(longest_node_message, 'x')).get();
  REQUIRE_FALSE(question.ok());
  CHECK(question.err().code == ask_errc::failed);
  s.b.answer = std::string(longest_node_message, 'x');
  auto answer = s.a.ask("s", "x").get();
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.err().code == ask_errc::failed);
  CHECK(answer.err().message.starts_with("the answer: "));
  CHECK(s.a.node.lost().empty());
}

TEST_CASE("who asks is told when the node ends") {
  std::future<ask_outcome> asked;
  {
    two_sites s;
    s.connect();
    s.b_runs("s");
    s.b.hold(true);
    asked = s.a.ask("s", "x");
    REQUIRE(eventually([&] { return s.b.held() == 1; }));
  }
  auto o = asked.get();
  REQUIRE_FALSE(o.ok());
  CHECK(o.err().code == ask_errc::unavailable);
}

TEST_CASE("an ask of a service with shards goes to the node that has the shard of its key") {
  two_sites s;
  s.connect();
  for (auto* site : {&s.a, &s.b})
    site->board->change([](auto& v) { v.shards["sums"] = 3; });
  s.a.runs("sums.0");
  s.b.runs("sums.1");
  s.b_runs("sums.2");
  // Each has heard all that the other runs: who runs nothing is not asked.
  auto heard = [](site& by, const std::string& node, std::size_t services) {
    auto seen = by.board->look();
    return seen.reports.contains(node) && seen.reports.at(node).services.size() == services;
  };
  REQUIRE(eventually([&] { return heard(s.b, "a", 1) && heard(s.a, "b", 2); }));
  for (std::uint32_t hash : {0U, 1U, 2U, 3U, 7U, 1'000'000'001U}) {
    s.a.topic_hash = s.b.topic_hash = hash;
    const std::string there = hash % 3 == 0 ? "a" : "b";
    CHECK(s.a.ask("sums", "hello").get().value() == there + ": hello of shop");
    CHECK(s.b.ask("sums", "hello").get().value() == there + ": hello of shop");
  }
}
