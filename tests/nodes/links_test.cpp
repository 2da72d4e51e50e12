#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

TEST_CASE("a key is its owner's alone, and one of root may be lent to its group for reading") {
  constexpr uid_t somebody = 1000;
  for (auto mode : {0400, 0600, 0700})
    for (auto owner : {uid_t{0}, somebody})
      CHECK(is_private_key_mode(S_IFREG | mode, owner));
  for (auto mode : {0440, 0640})
    CHECK((is_private_key_mode(S_IFREG | mode, 0) && !is_private_key_mode(S_IFREG | mode, somebody)));
  for (auto mode : {0660, 0620, 0450, 0404, 0644, 0602})
    for (auto owner : {uid_t{0}, somebody})
      CHECK_FALSE(is_private_key_mode(S_IFREG | mode, owner));
}

TEST_CASE("two nodes connect over TLS and ask each other") {
  test_node a("a"), b("b");
  REQUIRE(b.start({{"a", 1}, {"b", 0}}));
  REQUIRE(a.start({{"a", 0}, {"b", b.port()}}));
  REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
  CHECK(a.ask("b", "from a") == "from a!");
  CHECK(b.ask("a", "from b") == "from b!");
  CHECK(a.ask("b", std::string(longest_node_message - 1, 'x')).size() == longest_node_message);
  CHECK(a.ask("b", std::string(longest_node_message + 1, 'x')).starts_with("error: a message between nodes has at most"));
  CHECK(a.ask("b", "still there") == "still there!");
  CHECK(a.peer("b")->session == b.peer("a")->session);
}

TEST_CASE("three nodes connect each to each") {
  test_node a("a"), b("b"), c("c");
  REQUIRE(c.start({{"a", 1}, {"b", 1}, {"c", 0}}));
  REQUIRE(b.start({{"a", 1}, {"b", 0}, {"c", c.port()}}));
  REQUIRE(a.start({{"a", 0}, {"b", b.port()}, {"c", c.port()}}));
  REQUIRE(eventually([&] { return a.sees("b") && a.sees("c") && b.sees("a") && b.sees("c") && c.sees("a") && c.sees("b"); }));
  CHECK(c.ask("a", "x") == "x!");
  CHECK(b.ask("c", "y") == "y!");
}

TEST_CASE("nodes on loopback share a token file instead of certificates") {
  temporary_directory directory;
  auto token = directory.path + "/token";
  test_node a("a"), b("b");
  REQUIRE(b.start({{"a", 1}, {"b", 0}}, false, token));
  REQUIRE(a.start({{"a", 0}, {"b", b.port()}}, false, token));
  REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
  CHECK(a.ask("b", "hello") == "hello!");
}

TEST_CASE("a node that stops is lost at once, and one that comes back is connected anew") {
  test_node a("a"), b("b");
  REQUIRE(b.start({{"a", 1}, {"b", 0}}));
  auto port = b.port();
  REQUIRE(a.start({{"a", 0}, {"b", port}}));
  REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
  auto session = a.peer("b")->session;
  b.stop();
  REQUIRE(eventually([&] { return !a.sees("b"); }));
  REQUIRE(b.start({{"a", 1}, {"b", port}}));
  REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
  CHECK(a.peer("b")->session != session);
  CHECK(a.ask("b", "again") == "again!");
  CHECK(b.ask("a", "again") == "again!");
}

TEST_CASE("a member that says nothing is lost after the time for it, and the others are not") {
  test_node a("a"), b("b");
  b.tune = [](node_transport_options& o) { o.alive.lost_after = 600ms, o.alive.interval = 100ms; };
  a.tune = b.tune;
  REQUIRE(b.start({{"a", 1}, {"b", 0}, {"c", 1}}));
  REQUIRE(a.start({{"a", 0}, {"b", b.port()}}));
  REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
  auto silent = dial(credentials("c", certificates(), "c"), "b", b.port(), link_purpose::actors);
  REQUIRE(silent.socket);
  auto begun = std::chrono::steady_clock::now();
  CHECK(closes(*silent.socket));
  CHECK(std::chrono::steady_clock::now() - begun >= 400ms);
  CHECK(b.sees("a"));
  CHECK(b.lost().empty());
}

TEST_CASE("every start of a process has a CAF node id of its own") {
  std::set<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    node_config config;
    caf::actor_system system(config);
    ids.insert(process_id(system));
  }
  CHECK(ids.size() == 3);
}

TEST_CASE("nobody spawns actors on another node") {
  test_node a("a"), b("b");
  REQUIRE(b.start({{"a", 1}, {"b", 0}}));
  REQUIRE(a.start({{"a", 0}, {"b", b.port()}}));
  REQUIRE(eventually([&] { return a.sees("b") && b.sees("a"); }));
  auto there = caf::actor_cast<caf::strong_actor_ptr>(a.peer("b")->peer)->node();
  auto spawned = a.system().middleman().remote_spawn<caf::actor>(there, "anything", caf::make_message(), 1s);
  CHECK_FALSE(spawned);
  CHECK(a.ask("b", "x") == "x!");
}

TEST_CASE("a configuration that cannot work is refused at the start") {
  test_node a("a");
  auto refused = [&](const std::string& what) {
    auto r = a.start({{"a", 0}, {"b", 1}});
    REQUIRE_FALSE(r);
    CHECK(r.err().code == errc::invalid_config);
    CHECK_THAT(r.err().message, Catch::Matchers::Contains(what));
  };
  SECTION("another node's certificate") {
    a.tune = [](auto& o) { o.tls = files_of(certificates(), "b"); };
    refused("node \"a\" of cluster \"shop\" has the certificate of weir://shop/b");
  }
  SECTION("a certificate of another authority") {
    a.tune = [](auto& o) { o.tls->authority = authority_paths(other_authority()).certificate; };
    refused("is no valid certificate of");
  }
  SECTION("a key that others may read") {
    temporary_directory directory;
    auto copy = directory.path + "/a.key";
    std::filesystem::copy_file(files_of(certificates(), "a").key, copy);
    std::filesystem::permissions(copy, std::filesystem::perms(0644));
    a.tune = [copy](auto& o) { o.tls->key = copy; };
    refused("chmod 600");
  }
  SECTION("neither certificate nor token") {
    a.tune = [](auto& o) { o.tls.reset(); };
    refused("either certificates or a token file");
  }
  SECTION("a token that others may read, or that is too short") {
    temporary_directory directory;
    auto file = directory.path + "/token";
    auto mode = GENERATE(0644, 0600);
    std::ofstream(file) << std::string(mode == 0600 ? 31 : 64, 'x') << "\n";
    std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
    a.tune = [&](auto& o) {
      o.tls.reset();
      o.token_file = file;
    };
    refused(mode == 0600 ? "less than 32 bytes" : "chmod 600");
  }
  SECTION("all addresses without TLS") {
    temporary_directory directory;
    a.tune = [&](auto& o) {
      o.tls.reset();
      o.token_file = directory.path + "/token";
      o.self.host = "0.0.0.0";
    };
    refused("listens on loopback only");
  }
  SECTION("not a member itself") {
    a.tune = [](auto& o) { o.members.erase(o.members.begin()); };
    refused("is not among the cluster's nodes");
  }
  SECTION("one name twice") {
    a.tune = [](auto& o) { o.members.push_back(o.members.back()); };
    refused("two nodes are called \"b\"");
  }
}
