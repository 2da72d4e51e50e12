#include <boost/json.hpp>
#include "services/weir/scaffold.hpp"
#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

struct tuned {
  std::int64_t limit = 3;
  byte_size room{std::uint64_t{1} << 20};
  std::string label;
};

program with_tuned() {
  auto table = settings_of<tuned>{}
                   .add("limit", &tuned::limit, "How many.", {.bounds = between(1, 9), .unit = "orders"})
                   .add("room", &tuned::room, "How much.")
                   .add("label", &tuned::label, "Says \"what\".", {.required = true, .effect = change_effect::fixed});
  auto type = service("tuned", "Has settings.", std::move(table), [](const tuned&) -> result<job_plan> {
    return {errc::internal, "not run here"};
  });
  type.kind = service_kind::actor;
  return {{order_totals_service(), type}, {}};
}

std::map<std::string, std::string> files_below(const std::string& directory) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) {
      std::ifstream in(entry.path());
      out[std::filesystem::relative(entry.path(), directory).string()] = {std::istreambuf_iterator<char>(in), {}};
    }
  return out;
}

} // namespace

TEST_CASE("services lists name, kind and sentence of every type") {
  bench b;
  b.all = with_tuned();
  REQUIRE(b.run({"services"}) == exit_code::done);
  CHECK(b.out.str() ==
        "order-totals  job    Totals of orders per customer and minute of event time.\n"
        "tuned         actor  Has settings.\n");
}

TEST_CASE("services NAME shows unit, bounds and default of each setting") {
  bench b;
  b.all = with_tuned();
  REQUIRE(b.run({"services", "tuned"}) == exit_code::done);
  CHECK(b.out.str() ==
        "tuned\n  actor: Has settings.\n"
        "\n  limit\n    integer, 1 to 9 orders; default 3\n    How many.\n"
        "\n  room\n    size; default \"1MiB\"\n    How much.\n"
        "\n  label\n    string; required\n    Says \"what\".\n    Fixed for the life of a store.\n");
}

TEST_CASE("services --json is JSON with every setting") {
  bench b;
  b.all = with_tuned();
  REQUIRE(b.run({"services", "--json"}) == exit_code::done);
  auto all = boost::json::parse(b.out.str()).at("services").as_array();
  REQUIRE(all.size() == 2);
  CHECK(all[0].at("settings").as_array().size() == b.all.services[0].settings->all().size());
  CHECK(
      boost::json::serialize(all[1]) ==
      R"({"name":"tuned","kind":"actor","sentence":"Has settings.","settings":[)"
      R"({"name":"limit","form":"integer","required":false,"unit":"orders","default":3,"min":1,"max":9,"fixed":false,"sentence":"How many."},)"
      R"({"name":"room","form":"size","required":false,"unit":"B","default":"1MiB","min":0,"fixed":false,"sentence":"How much."},)"
      R"({"name":"label","form":"string","required":true,"fixed":true,"sentence":"Says \"what\"."}]})");
}

TEST_CASE("services of an unknown type is 2 and finds the one that was meant") {
  bench b;
  CHECK(b.run({"services", "order-total"}) == exit_code::usage);
  CHECK(holds(b.err.str(), "did you mean 'order-totals'?"));
  CHECK(b.out.str().empty());
}

TEST_CASE("new service writes every file of the project, all names filled in") {
  auto kind = GENERATE(std::string("job"), std::string("actor"));
  scratch s;
  auto directory = s.path() + "/below/it";
  bench b;
  REQUIRE(b.run({"new", "service", "stock-keeper", "--kind", kind, "--dir", directory}) == exit_code::done);
  auto files = files_below(directory);
  for (const char* name : {"CMakeLists.txt", "README.md", ".gitignore", "main.cpp", "stock_keeper.hpp", "stock_keeper.cpp",
                           "stock_keeper_test.cpp", "stock-keeper.json", "stock-keeper.kafka.json"})
    CHECK(files.contains(name));
  for (const auto& [name, text] : files) {
    INFO(name << ": " << text);
    for (const char* left : {"@name@", "@id@", "@version@"})
      CHECK_FALSE(holds(name + text, left));
    CHECK(holds(b.out.str(), name));
  }
}

TEST_CASE("new service leaves an existing directory, file or dangling link as it is") {
  scratch s;
  std::filesystem::create_directory(s.path() + "/full");
  s.file("full/CMakeLists.txt", "mine");
  s.file("file", "mine");
  std::filesystem::create_symlink("nowhere", s.path() + "/link");
  auto place = GENERATE(std::string("full"), std::string("full/"), std::string("file"), std::string("link"));
  bench b;
  CHECK(b.run({"new", "service", "mine", "--kind", "job", "--dir", s.path() + "/" + place}) == exit_code::environment);
  CHECK(holds(b.err.str(), "exists already; nothing was written"));
  CHECK(files_below(s.path()) == std::map<std::string, std::string>{{"full/CMakeLists.txt", "mine"}, {"file", "mine"}});
  CHECK(std::filesystem::is_symlink(s.path() + "/link"));
}

TEST_CASE("new service says when the directory cannot be made") {
  scratch s;
  s.file("file", "mine");
  bench b;
  CHECK(b.run({"new", "service", "mine", "--kind", "job", "--dir", s.path() + "/file/below"}) == exit_code::environment);
  CHECK(holds(b.err.str(), s.path() + "/file"));
}

TEST_CASE("a bad name of a service is 2 and writes nothing") {
  auto name = GENERATE(std::string(""), std::string("Orders"), std::string("1st"), std::string("-x"), std::string("x-"),
                       std::string("a--b"), std::string("a_b"), std::string("../x"), std::string("a/b"), std::string("a b"),
                       std::string("a\nb"), std::string("\xc3\xa4rger"), std::string(49, 'x'));
  CAPTURE(name);
  scratch s;
  bench b;
  CHECK(b.run({"new", "service", "--kind", "job", "--dir", s.path() + "/p", "--", name}) == exit_code::usage);
  CHECK_FALSE(b.err.str().empty());
  CHECK(files_below(s.path()).empty());
  CHECK_FALSE(std::filesystem::exists(s.path() + "/p"));
}

TEST_CASE("a missing or wrong kind of a service is 2") {
  auto words =
      GENERATE(std::vector<std::string>{"new", "service", "x"}, std::vector<std::string>{"new", "service", "x", "--kind", "cat"},
               std::vector<std::string>{"new"}, std::vector<std::string>{"new", "house", "x"});
  bench b;
  CHECK(b.run(words) == exit_code::usage);
  CHECK_FALSE(b.err.str().empty());
}

TEST_CASE("names that mean something to C++ or CMake get another identifier") {
  CHECK(identifier_of("stock-keeper") == "stock_keeper");
  CHECK(identifier_of("class") == "class_service");
  CHECK(identifier_of("test") == "test_service");
  CHECK(identifier_of("co-await") == "co_await_service");
}

TEST_CASE("a project that cannot be written whole is not left in part") {
  scratch s;
  auto directory = s.path() + "/p";
  // A file that must be a folder for the next one.
  auto written = write_project(directory, {{"a", "first"}, {"a/b", "second"}});
  REQUIRE_FALSE(written);
  CHECK(written.err().code == errc::unavailable);
  CHECK_FALSE(std::filesystem::exists(directory));
}
