// A node that is a process of its own, stopped and woken.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <sstream>
#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

namespace {

std::string content_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// This program once more, with one of its hidden cases; its log goes to a file.
class child_process {
 public:
  child_process(const std::string& test, const std::string& log, const std::vector<std::string>& environment) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    std::vector<std::string> arguments{"/proc/self/exe", test}, variables = environment;
    std::vector<char*> argv, envp;
    for (auto& a : arguments)
      argv.push_back(a.data());
    for (auto& v : variables)
      envp.push_back(v.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    REQUIRE(::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), envp.data()) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~child_process() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  child_process(const child_process&) = delete;
  void signal(int s) const { REQUIRE(::kill(pid_, s) == 0); }

 private:
  pid_t pid_ = -1;
};

} // namespace

TEST_CASE("node process", "[.child]") {
  const auto* ports = std::getenv("WEIR_TEST_PORTS");
  const auto* token = std::getenv("WEIR_TEST_TOKEN");
  REQUIRE(ports != nullptr);
  REQUIRE(token != nullptr);
  std::uint16_t b = 0, c = 0;
  std::istringstream(ports) >> b >> c;
  test_node a("a");
  REQUIRE(a.start({{"a", 0}, {"b", b}, {"c", c}}, false, token));
  // Until it is killed.
  for (;;)
    ::pause();
}

TEST_CASE("a stopped node is lost by the others only, and when it is woken it accuses nobody and comes back") {
  temporary_directory directory;
  auto token = directory.path + "/token", log = directory.path + "/log";
  test_node b("b"), c("c");
  REQUIRE(c.start({{"a", 1}, {"b", 1}, {"c", 0}}, false, token));
  REQUIRE(b.start({{"a", 1}, {"b", 0}, {"c", c.port()}}, false, token));
  child_process a("node process", log,
                  {"WEIR_TEST_PORTS=" + std::to_string(b.port()) + " " + std::to_string(c.port()), "WEIR_TEST_TOKEN=" + token});
  REQUIRE(eventually([&] { return b.sees("a") && c.sees("a") && b.sees("c") && c.sees("b"); }));
  CHECK(b.ask("a", "hello") == "hello!");
  a.signal(SIGSTOP);
  auto stopped = std::chrono::steady_clock::now();
  REQUIRE(eventually([&] { return !b.sees("a") && !c.sees("a"); }));
  CHECK(std::chrono::steady_clock::now() - stopped >= 1s);
  CHECK(b.lost() == std::vector<std::string>{"a: nothing was heard of it for 2000 ms"});
  CHECK(b.sees("c"));
  CHECK(b.ask("c", "meanwhile") == "meanwhile!");
  a.signal(SIGCONT);
  REQUIRE(eventually([&] { return b.sees("a") && c.sees("a"); }));
  CHECK(b.ask("a", "again") == "again!");
  CHECK(b.lost().size() == 1);
  auto said = content_of(log);
  CHECK_THAT(said, Catch::Matchers::Contains("this node did not run for a while"));
  CHECK_THAT(said, !Catch::Matchers::Contains("nothing was heard"));
}

TEST_CASE("a killed node is lost at once") {
  temporary_directory directory;
  auto token = directory.path + "/token", log = directory.path + "/log";
  test_node b("b"), c("c");
  REQUIRE(c.start({{"a", 1}, {"b", 1}, {"c", 0}}, false, token));
  REQUIRE(b.start({{"a", 1}, {"b", 0}, {"c", c.port()}}, false, token));
  auto a = std::make_unique<child_process>(
      "node process", log,
      std::vector<std::string>{"WEIR_TEST_PORTS=" + std::to_string(b.port()) + " " + std::to_string(c.port()),
                               "WEIR_TEST_TOKEN=" + token});
  REQUIRE(eventually([&] { return b.sees("a") && c.sees("a"); }));
  a.reset();
  REQUIRE(eventually([&] { return !b.sees("a") && !c.sees("a"); }));
  for (auto* n : {&b, &c}) {
    REQUIRE(n->lost().size() == 1);
    CHECK_THAT(n->lost()[0], !Catch::Matchers::Contains("nothing was heard")); // The kernel said so.
  }
  CHECK(b.sees("c"));
}
