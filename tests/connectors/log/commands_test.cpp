#include "tests/catch.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <weir/record/time_text.hpp>

#include "services/orders-generator/generate_orders.hpp"
#include "services/weir/log_commands.hpp"
#include "tests/connectors/log/processes.hpp"
#include "tests/connectors/log/support.hpp"

using namespace weir;
using namespace log_test;

namespace {

log_consume_options follow(const std::string& directory, const std::string& topic) {
  log_consume_options o;
  o.directory = directory;
  o.topic = topic;
  return o;
}

log_consume_options until_end(const std::string& directory, const std::string& topic) {
  auto o = follow(directory, topic);
  o.until_end = true;
  return o;
}

log_consume_options enveloped() {
  log_consume_options o;
  o.envelope = true;
  return o;
}

log_consume_options from(std::int64_t offset) {
  log_consume_options o;
  o.offset = offset;
  return o;
}

log_consume_options only(std::int32_t partition) {
  log_consume_options o;
  o.partition = partition;
  return o;
}

struct shell {
  outcome create(std::int32_t partitions = 1) {
    return run(dir.path(), "", [&] { return log_create({dir.log(), "t", partitions}); });
  }
  outcome produce(const std::string& in, std::optional<std::string> key = {}, std::optional<std::int32_t> partition = {}) {
    return run(dir.path(), in, [&] { return log_produce({dir.log(), "t", key, partition}); });
  }
  outcome consume(log_consume_options o = {}) {
    o.directory = dir.log();
    o.topic = "t";
    o.until_end = true;
    return run(dir.path(), "", [&] { return log_consume(o); });
  }
  scratch dir;
};

/// Reads from a pipe up to and with the line end.
std::string read_line(int fd) {
  std::string line;
  for (char c = 0; ::read(fd, &c, 1) == 1 && c != '\n';)
    line.push_back(c);
  return line;
}

} // namespace

TEST_CASE("lines go in and come out") {
  shell s;
  REQUIRE(s.create().code == 0);
  CHECK(s.create().code == 0);
  CHECK(s.create(2).code == 2);
  auto in = "{\"a\":1}\n\n[1, 2]\r\n\"text\"\n17";
  CHECK(s.produce(in).code == 0);
  auto got = s.consume();
  CHECK(got.code == 0);
  CHECK(got.out == "{\"a\":1}\n[1, 2]\n\"text\"\n17\n");
  CHECK(s.consume(from(2)).out == "\"text\"\n17\n");
  auto wrong = s.consume(from(99));
  CHECK(wrong.code == 2);
  CHECK(wrong.err.find("99") != std::string::npos);
  CHECK(s.consume(only(1)).code == 2);
}

TEST_CASE("keys are taken from a field: text raw, numbers as they stand") {
  shell s;
  REQUIRE(s.create(4).code == 0);
  CHECK(s.produce("{\"k\":\"\\u00e9\\n\"}\n{\"x\":0,\"k\":1.50}\n{\"k\":true}\n{\"k\":-7}\n", "k").code == 0);
  std::set<std::string> keys;
  std::istringstream lines(s.consume(enveloped()).out);
  for (std::string line; std::getline(lines, line);) {
    auto begin = line.find("\"key\":") + 6;
    keys.insert(line.substr(begin, line.find(",\"timestamp\"") - begin));
  }
  CHECK(keys == std::set<std::string>{"\"\xc3\xa9\\n\"", "\"1.50\"", "\"true\"", "\"-7\""});
  auto part = murmur2_partition("1.50", 4);
  CHECK(s.consume(only(part)).out.find("1.50") != std::string::npos);
}

TEST_CASE("a bad line is named; the lines before it are in the log") {
  shell s;
  REQUIRE(s.create().code == 0);
  auto r = s.produce("{\"k\":\"a\"}\n{\"k\":}\n{\"k\":\"c\"}\n", "k");
  CHECK(r.code == 2);
  CHECK(r.err.find("line 2") != std::string::npos);
  CHECK(r.err.find("not a JSON value") != std::string::npos);
  CHECK(s.consume().out == "{\"k\":\"a\"}\n");
  r = s.produce("{\"other\":1}\n", "k");
  CHECK(r.code == 2);
  CHECK(r.err.find("'k' is missing") != std::string::npos);
  CHECK(s.produce("[1]\n", "k").err.find("not a JSON object") != std::string::npos);
  CHECK(s.produce("{\"k\":{}}\n", "k").code == 2);
  CHECK(s.produce("\"" + std::string(1'100'000, 'x') + "\"\n").err.find("line 1: record of") != std::string::npos);
  CHECK(s.produce("1\n", {}, 7).code == 2);
}

TEST_CASE("missing logs and topics are the environment's fault, and looking makes nothing") {
  shell s;
  CHECK(s.produce("1\n").code == 3);
  CHECK(s.consume().code == 3);
  CHECK(run(s.dir.path(), "", [&] { return log_topics(s.dir.log()); }).code == 3);
  CHECK_FALSE(std::filesystem::exists(s.dir.log()));
  REQUIRE(embedded_log::open(s.dir.log()));
  CHECK(s.produce("1\n").err.find("topic 't' does not exist") != std::string::npos);
  CHECK(s.consume().code == 3);
}

TEST_CASE("the envelope is JSON whatever the bytes are") {
  shell s;
  {
    auto log = embedded_log::open(s.dir.log()).value();
    auto t = log->create_topic("t", {}).value();
    log_batch batch;
    auto r = record("t", 0, "\xff\xfe", "plain \"text\"", 1'234);
    auto headers = pack_headers({{"h", "1"}, {"n", std::nullopt}});
    r.packed_headers = headers;
    REQUIRE(batch.add(t, r));
    REQUIRE(batch.add(t, record("t", 0, std::nullopt, std::nullopt, 0)));
    REQUIRE(batch.add(t, record("t", 0, "k", "{\n  \"a\": [1.50, \"x\\ny\"]\n}", 0)));
    REQUIRE(batch.add(t, record("t", 0, "k", "\xff", 0)));
    REQUIRE(log->commit(batch, {}));
  }
  CHECK(
      s.consume(enveloped()).out ==
      R"({"partition":0,"offset":0,"key_base64":"//4=","timestamp":"1970-01-01T00:00:01.234Z","headers":[{"key":"h","value":"1"},{"key":"n","value":null}],"value":"plain \"text\""})"
      "\n"
      R"({"partition":0,"offset":1,"key":null,"timestamp":"1970-01-01T00:00:00Z","headers":[],"value":null})"
      "\n"
      R"({"partition":0,"offset":2,"key":"k","timestamp":"1970-01-01T00:00:00Z","headers":[],"value":{"a":[1.50,"x\ny"]}})"
      "\n"
      R"({"partition":0,"offset":3,"key":"k","timestamp":"1970-01-01T00:00:00Z","headers":[],"value_base64":"/w=="})"
      "\n");
  CHECK(s.consume(from(1)).out == "null\n{\"a\":[1.50,\"x\\ny\"]}\n\xff\n");
}

TEST_CASE("following shows lines as they are produced, and ends with 0 on SIGINT") {
  shell s;
  REQUIRE(s.create().code == 0);
  pipe_ends in;
  pipe_ends out;
  child producer([&] {
    ::dup2(in.read, 0);
    in.close_write();
    return log_produce({s.dir.log(), "t", {}, {}});
  });
  child consumer([&] {
    ::dup2(out.write, 1);
    out.close_read();
    return log_consume(follow(s.dir.log(), "t"));
  });
  out.close_write();
  for (const auto* line : {"1\n", "2\n", "3\n"}) {
    // The producer's input stays open: a pause must be enough to commit.
    REQUIRE(::write(in.write, line, 2) == 2);
    CHECK(read_line(out.read) == std::string(line, 1));
  }
  consumer.signal(SIGINT);
  CHECK(consumer.wait() == 0);
  producer.signal(SIGTERM);
  CHECK(producer.wait() == 0);
}

TEST_CASE("a consumer ends with 0 when nobody reads its output any more") {
  shell s;
  REQUIRE(s.create().code == 0);
  REQUIRE(s.produce("1\n").code == 0);
  pipe_ends out;
  child consumer([&] {
    ::dup2(out.write, 1);
    out.close_read();
    out.close_write();
    return log_consume(follow(s.dir.log(), "t"));
  });
  out.close_write();
  CHECK(read_line(out.read) == "1");
  out.close_read();
  CHECK(consumer.wait() == 0);
}

TEST_CASE("the table shows partitions, groups and lag") {
  shell s;
  REQUIRE(s.create(2).code == 0);
  REQUIRE(s.produce("1\n2\n3\n", {}, 1).code == 0);
  REQUIRE(connect(s.dir.log())->open_source("g", 1, {}).value()->commit_offsets("t", {{1, 1}}));
  auto r = run(s.dir.path(), "", [&] { return log_topics(s.dir.log()); });
  CHECK(r.code == 0);
  CHECK(r.out ==
        "TOPIC  PARTITION  FIRST  NEXT  BYTES  KEEPS\n"
        "t              0      0     0      0  all\n"
        "t              1      0     3     52  all\n"
        "\n"
        "GROUP  TOPIC  PARTITION  OFFSET  LAG\n"
        "g      t              1       1    2\n");
}

TEST_CASE("generated orders are within the bound, some late, zero and negative, and the same again") {
  generate_options o;
  o.seed = 42;
  o.late_share = 0.05;
  auto start = parse_timestamp("2026-01-01T00:00:00Z").value();
  int late = 0;
  int zero = 0;
  int negative = 0;
  auto newest = min_timestamp;
  for (std::uint64_t id = 1; id <= 20'000; ++id) {
    auto order = make_order(o, id, start + duration(static_cast<std::int64_t>(id) * 777));
    std::string text;
    std::string again;
    append_json(order, text);
    append_json(make_order(o, id, start + duration(static_cast<std::int64_t>(id) * 777)), again);
    REQUIRE(text == again);
    late += order.late;
    zero += order.amount_cents == 0;
    negative += order.amount_cents < 0;
    if (order.late)
      REQUIRE(newest - order.at > std::chrono::seconds(60));
    else if (newest != min_timestamp)
      REQUIRE(newest - order.at <= std::chrono::seconds(5));
    newest = std::max(newest, order.at);
  }
  CHECK(late > 800);
  CHECK(late < 1'200);
  CHECK(zero > 100);
  CHECK(negative > 400);
}

TEST_CASE("the generator goes on behind the newest order of the topic, and nowhere else") {
  scratch dir;
  generate_options o;
  o.rate = 0;
  o.count = 500;
  o.start = parse_timestamp("2026-01-01T00:00:00Z").value();
  o.resume = true;
  for (int i = 0; i < 2; ++i)
    REQUIRE(run(dir.path(), "", [&] { return generate(orders_generator(), o, connect(dir.log()).get()); }).code == 0);
  auto r = run(dir.path(), "", [&] { return log_consume(until_end(dir.log(), "orders")); });
  std::set<std::string> ids;
  std::istringstream lines(r.out);
  int n = 0;
  for (std::string line; std::getline(lines, line); ++n)
    ids.insert(line.substr(0, line.find(',')));
  CHECK(n == 1'000);
  CHECK(ids.size() == 1'000);
  CHECK(ids.contains("{\"order_id\":1000"));
  o.resume = false;
  auto piped = run(dir.path(), "", [&] { return generate(orders_generator(), o, nullptr); });
  CHECK(piped.code == 0);
  CHECK(std::count(piped.out.begin(), piped.out.end(), '\n') == 500);
  CHECK(piped.out.rfind("{\"order_id\":1,\"customer\":\"c-", 0) == 0);
  o.rate = -1;
  CHECK(run(dir.path(), "", [&] { return generate(orders_generator(), o, nullptr); }).code == 2);
}
