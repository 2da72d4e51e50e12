#include <set>
#include <weir/core/fail_point.hpp>
#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

TEST_CASE("--help of every command prints its usage and is done") {
  auto words =
      GENERATE(std::vector<std::string>{}, std::vector<std::string>{"run"}, std::vector<std::string>{"validate"},
               std::vector<std::string>{"graph"}, std::vector<std::string>{"checkpoints"}, std::vector<std::string>{"log"},
               std::vector<std::string>{"log", "create"}, std::vector<std::string>{"log", "produce"},
               std::vector<std::string>{"log", "consume"}, std::vector<std::string>{"log", "topics"},
               std::vector<std::string>{"fail-points"}, std::vector<std::string>{"config"},
               std::vector<std::string>{"config", "schema"}, std::vector<std::string>{"config", "reference"},
               std::vector<std::string>{"services"}, std::vector<std::string>{"new"}, std::vector<std::string>{"new", "service"});
  words.emplace_back("--help");
  bench b;
  CHECK(b.run(words) == exit_code::done);
  CHECK(holds(b.out.str(), "Usage:"));
  CHECK(b.err.str().empty());
}

TEST_CASE("the help names the exit codes and every command") {
  bench b;
  REQUIRE(b.run({"--help"}) == exit_code::done);
  for (const char* word :
       {"run", "validate", "graph", "checkpoints", "log", "services", "new", "fail-points", "config", "70 bug"})
    CHECK(holds(b.out.str(), word));
}

TEST_CASE("--version prints one line") {
  bench b;
  CHECK(b.run({"--version"}) == exit_code::done);
  CHECK(b.out.str().starts_with("weir "));
}

TEST_CASE("a wrong command line is exit code 2") {
  auto words =
      GENERATE(std::vector<std::string>{}, std::vector<std::string>{"run"}, std::vector<std::string>{"rnu", "x"},
               std::vector<std::string>{"run", "x", "--until-ned"}, std::vector<std::string>{"log"},
               std::vector<std::string>{"log", "create", "dir"}, std::vector<std::string>{"graph", "x", "--format", "svg"},
               std::vector<std::string>{"run", "x", "--set", "checkpoint=1"}, std::vector<std::string>{"run", "x", "y"});
  bench b;
  CHECK(b.run(words) == exit_code::usage);
  CHECK_FALSE(b.err.str().empty());
  CHECK(b.out.str().empty());
}

TEST_CASE("a misspelt command finds the one that was meant") {
  bench b;
  CHECK(b.run({"valdate", "x"}) == exit_code::usage);
  CHECK(holds(b.err.str(), "Did you mean 'weir validate'?"));
}

TEST_CASE("fail-points prints name, tab and sentence") {
  bench b;
  REQUIRE(b.run({"fail-points"}) == exit_code::done);
  std::istringstream lines(b.out.str());
  std::string line;
  std::size_t n = 0;
  while (std::getline(lines, line)) {
    ++n;
    CHECK(std::count(line.begin(), line.end(), '\t') == 1);
  }
  CHECK(n == all_fail_points().size());
  CHECK(holds(b.out.str(), "program.prepared\t"));
}

TEST_CASE("a program's own command gets its arguments and its exit code comes back") {
  bench b;
  command_arguments seen;
  program_command c{"greet",
                    "Say hello.",
                    {{.name = "NAME", .placeholder = "NAME", .sentence = "Who", .positional = true, .required = true},
                     {.name = "times", .placeholder = "N", .sentence = "How often", .fallback = "1"},
                     {.name = "loud", .placeholder = "", .sentence = "Shout"}},
                    [&](const command_arguments& a) -> result<int> {
                      seen = a;
                      return 3;
                    }};
  b.all.commands.push_back(c);
  CHECK(b.run({"greet", "you", "--loud"}) == exit_code::environment);
  CHECK(seen == command_arguments{{"NAME", "you"}, {"times", "1"}, {"loud", "true"}});
  CHECK(b.run({"greet"}) == exit_code::usage);
  CHECK(b.run({"greet", "--help"}) == exit_code::done);
}

TEST_CASE("a failing command of a program is reported with the exit code of its error") {
  bench b;
  b.all.commands.push_back({"fail", "Fail.", {}, [](const command_arguments&) -> result<int> {
                              return error{errc::fenced, "gone"};
                            }});
  CHECK(b.run({"fail"}) == exit_code::fenced);
  CHECK(b.err.str() == "weir: gone\n");
}

TEST_CASE("every error code has an exit code and every exit code a sentence") {
  CHECK(exit_code_of(errc::invalid_config) == exit_code::usage);
  CHECK(exit_code_of(errc::invalid_graph) == exit_code::usage);
  CHECK(exit_code_of(errc::store_locked) == exit_code::environment);
  CHECK(exit_code_of(errc::unavailable) == exit_code::environment);
  CHECK(exit_code_of(errc::store_foreign) == exit_code::restore_refused);
  CHECK(exit_code_of(errc::incompatible) == exit_code::restore_refused);
  CHECK(exit_code_of(errc::store_corrupt) == exit_code::restore_refused);
  CHECK(exit_code_of(errc::fenced) == exit_code::fenced);
  CHECK(exit_code_of(errc::internal) == exit_code::bug);
  std::set<std::string> sentences;
  for (int c : {0, 2, 3, 4, 5, 6, 70})
    sentences.insert(describe(static_cast<exit_code>(c)));
  CHECK(sentences.size() == 7);
}
