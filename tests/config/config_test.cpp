#include <unistd.h>
#include <cstdio>
#include <fstream>
#include "tests/catch.hpp"
#include "tests/config/config_fixture.hpp"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

TEST_CASE("a small configuration is read and everything else has its default") {
  auto c = read(R"(// a comment
{
  "$schema": "x",
  "version": 1, /* another */
  "connections": {"main": {"type": "log", "path": "/tmp/log",}},
  "services": [{"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}}],
})");
  INFO(all_text(c));
  REQUIRE(c.ok());
  CHECK(c.value.name_space == "weir");
  REQUIRE(c.value.connections.size() == 1);
  CHECK(c.value.connections[0].name == "main");
  CHECK(c.value.connections[0].type == "log");
  CHECK(c.value.connections[0].options.at("path") == "/tmp/log");
  CHECK(c.value.checkpoint.interval == 1s);
  CHECK(c.value.memory.limit.bytes == 512u << 20);
  CHECK(c.value.shutdown.timeout == 30s);
  REQUIRE(c.value.services.size() == 1);
  auto s = sample_table().make(c.value.services[0].settings);
  CHECK(s.input.topic == "in");
  CHECK(s.window == 1min);
  CHECK_FALSE(s.extra.has_value());
}

TEST_CASE("every kind of setting is read") {
  auto c = read(with_settings(R"("extra": {"connection": "main", "topic": "x"}, "window": "5m", "cache": "2MiB", "parallelism": 3,
    "fast": true, "start": {"offsets": {"0": 17}}, "guarantee": "none", "label": "$${plain}")"));
  INFO(all_text(c));
  REQUIRE(c.ok());
  auto s = sample_table().make(c.value.services[0].settings);
  CHECK(s.extra->topic == "x");
  CHECK(s.window == 5min);
  CHECK(s.cache.bytes == 2u << 20);
  CHECK(s.parallelism == 3);
  CHECK(s.fast);
  CHECK(std::get<start_offsets>(s.start).by_partition.at(0) == 17);
  CHECK(s.guarantee == delivery::none);
  CHECK(s.label == "${plain}");
  auto at = read(with_settings(R"("start": {"timestamp": "2026-01-01T00:00:00Z"})"));
  REQUIRE(at.ok());
  CHECK(std::get<start_timestamp>(sample_table().make(at.value.services[0].settings).start).at.ms() == 1'767'225'600'000);
}

TEST_CASE("text that is no JSON is one problem with its position") {
  auto c = read("{\n  \"version\": 1,\n  oops\n}");
  REQUIRE(c.problems.size() == 1);
  CHECK(c.problems[0].line == 3);
  CHECK(c.problems[0].message.find("not JSON") != std::string::npos);
  CHECK_FALSE(read("").ok());
  CHECK_FALSE(read("{} {}").ok());
  CHECK(only_problem(read("[]"), "", "must be an object"));
  CHECK_FALSE(read(std::string(100'000, '[')).ok());
}

TEST_CASE("a missing version is named") {
  auto c = read(R"({"connections": {"main": {"type": "log", "path": "/l"}},
    "services": [{"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}}]})");
  CHECK(only_problem(c, "", "'version' is missing"));
}

TEST_CASE("a version of another release is refused") {
  auto text = with_top(R"("namespace": "n")");
  text.replace(text.find("\"version\": 1"), 12, "\"version\": 2");
  CHECK(only_problem(read(text), "/version", "must be 1"));
}

TEST_CASE("a missing required field is named with what it is for") {
  auto c = read(R"({"version": 1, "connections": {"main": {"type": "log"}}, "services": [{"name": "one", "type": "sample"}]})");
  INFO(all_text(c));
  REQUIRE(c.problems.size() == 2);
  CHECK(c.problems[0].pointer == "/connections/main");
  CHECK(c.problems[0].message == "'path' is missing: Directory of the log; made when it is missing, with mode 0700.");
  CHECK(c.problems[1].pointer == "/services/0/settings");
  CHECK(c.problems[1].message == "'input' is missing: Where records come from.");
}

TEST_CASE("an empty file names all that is missing at once") {
  auto c = read("{}");
  auto text = all_text(c);
  CHECK(c.problems.size() == 3);
  for (const char* key : {"'version'", "'connections'", "'services'"})
    CHECK(text.find(key) != std::string::npos);
}

TEST_CASE("an unknown key is an error with pointer, position and the nearest name") {
  CHECK(only_problem(read(with_settings("\"windw\": \"1s\"")), "/services/0/settings/windw", "did you mean 'window'?"));
  CHECK(only_problem(read(with_top("\"chekpoint\": {}")), "/chekpoint", "did you mean 'checkpoint'?"));
  auto c = read(with_top("\n\"checkpoint\": {\n   \"intervall\": \"1s\"}"));
  CHECK(only_problem(c, "/checkpoint/intervall", "did you mean 'interval'?"));
  CHECK(c.problems[0].line == 4);
  CHECK(to_string(c.problems[0]).starts_with("4:"));
  CHECK(only_problem(read(with_top("\"checkpoint\": {\"colour\": 1}")), "/checkpoint/colour", "known: interval, min_pause"));
}

TEST_CASE("errors in different places are all reported, in the order of the file") {
  auto c = read(R"({"version": 1,
  "checkpoint": {"interval": "soon", "retained": 0},
  "connections": {"main": {"type": "log", "path": ""}, "other": {"type": "kafak", "brokers": "b:1"}},
  "services": [{"name": "a/b", "type": "sample", "settings": {"input": {"connection": "mian", "topic": "in"}, "parallelism": 1.5}}]})");
  std::vector<std::string> pointers;
  for (const auto& p : c.problems)
    pointers.push_back(p.pointer);
  CHECK(pointers == std::vector<std::string>{"/checkpoint/interval", "/checkpoint/retained", "/connections/main/path",
                                             "/connections/other/type", "/services/0/name",
                                             "/services/0/settings/input/connection", "/services/0/settings/parallelism"});
  CHECK(all_text(c).find("did you mean 'kafka'?") != std::string::npos);
  CHECK(all_text(c).find("did you mean 'main'?") != std::string::npos);
}

TEST_CASE("a value of the wrong form is refused") {
  auto [settings, pointer, message] = GENERATE(table<const char*, const char*, const char*>({
      {R"("window": "1 minute")", "/window", "'1 minute' is not a duration"},
      {R"("window": 60)", "/window", "must be a duration such as \"250ms\", not a number"},
      {R"("window": "10ms")", "/window", "must be from 1s to 1d"},
      {R"("window": null)", "/window", "not null"},
      {R"("cache": "64megs")", "/cache", "is not a size"},
      {R"("parallelism": "4")", "/parallelism", "must be a whole number, not '4'"},
      {R"("parallelism": 129)", "/parallelism", "must be from 0 to 128"},
      {R"("parallelism": -1)", "/parallelism", "must be from 0 to 128"},
      {R"("parallelism": 18446744073709551615)", "/parallelism", "must be from 0 to 128"},
      {R"("fast": 1)", "/fast", "must be true or false"},
      {R"("start": "earlist")", "/start", "did you mean 'earliest'?"},
      {R"("start": {"timestamp": "yesterday"})", "/start/timestamp", "is not a time"},
      {R"("start": {"offsets": {"a": 1}})", "/start/offsets/a", "number of a partition"},
      {R"("start": {"offsets": {"1": -1}})", "/start/offsets/1", "must be an offset"},
      {R"("start": {"a": 1, "b": 2})", "/start", "must be \"earliest\""},
      {R"("guarantee": "exactly_once")", "/guarantee", "did you mean 'exactly-once'?"},
      {R"("label": "")", "/label", "must not be empty"},
      {R"("label": "a\u0000b")", "/label", "zero byte"},
      {R"("extra": "orders")", "/extra", "not a string"},
      {R"("extra": {"connection": "main"})", "/extra", "'topic' is missing"},
      {R"("extra": {"connection": "main", "topic": "x", "partition": 1})", "/extra/partition", "there is no setting 'partition'"},
      {R"("fast": true)", "/fast", "does not go with exactly-once"},
  }));
  auto c = read(with_settings(settings));
  INFO(settings << "\n" << all_text(c));
  CHECK(only_problem(c, std::string("/services/0/settings") + pointer, message));
}

TEST_CASE("a rule between two settings of a section is checked") {
  CHECK(only_problem(read(with_top(R"("restart": {"initial_backoff": "2m"})")), "/restart/initial_backoff",
                     "longer than max_backoff (1m)"));
}

TEST_CASE("a key written twice is an error") {
  CHECK(only_problem(read(with_top(R"("store": {"path": "/a", "path": "/b"})")), "/store/path", "written twice"));
}

TEST_CASE("two services of one name are refused") {
  auto c = read(R"({"version": 1, "connections": {"main": {"type": "log", "path": "/l"}}, "services": [
    {"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}},
    {"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}}]})");
  CHECK(only_problem(c, "/services/1/name", "/services/0 has this name already"));
}

TEST_CASE("names that would leave the store's folder are refused") {
  auto name = GENERATE("..", ".", "a/b", "a b", "ä");
  CHECK(only_problem(read(with_top(std::string("\"namespace\": \"") + name + "\"")), "/namespace", "must be 1 to 64 of"));
}

TEST_CASE("an unknown service type is refused with the nearest and all known") {
  auto c = read(R"({"version": 1, "connections": {}, "services": [{"name": "one", "type": "smaple"}]})");
  CHECK(only_problem(c, "/services/0/type", "did you mean 'sample'? (known: sample)"));
}

TEST_CASE("flag goes before environment goes before file") {
  auto text = with_top(R"("checkpoint": {"interval": "1s"})");
  variables v{{{"WEIR_CHECKPOINT_INTERVAL", "2s"}, {"WEIR_CHECKPOINT_RETAINED", "3"}}};
  CHECK(read(text).value.checkpoint.interval == 1s);
  CHECK(read(text, v).value.checkpoint.interval == 2s);
  CHECK(read(text, v).value.checkpoint.retained == 3);
  CHECK(read(text, v, {{"/checkpoint/interval", "3s"}}).value.checkpoint.interval == 3s);
  CHECK(read(text, {{{"WEIR_CHECKPOINT_INTERVAL", ""}}}).value.checkpoint.interval == 1s);
  CHECK(only_problem(read(text, {{{"WEIR_CHECKPOINT_INTERVAL", "x"}}}), "/checkpoint/interval", "does not hold a duration"));
}

TEST_CASE("--set reaches arrays, makes missing objects and takes JSON") {
  auto text = with_top(R"("logging": {"level": "info"})");
  auto c = read(text, {},
                {{"/services/0/settings/parallelism", "7"},
                 {"/memory/limit", "64MiB"},
                 {"/services/0/settings/extra", R"({"connection": "main", "topic": "e"})"},
                 {"/namespace", "42"}});
  INFO(all_text(c));
  REQUIRE(c.ok());
  auto s = sample_table().make(c.value.services[0].settings);
  CHECK(s.parallelism == 7);
  CHECK(s.extra->topic == "e");
  CHECK(c.value.memory.limit.bytes == 64u << 20);
  CHECK(c.value.name_space == "42");
}

TEST_CASE("--set that leads nowhere is a problem") {
  auto text = with_top(R"("logging": {"level": "info"})");
  CHECK(only_problem(read(text, {}, {{"/services/7/name", "x"}}), "/services/7/name", "has no element '7'"));
  CHECK(only_problem(read(text, {}, {{"/logging/level/deep", "x"}}), "/logging/level/deep", "is not an object"));
  CHECK(only_problem(read(text, {}, {{"/memory/limit", "{"}}), "/memory/limit", "is not JSON"));
  CHECK(only_problem(read(text, {}, {{"/memory/limt", "1GiB"}}), "/memory/limt", "did you mean 'limit'?"));
  CHECK_FALSE(parse_override("memory/limit=1").ok());
  CHECK_FALSE(parse_override("/memory/limit").ok());
  CHECK(parse_override("/a=b=c").value().value == "b=c");
}

TEST_CASE("a file that is not there is one problem") {
  auto types = sample_types();
  auto c = load_config("/nonexistent/weir.json", types, {});
  CHECK(only_problem(c, "", "cannot be read: No such file or directory"));
  CHECK(only_problem(load_config("/tmp", types, {}), "", "cannot be read"));
}

TEST_CASE("the schema and the reference name every setting") {
  auto types = sample_types();
  auto schema = config_schema(types);
  auto reference = config_reference(types);
  for (const char* name : {"interval", "tls.key.password", "brokers", "namespace", "parallelism", "guarantee"}) {
    CHECK(schema.find("\"" + std::string(name) + "\"") != std::string::npos);
    CHECK(reference.find(std::string(name) + "`") != std::string::npos);
  }
  CHECK(schema.back() == '\n');
  CHECK(reference.find("`/checkpoint/interval` | duration, 10ms to 1d | `\"1s\"`") != std::string::npos);
}

TEST_CASE("a service's fingerprint changes with what the file says of it, and only then") {
  auto of = [](const std::string& first, const std::string& more) {
    auto r =
        service_fingerprints("{\"services\": [{\"name\": \"a\", \"x\": " + first + "}, {\"name\": \"b\"}]" + more + "} // end");
    REQUIRE(r.ok());
    REQUIRE(r->size() == 2);
    return *r;
  };
  auto before = of("1", "");
  CHECK(before.at("a") != before.at("b"));
  CHECK(of("2", "").at("a") != before.at("a"));
  CHECK(of("2", "").at("b") == before.at("b"));
  CHECK(of("1", R"(, "logging": {"level": "debug"})") == before);
  CHECK(of("1", R"(, "checkpoint": {"interval": "2s"})").at("b") != before.at("b"));
  CHECK(of("1", R"(, "checkpoint": {"standby": 2})") == before);
  CHECK(service_fingerprints(R"({"services": [{"x": 1}]})").err().code == errc::invalid_config);
  CHECK(service_fingerprints("{").err().code == errc::invalid_config);
  CHECK(service_fingerprints("[]").err().code == errc::invalid_config);
  CHECK(service_fingerprints("{}").err().code == errc::invalid_config);
}

namespace {
std::string with_shards(const std::string& first, const std::string& second = "") {
  auto service = [](const std::string& members) {
    return "{" + members + R"(, "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}})";
  };
  return R"({"version": 1, "connections": {"main": {"type": "log", "path": "/tmp/log"}}, "services": [)" + service(first) +
         (second.empty() ? "" : ", " + service(second)) + "]}";
}
} // namespace

TEST_CASE("a service with shards is as many services, each named after it with a number") {
  auto c = read(with_shards(R"("name": "a", "shards": 3, "restart": {"max_attempts": 7})", R"("name": "b", "shards": 1)"));
  INFO(all_text(c));
  REQUIRE(c.ok());
  REQUIRE(c.value.services.size() == 4);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto& s = c.value.services[i];
    CHECK(s.name == "a." + std::to_string(i));
    CHECK(s.shard == service_shard{i, 3, "a"});
    CHECK(s.index == 0);
    CHECK(s.restart.max_attempts == 7);
    CHECK(sample_table().make(s.settings).input.topic == "in");
  }
  CHECK(c.value.services[3].name == "b");
  CHECK(c.value.services[3].shard.whole());

  variables v{{{"SHARDS", "2"}}};
  CHECK(read(with_shards(R"("name": "a", "shards": "${env:SHARDS}")"), v).value.services.size() == 2);
  CHECK(read(with_shards(R"("name": "a")"), v, {{"/services/0/shards", "5"}}).value.services.size() == 5);
}

TEST_CASE("a number of shards that is none, and names that shards would share, are refused") {
  for (const auto* wrong : {"0", "-1", "257", "1.5", "\"many\"", "null", "[2]"}) {
    CAPTURE(wrong);
    auto c = read(with_shards(R"("name": "a", "shards": )" + std::string(wrong)));
    REQUIRE(c.problems.size() == 1);
    CHECK(c.problems[0].pointer == "/services/0/shards");
  }
  CHECK(only_problem(read(with_shards(R"("name": "a", "shard": 2)")), "/services/0/shard", "did you mean 'shards'"));
  CHECK(only_problem(read(with_shards(R"("name": "a", "shards": 2)", R"("name": "a.1")")), "/services/1/name",
                     "/services/0 has a shard 'a.1'"));
  CHECK(only_problem(read(with_shards(R"("name": "a.1")", R"("name": "a", "shards": 2)")), "/services/1/name",
                     "/services/0 has the name 'a.1' of a shard of this one"));
  CHECK(read(with_shards(R"("name": "a", "shards": 2)", R"("name": "a.2")")).ok());
  for (const auto* other : {R"("name": "a", "shards": 3)", R"("name": "a")"}) {
    CAPTURE(other);
    CHECK(only_problem(read(with_shards(R"("name": "a", "shards": 2)", other)), "/services/1/name",
                       "/services/0 has this name already"));
    CHECK(only_problem(read(with_shards(other, R"("name": "a", "shards": 2)")), "/services/1/name",
                       "/services/0 has this name already"));
  }
  const std::string longest(62, 'n');
  CHECK(read(with_shards(R"("name": ")" + longest + R"(", "shards": 10)")).ok());
  CHECK(only_problem(read(with_shards(R"("name": ")" + longest + R"(", "shards": 11)")), "/services/0/name", "is too long"));
}

TEST_CASE("a cluster keeps the shards of its services, and takes no reference for their number") {
  const auto two = with_shards(R"("name": "a", "shards": 2)", R"("name": "b")");
  CHECK(check_same_shards("", two).ok());
  CHECK(check_same_shards(two, two).ok());
  CHECK(check_same_shards(two, with_shards(R"("name": "b")", R"("name": "c", "shards": 7)")).ok());
  for (const auto* other : {R"("name": "a", "shards": 3)", R"("name": "a", "shards": 1)", R"("name": "a")"}) {
    CAPTURE(other);
    auto refused = check_same_shards(two, with_shards(other));
    CHECK(refused.err().code == errc::incompatible);
    CHECK(refused.err().message.find("service 'a' has 2 shards") == 0);
    CHECK(check_same_shards(with_shards(other), two).err().code == errc::incompatible);
  }
  auto reference = check_same_shards(two, with_shards(R"("name": "c")", R"("name": "d", "shards": "${env:N}")"));
  CHECK(reference.err().code == errc::invalid_config);
  CHECK(reference.err().message.find("/services/1/shards: must be a number") == 0);
  CHECK(check_same_shards(with_shards(R"("name": "d", "shards": "${env:N}")"), two).ok());
}

TEST_CASE("the shards of a service have one fingerprint, and none where their number is a reference") {
  const auto two = *service_fingerprints(with_shards(R"("name": "a", "shards": 2)", R"("name": "b")"));
  REQUIRE(two.size() == 3);
  CHECK(two.at("a.0") == two.at("a.1"));
  CHECK(two.at("a.0") != two.at("b"));
  const auto three = *service_fingerprints(with_shards(R"("name": "a", "shards": 3)", R"("name": "b")"));
  REQUIRE(three.size() == 4);
  CHECK(three.at("a.0") != two.at("a.0"));
  CHECK(three.at("b") == two.at("b"));
  const auto unknown = *service_fingerprints(with_shards(R"("name": "a", "shards": "${env:N}")", R"("name": "b")"));
  CHECK(unknown.size() == 1);
  CHECK(unknown.contains("b"));
}
