#include "tests/catch.hpp"

#include <weir/record/binary.hpp>
#include <weir/testing/local_run.hpp>
#include <weir/testing/operator_kit.hpp>
#include <weir/weir.hpp>

// map_state and list_state: against plain containers, in every way of driving them, and undone by a call that throws.

using namespace weir;
using namespace weir::testing;

namespace {

struct command {
  std::string k;
  std::string what;
  std::int64_t m = 0;
  std::string v = {};
};
BOOST_DESCRIBE_STRUCT(command, (), (k, what, m, v))

struct collections : process_function<std::string, command, std::string> {
  map_state<std::int64_t, std::string> map{*this, "map"};
  list_state<std::string> list{*this, "list"};

  void process(const command& c, context& ctx) {
    if (c.what == "set")
      map.set(ctx, c.m, c.v);
    else if (c.what == "erase")
      map.erase(ctx, c.m);
    else if (c.what == "clear")
      map.clear(ctx);
    else if (c.what == "find")
      ctx.emit("found " + map.get(ctx, c.m, "nothing") + (map.contains(ctx, c.m) ? " there" : " absent"));
    else if (c.what == "map")
      show(ctx, "map", [&](auto f) { map.for_each(ctx, f); });
    else if (c.what == "from")
      show(ctx, "from", [&](auto f) { map.for_each_from(ctx, c.m, f); });
    else if (c.what == "first")
      ctx.emit("first " + (map.is_empty(ctx) ? "nothing" : std::to_string(map.first(ctx)->first)));
    else if (c.what == "three")
      three_entries(ctx);
    else if (c.what == "drain")
      map.for_each(ctx, [&](std::int64_t m, const std::string&) { map.erase(ctx, m); });
    else if (c.what == "add")
      list.add(ctx, c.v);
    else if (c.what == "list")
      ctx.emit("list " + std::to_string(list.size(ctx)) + ":" + joined(list.get(ctx)));
    else if (c.what == "replace")
      list.set(ctx, {c.v, "and", c.v});
    else if (c.what == "empty")
      list.clear(ctx);
    else if (c.what == "throw")
      change_and_throw(ctx, c);
  }

 private:
  static std::string joined(const std::vector<std::string>& all) {
    std::string out;
    for (const auto& v : all)
      out += " " + v;
    return out;
  }
  template <class Visit>
  void show(context& ctx, const std::string& name, Visit visit) {
    std::string out = name;
    visit([&](std::int64_t m, const std::string& v) { out += " " + std::to_string(m) + "=" + v; });
    ctx.emit(out);
  }
  void three_entries(context& ctx) {
    std::string out = "three";
    int left = 3;
    map.for_each(ctx, [&](std::int64_t m, const std::string&) {
      out += " " + std::to_string(m);
      return --left > 0;
    });
    ctx.emit(out);
  }
  void change_and_throw(context& ctx, const command& c) {
    map.set(ctx, c.m, "once");
    map.set(ctx, c.m, "twice");
    map.erase(ctx, c.m + 1);
    map.set(ctx, c.m + 1, "again");
    map.clear(ctx);
    list.add(ctx, "not to be seen");
    list.clear(ctx);
    throw std::runtime_error("after all that");
  }
};

input_record record_of(const command& c) {
  std::string json;
  REQUIRE(encode_json(c, json).ok());
  return value_record(json);
}

job make_job() {
  job j{"collections"};
  j.source("in", topic<command>{{"main", "in"}})
      .key_by(&command::k)
      .process("collections", collections{})
      .on_error(on_error::skip)
      .sink("out", topic<std::string>{{"main", "out"}});
  return j;
}

std::vector<std::string> run(const std::vector<command>& commands) {
  auto plan = make_job().plan({.parallelism = 1});
  REQUIRE(plan.ok());
  local_run run(std::move(plan).value());
  REQUIRE(run.open().ok());
  for (const auto& c : commands)
    REQUIRE(run.feed("in", 0, {record_of(c)}).ok());
  std::vector<std::string> out;
  for (const auto& row : run.written("out"))
    out.push_back(*row.value);
  return out;
}

} // namespace

TEST_CASE("a map state is ordered, per key, and iterates from anywhere") {
  CHECK(run({{"a", "set", 5, "five"},
             {"a", "set", -3, "less"},
             {"a", "set", 70, "much"},
             {"b", "set", 5, "other"},
             {"a", "map"},
             {"a", "from", 5},
             {"a", "from", 6},
             {"a", "from", 71},
             {"a", "first"},
             {"a", "find", 5},
             {"b", "find", 70},
             {"a", "set", 5, "changed"},
             {"a", "erase", -3},
             {"a", "erase", 4},
             {"a", "map"},
             {"a", "clear"},
             {"a", "map"},
             {"a", "first"},
             {"b", "map"}}) == std::vector<std::string>{"map -3=less 5=five 70=much", "from 5=five 70=much", "from 70=much",
                                                        "from", "first -3", "found five there", "found nothing absent",
                                                        "map 5=changed 70=much", "map", "first nothing", "map 5=other"});
}

TEST_CASE("a list state keeps the order of adding, and clearing it begins anew") {
  CHECK(run({{"a", "list"},
             {"a", "add", 0, "x"},
             {"a", "add", 0, "a"},
             {"b", "add", 0, "other"},
             {"a", "list"},
             {"a", "replace", 0, "r"},
             {"a", "add", 0, "last"},
             {"a", "list"},
             {"a", "empty"},
             {"a", "list"},
             {"a", "add", 0, "new"},
             {"a", "list"},
             {"b", "list"}}) ==
        std::vector<std::string>{"list 0:", "list 2: x a", "list 4: r and r last", "list 0:", "list 1: new", "list 1: other"});
}

TEST_CASE("maps and lists of any length leave nothing behind when they are cleared") {
  auto plan = make_job().plan({.parallelism = 1});
  REQUIRE(plan.ok());
  local_run run(std::move(plan).value());
  REQUIRE(run.open().ok());
  for (int i = 0; i < 200; ++i) {
    REQUIRE(run.feed("in", 0, {record_of({"a", "set", 199 - i, std::to_string(i)})}).ok());
    REQUIRE(run.feed("in", 0, {record_of({"a", "add", 0, std::to_string(i)})}).ok());
  }
  REQUIRE(run.feed("in", 0, {record_of({"a", "map"}), record_of({"a", "three"}), record_of({"a", "list"})}).ok());
  std::string map = "map", list = "list 200:";
  for (int i = 0; i < 200; ++i) {
    map += " " + std::to_string(i) + "=" + std::to_string(199 - i);
    list += " " + std::to_string(i);
  }
  REQUIRE(run.written("out").size() == 3);
  CHECK(run.written("out")[0].value == map);
  CHECK(run.written("out")[1].value == "three 0 1 2");
  CHECK(run.written("out")[2].value == list);
  CHECK(run.state_entries() == 401);
  SECTION("by clear") { REQUIRE(run.feed("in", 0, {record_of({"a", "clear"})}).ok()); }
  SECTION("by an iteration that erases what it is given") { REQUIRE(run.feed("in", 0, {record_of({"a", "drain"})}).ok()); }
  REQUIRE(run.feed("in", 0, {record_of({"a", "empty"})}).ok());
  CHECK(run.state_entries() == 0);
}

TEST_CASE("a call that throws leaves maps and lists as they were") {
  CHECK(run({{"a", "set", 1, "one"},
             {"a", "set", 2, "two"},
             {"a", "set", 9, "nine"},
             {"a", "add", 0, "x"},
             {"a", "throw", 1},
             {"a", "map"},
             {"a", "list"},
             {"b", "throw", 1},
             {"b", "map"},
             {"b", "list"}}) == std::vector<std::string>{"map 1=one 2=two 9=nine", "list 1: x", "map", "list 0:"});
}

TEST_CASE("keys that are too long for a row keep their maps and lists apart") {
  const std::string longer(600, 'k'), other = longer + "2";
  CHECK(run({{longer, "set", 1, "one"},
             {longer, "add", 0, "x"},
             {longer, "add", 0, "y"},
             {other, "set", 1, "other"},
             {longer, "map"},
             {longer, "list"},
             {longer, "from", 1},
             {other, "map"},
             {other, "list"}}) == std::vector<std::string>{"map 1=one", "list 2: x y", "map 1=other", "list 0:"});
}

TEST_CASE("maps and lists give the same answer in every way of driving them") {
  std::vector<input_record> records;
  std::uint64_t seed = 4;
  const std::vector<std::string> kinds = {"set", "set", "set", "erase", "map", "from", "first", "add", "add", "list", "throw"};
  for (int i = 0; i < 150; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    auto part = [&](int shift, std::uint64_t n) { return static_cast<std::int64_t>((seed >> shift) % n); };
    records.push_back(record_of({"k" + std::to_string(part(20, 3)), kinds[static_cast<std::size_t>(part(30, kinds.size()))],
                                 part(40, 12), std::to_string(i)}));
  }
  auto report = run_kit(make_job(), {{"in", 0, records}});
  CHECK(report.problem == "");
  CHECK(report.output["out"].size() > 30);
}
