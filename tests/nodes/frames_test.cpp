// Channels of a job between two actor systems, and what a connection for frames makes of envelopes that are wrong.
#include <atomic>
#include "tests/nodes/node_world.hpp"
#include "tests/task/fakes.hpp"

using namespace nodes_test;
using task_test::rows;
using task_test::text;

namespace {

const batch_codec& codec() { return codec_for<std::string>(); }

struct produce {};
struct hold_credit {
  bool hold;
};

/// What the two ends have seen; read by the test.
struct seen {
  std::mutex mutex;
  std::map<std::uint32_t, std::vector<std::string>> words; ///< By channel, of what came.
  std::atomic<std::int64_t> most_in_flight{0};
  std::atomic<std::uint64_t> emitted{0}, arrived{0};
  std::atomic<bool> done{false};

  std::size_t count(std::uint32_t channel) {
    std::lock_guard lock(mutex);
    return words[channel].size();
  }
};

struct plan {
  std::size_t batches = 100;
  std::size_t value_size = 10;
  std::int64_t credit = 4096;
};

/// Sends batches over a router with two channels as long as it has credit; a watermark behind every third, a barrier behind every
/// tenth, idle and active once, the end at the end.
struct producer_state {
  std::unique_ptr<output_router> router;
  std::size_t sent = 0;
};
caf::behavior producer(caf::stateful_actor<producer_state>* self, plan p, std::shared_ptr<seen> s) {
  return {
      [=](const caf::actor& remote) {
        auto& router = self->state.router;
        router = std::make_unique<output_router>([self, remote](const out_channel& c, std::vector<frame> frames) {
          self->send(remote, msg::frames{c.channel, encoding_transport().wrap(std::move(frames), c.codec)});
        });
        router->add_edge(routing::rebalance, 128, {{7, &codec(), p.credit}, {8, &codec(), p.credit}});
        self->send(self, produce{});
      },
      [=](const produce&) {
        auto& router = self->state.router;
        auto& sent = self->state.sent;
        while (sent < p.batches && router->has_credit()) {
          auto value = std::to_string(sent);
          value.resize(std::max(value.size(), p.value_size), '.');
          router->emit(0, rows({value}));
          ++sent;
          if (sent == 5 || sent == 6)
            router->broadcast([&] { return frame{status_frame{sent == 5}}; });
          if (sent % 3 == 0)
            router->broadcast([&] { return frame{watermark_frame{{static_cast<std::int64_t>(sent)}}}; });
          if (sent % 10 == 0)
            router->broadcast([&] { return frame{barrier_frame{sent / 10, sent == p.batches}}; });
          if (sent == p.batches)
            router->broadcast([] { return frame{end_frame{}}; });
          router->flush();
          s->emitted = sent;
          s->most_in_flight = std::max<std::int64_t>(s->most_in_flight, router->load(0).in_flight);
        }
        s->done = sent == p.batches && router->load(0).in_flight == 0;
      },
      [=](const msg::credit& m) {
        self->state.router->add_credit(m.channel, m.bytes);
        self->send(self, produce{});
      },
  };
}

/// Takes frames in and returns their credit, at once or when it may.
struct consumer_state {
  caf::actor remote;
  bool hold = false;
  std::map<std::uint32_t, std::size_t> owed;
};
caf::behavior consumer(caf::stateful_actor<consumer_state>* self, std::shared_ptr<seen> s) {
  auto pay = [self] {
    for (auto& [channel, bytes] : self->state.owed)
      self->send(self->state.remote, msg::credit{channel, bytes});
    self->state.owed.clear();
  };
  return {
      [=](const caf::actor& remote) { self->state.remote = remote; },
      [=](const hold_credit& h) {
        self->state.hold = h.hold;
        if (!h.hold)
          pay();
      },
      [=](const msg::frames& m) {
        auto frames = encoding_transport().unwrap(*m.what, &codec());
        std::lock_guard lock(s->mutex);
        if (!frames) {
          s->words[m.channel].push_back("error: " + frames.err().message);
          return;
        }
        for (const auto& f : *frames) {
          s->words[m.channel].push_back(text(f));
          s->arrived += std::holds_alternative<data_frame>(f) ? 1 : 0;
          if (auto cost = credit_cost(f))
            self->state.owed[m.channel] += cost;
        }
        if (!self->state.hold)
          pay();
      },
  };
}

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(produce)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hold_credit)

namespace {

/// A producer on node a and a consumer on node b, and two channels between them.
struct channels {
  test_node a{"a"}, b{"b"};
  std::shared_ptr<seen> s = std::make_shared<seen>();
  caf::actor from, to, out, in;
  attempt_id of{11, 5, 2};
  std::unique_ptr<caf::scoped_actor> owner_a, owner_b;

  explicit channels(plan p, bool tls = true, const std::string& token = "") {
    REQUIRE(b.start({{"a", 1}, {"b", 0}}, tls, token));
    REQUIRE(a.start({{"a", 0}, {"b", b.port()}}, tls, token));
    REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
    owner_a = std::make_unique<caf::scoped_actor>(a.system());
    owner_b = std::make_unique<caf::scoped_actor>(b.system());
    from = a.system().spawn(producer, p, s);
    to = b.system().spawn(consumer, s);
    out = a.system().spawn(remote_tasks, a.peer("b")->frames, of);
    in = b.system().spawn(remote_tasks, b.peer("a")->frames, of);
    caf::anon_send(to, in);
    // Both ends know the attempt before anything flows, as `ready` and `go` of a job see to it.
    auto open = [](caf::scoped_actor& owner, const caf::actor& link, msg::open_attempt m) {
      owner->request(link, 5s, std::move(m)).receive([] {}, [](const caf::error&) { FAIL("the link does not answer"); });
    };
    open(*owner_b, b.peer("a")->frames, {of, {{7, to}, {8, to}}, {}, caf::actor(*owner_b)});
    open(*owner_a, a.peer("b")->frames, {of, {}, {{7, from}, {8, from}}, caf::actor(*owner_a)});
  }
  ~channels() {
    for (auto* x : {&from, &to, &out, &in})
      caf::anon_send_exit(*x, caf::exit_reason::kill);
  }
  void go() { caf::anon_send(from, out); }
};

/// What a channel must deliver of a plan's batches, in order.
std::vector<std::string> expected(const plan& p, std::size_t which) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < p.batches; ++i) {
    auto value = std::to_string(i);
    value.resize(std::max(value.size(), p.value_size), '.');
    if (i % 2 == which)
      words.push_back(value);
    auto sent = i + 1;
    if (sent == 5 || sent == 6)
      words.emplace_back(sent == 5 ? "idle" : "active");
    if (sent % 3 == 0)
      words.push_back("w" + std::to_string(sent));
    if (sent % 10 == 0)
      words.push_back("b" + std::to_string(sent / 10) + (sent == p.batches ? "!" : ""));
    if (sent == p.batches)
      words.emplace_back("end");
  }
  return words;
}

void check_delivery(channels& c, const plan& p) {
  c.go();
  CHECK(eventually([&] { return c.s->done.load(); }));
  std::lock_guard lock(c.s->mutex);
  CHECK(c.s->words[7] == expected(p, 0));
  CHECK(c.s->words[8] == expected(p, 1));
}

} // namespace

TEST_CASE("a job's channels between two nodes deliver every kind of frame in order, with credit") {
  SECTION("with TLS") {
    plan p{1000, 10, 4096};
    channels c(p);
    check_delivery(c, p);
    // Two channels, each over its credit by one frame at most.
    CHECK(c.s->most_in_flight <= 2 * (4096 + 300));
    CHECK(c.a.figures()->dropped_attempt + c.b.figures()->dropped_attempt + c.b.figures()->dropped_session == 0);
  }
  SECTION("without") {
    temporary_directory directory;
    plan p{1000, 10, 4096};
    channels c(p, false, directory.path + "/token");
    check_delivery(c, p);
  }
}

TEST_CASE("messages larger than an envelope cross in parts and arrive whole") {
  plan p{10, std::size_t{3} << 20, std::int64_t{1} << 20};
  channels c(p);
  check_delivery(c, p);
}

TEST_CASE("a receiver that returns no credit stops its sender, and no buffer grows meanwhile") {
  plan p{500, 50000, 256 << 10};
  channels c(p);
  caf::anon_send(c.to, hold_credit{true});
  c.go();
  // As much comes as there is credit for: two channels of 256 KiB, and a frame beyond it.
  REQUIRE(eventually([&] { return c.s->emitted >= 10 && c.s->arrived == c.s->emitted; }));
  CHECK(c.s->emitted <= 14);
  CHECK(c.s->most_in_flight <= 2 * ((256 << 10) + 52000));
  CHECK(c.a.figures()->queued == 0);
  CHECK(eventually([&] { return c.a.figures()->unsent == 0; }));
  CHECK(c.a.ask("b", "still there") == "still there!");
  auto before = resident_anonymous();
  caf::anon_send(c.to, hold_credit{false});
  REQUIRE(eventually([&] { return c.s->done.load(); }));
  CHECK(c.s->arrived == 500);
  // The words themselves are 25 MB.
  CHECK(grew_less_than(before, 60));
}

TEST_CASE("when a node goes, its attempts fail at the other") {
  plan p{1000000, 10, 4096};
  auto c = std::make_unique<channels>(p);
  c->go();
  REQUIRE(eventually([&] { return c->s->arrived > 100; }));
  c->b.stop();
  std::string why;
  (*c->owner_a)->receive([&](const msg::attempt_failed& m) {
    CHECK(m.of == c->of);
    why = m.why.message;
  });
  CHECK_THAT(why, Catch::Matchers::Contains("node \"b\"") && Catch::Matchers::Contains("ended"));
}

namespace {

/// One end of a connection for frames in an actor system, the other in the test's hands.
struct bare_link {
  node_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  std::shared_ptr<node_connection> who = std::make_shared<node_connection>("x", "0123#1", link_purpose::frames, 77, "here");
  std::optional<secure_socket> other;
  frame_link_settings settings;
  caf::actor link;
  attempt_id of{1, 2, 3};

  bare_link() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    other.emplace(unique_fd(ends[1]));
    link =
        spawn_frame_link(system, make_scribe(system, secure_socket(unique_fd(ends[0])), who, frame_wire_limits()), who, settings);
    open(of);
  }
  ~bare_link() {
    // The broker must end before its system does.
    auto over = std::make_shared<std::atomic<bool>>(false);
    who->on_closed([over](const node_connection&, const std::string&) { *over = true; });
    who->close("the test is over");
    other.reset();
    eventually([&] { return over->load(); });
  }
  void open(attempt_id id) {
    caf::actor me(self);
    // Envelopes come by another way than messages: the attempt must be there first.
    self->request(link, 5s, msg::open_attempt{id, {{5, me}}, {{6, me}}, me})
        .receive([] {}, [](const caf::error&) { FAIL("the link does not answer"); });
  }
  void say(const envelope& e, std::string_view payload = "") {
    std::vector<char> bytes;
    append_envelope(e, payload, bytes);
    write_all(*other, {bytes.data(), bytes.size()});
  }
  [[nodiscard]] envelope data(std::uint64_t sequence) const { return {envelope_kind::data, false, of, 77, 5, sequence}; }
  std::string next() {
    std::string got;
    self->receive([&](const msg::frames& m) { got = m.what->encoded; },
                  [&](const msg::credit& m) { got = "credit " + std::to_string(m.bytes); },
                  [&](const msg::attempt_failed& m) { got = "failed: " + m.why.message; },
                  caf::after(10s) >> [&] { got = "nothing"; });
    return got;
  }
  bool failed(const std::string& why) { return Catch::Matchers::Contains(why).match(next()); }
};

} // namespace

TEST_CASE("envelopes of another session or attempt are dropped and counted") {
  bare_link l;
  l.say(l.data(1), "one");
  CHECK(l.next() == "one");
  auto foreign = l.data(2);
  foreign.session = 78;
  l.say(foreign, "of another session");
  for (auto id : {attempt_id{1, 2, 2}, attempt_id{1, 1, 3}, attempt_id{9, 2, 3}}) {
    auto old = l.data(2);
    old.of = id;
    l.say(old, "of another attempt");
  }
  l.say(l.data(2), "two");
  CHECK(l.next() == "two");
  CHECK(l.settings.figures->dropped_session == 1);
  CHECK(l.settings.figures->dropped_attempt == 3);
  // A later attempt ends the one before it.
  attempt_id later{1, 2, 4};
  l.open(later);
  l.say(l.data(3), "late");
  l.of = later;
  l.say(l.data(1), "new");
  CHECK(l.next() == "new");
  CHECK(l.settings.figures->dropped_attempt == 4);
}

TEST_CASE("an envelope that comes twice, or not at all, fails its attempt and not the connection") {
  bare_link l;
  l.say(l.data(1), "one");
  CHECK(l.next() == "one");
  SECTION("replayed") { l.say(l.data(1), "one"); }
  SECTION("missing") { l.say(l.data(3), "three"); }
  CHECK(l.failed("frames are missing or came twice"));
  l.say(l.data(2), "two");
  l.of = {1, 2, 4};
  l.open(l.of);
  l.say(l.data(1), "again");
  CHECK(l.next() == "again");
}

TEST_CASE("what cannot be an envelope ends the connection and fails its attempts") {
  bare_link l;
  std::vector<char> bytes;
  append_envelope(l.data(1), "payload", bytes);
  std::string why;
  SECTION("a changed byte of the payload") {
    bytes.back() ^= 1;
    why = "wrong checksum";
  }
  SECTION("a changed byte of the header") {
    bytes[40] ^= 1;
    why = "wrong checksum";
  }
  SECTION("an unknown version") {
    bytes[0] = 9;
    why = "version 9";
  }
  SECTION("an unknown kind") {
    bytes[1] = 9;
    why = "unknown kind";
  }
  SECTION("a gigabyte") {
    bytes[7] = 0x40;
    why = "1073741831 bytes are announced";
  }
  write_all(*l.other, {bytes.data(), bytes.size()});
  CHECK(l.failed(why));
  CHECK(closes(*l.other));
}

TEST_CASE("credits and reports that cannot be true fail the attempt") {
  bare_link l;
  SECTION("credit of a channel that does not go there") {
    l.say({envelope_kind::credit, false, l.of, 77, 5}, encode_credit({10, {5, 0, 0}}));
    CHECK(l.failed("which does not go there"));
  }
  SECTION("frames of a channel that does not come from there") {
    auto e = l.data(1);
    e.channel = 6;
    l.say(e, "x");
    CHECK(l.failed("which does not come from there"));
  }
  SECTION("more received than was sent") {
    l.say({envelope_kind::credit, false, l.of, 77, 6}, encode_credit({10, {6, 0, 4}}));
    CHECK(l.failed("reports 4 received of 0 sent"));
  }
  SECTION("a report cut short") {
    l.say({envelope_kind::report, false, l.of, 77}, "\x05");
    CHECK(l.failed("reports are cut short"));
  }
  SECTION("true ones pass") {
    l.say({envelope_kind::credit, false, l.of, 77, 6}, encode_credit({10, {6, 0, 0}}));
    CHECK(l.next() == "credit 10");
  }
}

TEST_CASE("frames that the other end does not take fail the attempt after two seconds") {
  bare_link l;
  auto p = std::make_shared<packet>();
  p->encoded = "never acknowledged";
  auto begun = std::chrono::steady_clock::now();
  caf::anon_send(l.link, msg::send_frames{l.of, 6, p});
  CHECK(l.failed("of 1 frames sent the other end has 0, for 2 s"));
  CHECK(std::chrono::steady_clock::now() - begun >= 2s);
}

TEST_CASE("a report of frames that never came fails the attempt after two seconds") {
  bare_link l;
  l.say({envelope_kind::report, false, l.of, 77}, encode_reports({{5, 3, 0}}));
  CHECK(l.failed("of 3 frames that the other end sent 0 came, for 2 s"));
}

TEST_CASE("what is handed to CAF is bounded while the other end does not read") {
  bare_link l;
  auto p = std::make_shared<packet>();
  p->encoded.assign(std::size_t{20} << 20, 'x');
  caf::anon_send(l.link, msg::send_frames{l.of, 6, p});
  REQUIRE(eventually([&] { return l.settings.figures->queued > 0; }));
  CHECK(l.settings.figures->unsent <= l.settings.most_unsent + l.settings.part + envelope_bytes);
  CHECK(l.settings.figures->queued >= std::size_t{15} << 20);
  CHECK(l.failed("has 0, for 2 s"));
  CHECK(l.settings.figures->queued == 0);
}
