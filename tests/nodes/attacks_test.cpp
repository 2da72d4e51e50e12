// What strangers, and members that misbehave, can do to a node: be refused with a sentence, and nothing else.
#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

namespace {

/// Two nodes that are connected; at the end they still are, as they were, and answer.
struct world {
  test_node a{"a"}, b{"b"};
  world() {
    for (auto* n : {&a, &b})
      n->tune = [this](node_transport_options& o) {
        o.limits.time = 700ms;
        if (tune)
          tune(o);
      };
  }
  void start() {
    REQUIRE(b.start({{"a", 1}, {"b", 0}, {"c", 1}}));
    REQUIRE(a.start({{"a", 0}, {"b", b.port()}, {"c", 1}}));
    REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
    session = a.peer("b")->session;
  }
  void undisturbed() {
    CHECK(a.ask("b", "ping") == "ping!");
    CHECK(b.ask("a", "pong") == "pong!");
    CHECK(a.lost().empty());
    CHECK(b.lost().empty());
    REQUIRE(a.peer("b"));
    CHECK(a.peer("b")->session == session);
  }
  std::function<void(node_transport_options&)> tune;
  std::uint64_t session = 0;
};

/// TLS from the outside, of one's own making.
secure_socket tls_client(std::uint16_t port, SSL_CTX* context, const std::string& source = "127.0.0.9") {
  secure_socket s(connect_from(source, port), context, false);
  for (;;) {
    auto o = s.handshake();
    if (o.what == secure_socket::status::wait_read)
      wait_for(s.fd(), POLLIN, 5s);
    else if (o.what == secure_socket::status::wait_write)
      wait_for(s.fd(), POLLOUT, 5s);
    else
      return s;
  }
}

std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> client_context(int version = TLS1_3_VERSION) {
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> c(::SSL_CTX_new(::TLS_method()), ::SSL_CTX_free);
  ::SSL_CTX_set_max_proto_version(c.get(), version);
  return c;
}

} // namespace

TEST_CASE("without a certificate nobody comes in") {
  world w;
  w.start();
  auto context = client_context();
  auto s = tls_client(w.b.port(), context.get());
  // In TLS 1.3 the client hears of it with its first read.
  CHECK(closes(s));
  CHECK_THAT(s.failure(), Catch::Matchers::Contains("certificate required"));
  CHECK(eventually([&] { return w.b.transport().counted().refused == 1; }));
  w.undisturbed();
}

TEST_CASE("TLS older than 1.3 is refused") {
  world w;
  w.start();
  auto context = client_context(TLS1_2_VERSION);
  auto s = tls_client(w.b.port(), context.get());
  CHECK(closes(s));
  CHECK(eventually([&] { return w.b.transport().counted().refused == 1; }));
  w.undisturbed();
}

TEST_CASE("a certificate of another authority is refused, though it names a member") {
  world w;
  w.start();
  // The attacker trusts our authority and shows a certificate of its own.
  temporary_directory mixed;
  for (const auto* name : {"a.crt", "a.key"})
    std::filesystem::copy_file(other_authority() + "/" + name, mixed.path + "/" + name);
  std::filesystem::copy_file(authority_paths(certificates()).certificate, mixed.path + "/ca.crt");
  auto context = client_context();
  REQUIRE(::SSL_CTX_use_certificate_chain_file(context.get(), (mixed.path + "/a.crt").c_str()) == 1);
  REQUIRE(::SSL_CTX_use_PrivateKey_file(context.get(), (mixed.path + "/a.key").c_str(), SSL_FILETYPE_PEM) == 1);
  auto s = tls_client(w.b.port(), context.get());
  CHECK(closes(s));
  CHECK_THAT(s.failure(), Catch::Matchers::Contains("unknown ca") || Catch::Matchers::Contains("decrypt error") ||
                              Catch::Matchers::Contains("bad certificate"));
  CHECK(eventually([&] { return w.b.transport().counted().refused == 1; }));
  w.undisturbed();
}

TEST_CASE("a dialler refuses an acceptor with a certificate of another authority") {
  world w;
  w.start();
  auto d = dial(credentials("c", other_authority(), "b"), "b", w.b.port(), link_purpose::actors, "127.0.0.9");
  CHECK_FALSE(d.socket);
  CHECK_THAT(d.failure, Catch::Matchers::Contains("certificate verify failed"));
  w.undisturbed();
}

TEST_CASE("a right certificate with a wrong name is refused, and both ends are told why") {
  world w;
  w.start();
  auto refused = [&](const node_credentials& with, const std::string& to, const std::string& why) {
    auto d = dial(with, to, w.b.port(), link_purpose::actors, "127.0.0.9");
    CHECK_FALSE(d.socket);
    CHECK_THAT(d.failure, Catch::Matchers::Contains(why));
  };
  SECTION("claiming another member's name") {
    refused(credentials("c", certificates(), "stranger"), "b", "node \"c\" came with the certificate of node \"stranger\"");
  }
  SECTION("a name that is no member") {
    refused(credentials("stranger", certificates(), "stranger"), "b", "node \"stranger\" is no member of the cluster");
  }
  SECTION("another node was meant") {
    refused(credentials("c", certificates(), "c"), "a", "node \"c\" means node \"a\", and this is node \"b\"");
  }
  SECTION("another cluster") {
    auto with = credentials("c", certificates(), "c");
    with.us.self.cluster = "market";
    refused(with, "b", "node \"c\" is of cluster \"market\", this is cluster \"shop\"");
  }
  SECTION("our own name") { refused(credentials("b", certificates(), "b"), "b", "two nodes are called \"b\""); }
  SECTION("our own CAF node id") {
    refused(credentials("c", certificates(), "c", process_id(w.b.system())), "b", "has the same CAF node id as node \"b\"");
  }
  SECTION("a name that is taken by a process that is there") {
    refused(credentials("a", certificates(), "a", "another#1"), "b", "two processes are called \"a\"");
  }
  SECTION("a second connection") {
    refused(credentials("a", certificates(), "a", process_id(w.a.system())), "b", "has a connection for actors already");
  }
  SECTION("frames before actors") {
    auto d = dial(credentials("c", certificates(), "c"), "b", w.b.port(), link_purpose::frames, "127.0.0.9");
    CHECK_FALSE(d.socket);
    CHECK_THAT(d.failure, Catch::Matchers::Contains("no connection for actors"));
  }
  w.undisturbed();
}

TEST_CASE("two processes of one name: the second is refused with a clear error until the first is gone") {
  world w;
  w.start();
  test_node twin("a");
  REQUIRE(twin.start({{"a", 0}, {"b", w.b.port()}, {"c", 1}}));
  REQUIRE(eventually([&] { return w.b.transport().counted().refused >= 1; }));
  CHECK_FALSE(twin.sees("b"));
  w.undisturbed();
  w.a.stop();
  CHECK(eventually([&] { return twin.sees("b"); }));
}

TEST_CASE("random bytes are refused, before TLS and under it, as a hello and after it") {
  world w;
  w.start();
  std::string noise;
  for (std::uint32_t x = 1; noise.size() < 4000; x = x * 1664525 + 1013904223)
    noise += static_cast<char>(x >> 24);
  SECTION("in place of TLS") {
    secure_socket s(connect_from("127.0.0.9", w.b.port()));
    write_all(s, noise);
    CHECK(closes(s));
    CHECK(eventually([&] { return w.b.transport().counted().refused == 1; }));
  }
  SECTION("in place of the hello") {
    auto with = credentials("c", certificates(), "c");
    auto s = tls_client(w.b.port(), with.tls->native());
    write_all(s, noise);
    CHECK(closes(s));
    CHECK(eventually([&] { return w.b.transport().counted().refused == 1; }));
  }
  SECTION("in place of BASP") {
    auto d = dial(credentials("c", certificates(), "c"), "b", w.b.port(), link_purpose::actors, "127.0.0.9");
    REQUIRE(d.socket);
    write_all(*d.socket, noise);
    CHECK(closes(*d.socket));
  }
  SECTION("in place of envelopes") {
    auto with = credentials("c", certificates(), "c");
    auto first = dial(with, "b", w.b.port(), link_purpose::actors, "127.0.0.9");
    REQUIRE(first.socket);
    auto d = dial(with, "b", w.b.port(), link_purpose::frames, "127.0.0.9");
    REQUIRE(d.socket);
    write_all(*d.socket, noise);
    CHECK(closes(*d.socket));
  }
  w.undisturbed();
}

TEST_CASE("a handshake that is cut short or that dawdles is ended in time") {
  world w;
  w.start();
  auto whole = encode_greeting({greeting_kind::hello, {}, {}, {}});
  SECTION("cut short") {
    auto with = credentials("c", certificates(), "c");
    auto s = tls_client(w.b.port(), with.tls->native());
    write_all(s, whole.substr(0, whole.size() / 2));
    ::shutdown(s.fd(), SHUT_RDWR);
    CHECK(eventually([&] { return w.b.transport().counted().refused == 1; }));
  }
  SECTION("nothing at all") {
    secure_socket s(connect_from("127.0.0.9", w.b.port()));
    CHECK(closes(s));
    CHECK(w.b.transport().counted().overdue == 1);
  }
  SECTION("half a hello") {
    auto with = credentials("c", certificates(), "c");
    auto s = tls_client(w.b.port(), with.tls->native());
    write_all(s, whole.substr(0, whole.size() / 2));
    CHECK(closes(s));
    CHECK(w.b.transport().counted().overdue == 1);
  }
  w.undisturbed();
}

TEST_CASE("a greeting that announces more than a greeting has is refused unread") {
  world w;
  w.start();
  auto with = credentials("c", certificates(), "c");
  auto s = tls_client(w.b.port(), with.tls->native());
  write_all(s, "\xff\xff");
  CHECK(closes(s));
  CHECK(eventually([&] { return w.b.transport().counted().refused == 1; }));
  w.undisturbed();
}

TEST_CASE("a header that announces a gigabyte ends its connection and takes no memory") {
  world w;
  w.start();
  auto with = credentials("c", certificates(), "c");
  auto d = dial(with, "b", w.b.port(), link_purpose::actors, "127.0.0.9");
  REQUIRE(d.socket);
  auto before = resident_anonymous();
  SECTION("BASP") {
    // A direct message to some actor, as CAF would take it: operation, padding, flags, length in network byte order.
    std::string header("\x02\x00\x00\x00\x40\x00\x00\x00", 8);
    header.resize(caf::io::basp::header_size);
    header.back() = 1;
    write_all(*d.socket, header);
    CHECK(closes(*d.socket));
  }
  SECTION("frames") {
    auto f = dial(with, "b", w.b.port(), link_purpose::frames, "127.0.0.9");
    REQUIRE(f.socket);
    std::vector<char> bytes;
    append_envelope({envelope_kind::data, false, {1, 1, 1}, f.session, 1, 1}, "", bytes);
    bytes[7] = 0x40; // The highest byte of the length.
    write_all(*f.socket, {bytes.data(), bytes.size()});
    CHECK(closes(*f.socket));
  }
  CHECK(grew_less_than(before, 8));
  w.undisturbed();
}

TEST_CASE("under BASP nobody speaks in another's name") {
  world w;
  w.start();
  auto d = dial(credentials("c", certificates(), "c"), "b", w.b.port(), link_purpose::actors, "127.0.0.9");
  REQUIRE(d.socket);
  std::vector<char> bytes;
  auto say = [&](caf::io::basp::message_type what, const caf::node_id& from, const caf::node_id& to) {
    std::vector<char> payload;
    caf::binary_serializer in(nullptr, payload);
    if (what == caf::io::basp::message_type::client_handshake)
      CHECK_FALSE(in(from));
    else
      CHECK_FALSE(in(from, to));
    caf::binary_serializer out(nullptr, bytes);
    caf::io::basp::header h{what, 0, static_cast<std::uint32_t>(payload.size()), 0, 0, 0};
    CHECK_FALSE(out(h));
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    write_all(*d.socket, {bytes.data(), bytes.size()});
  };
  SECTION("in the handshake") { say(caf::io::basp::message_type::client_handshake, w.a.system().node(), {}); }
  SECTION("in a message") { say(caf::io::basp::message_type::down_message, w.a.system().node(), w.b.system().node()); }
  SECTION("through us to a third") { say(caf::io::basp::message_type::routed_message, w.b.system().node(), w.a.system().node()); }
  CHECK(closes(*d.socket));
  w.undisturbed();
}

TEST_CASE("a thousand half-open connections cost little and disturb nobody") {
  world w;
  w.tune = [](node_transport_options& o) { o.limits.time = 3s; };
  w.start();
  auto before = resident_anonymous();
  std::vector<unique_fd> open;
  for (int i = 0; i < 1000; ++i) {
    open.push_back(connect_from("127.0.1." + std::to_string(1 + i % 200), w.b.port()));
    REQUIRE(open.back());
    // Half of them begin to talk TLS and stop.
    if (i % 2 == 0)
      ::send(open.back().value(), "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL);
  }
  const auto& counted = w.b.transport().counted();
  REQUIRE(eventually([&] { return counted.turned_away + counted.pending + counted.overdue + counted.refused >= 1000; }));
  CHECK(counted.pending <= 64);
  CHECK(counted.turned_away >= 900);
  CHECK(grew_less_than(before, 24));
  w.undisturbed();
  // Those in the handshake run out of time, and the place is free for members.
  REQUIRE(eventually([&] { return counted.pending == 0; }));
  auto d = dial(credentials("c", certificates(), "c"), "b", w.b.port(), link_purpose::actors, "127.0.0.9");
  CHECK(d.socket);
  w.undisturbed();
}

TEST_CASE("one address holds at most four handshakes at once") {
  world w;
  w.tune = [](node_transport_options& o) { o.limits.time = 3s; };
  w.start();
  std::vector<unique_fd> open;
  for (int i = 0; i < 20; ++i)
    open.push_back(connect_from("127.0.0.9", w.b.port()));
  const auto& counted = w.b.transport().counted();
  CHECK(eventually([&] { return counted.turned_away == 16; }));
  CHECK(counted.pending == 4);
  auto d = dial(credentials("c", certificates(), "c"), "b", w.b.port(), link_purpose::actors, "127.0.0.10");
  CHECK(d.socket);
  w.undisturbed();
}

TEST_CASE("without TLS a wrong token is refused, and the token never crosses the connection") {
  temporary_directory directory;
  test_node a("a"), b("b");
  REQUIRE(node_token::make(directory.path + "/one"));
  REQUIRE(node_token::make(directory.path + "/two"));
  REQUIRE(b.start({{"a", 1}, {"b", 0}}, false, directory.path + "/one"));
  SECTION("another token") {
    REQUIRE(a.start({{"a", 0}, {"b", b.port()}}, false, directory.path + "/two"));
    CHECK(eventually([&] { return b.transport().counted().refused >= 1; }));
    CHECK_FALSE(a.sees("b"));
    CHECK_FALSE(b.sees("a"));
  }
  SECTION("an empty proof") {
    node_credentials with;
    with.us = {{"shop", "a"}, "0123#77", {"a", "b"}};
    auto d = dial(with, "b", b.port(), link_purpose::actors);
    // The dialler is done with its confirmation; the acceptor ends the connection.
    REQUIRE(d.socket);
    CHECK(closes(*d.socket));
    CHECK(b.transport().counted().refused == 1);
    CHECK(b.transport().counted().accepted == 0);
  }
}
