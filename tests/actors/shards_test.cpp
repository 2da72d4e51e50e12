#include <filesystem>
#include <set>
#include <weir/services/actor_service.hpp>
#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"

using namespace job_test;
using weir::job_phase;

// Services of several shards: jobs of one process here, as they are on several nodes.

namespace shards_test {

constexpr int keys = 23;

weir::job counted(bool through = false) {
  weir::job job{"counted"};
  auto keyed = job.source("in", at("in")).key_by(itself);
  if (through)
    keyed.through("by-line", at("by-line"), {.partitions = 3})
        .key_by(itself)
        .process("count", number_lines{})
        .sink("out", at("out"));
  else
    keyed.process("count", number_lines{}).sink("out", at("out"));
  return job;
}

weir::job_spec shard_of(world& w, const weir::job& job, std::uint32_t index, std::uint32_t of, const layout& l = {}) {
  auto s = w.spec(job, l);
  weir::become_shard(s.plan, {index, of, "counted"});
  return s;
}
std::vector<weir::job_spec> shards(world& w, const weir::job& job, std::uint32_t of, const layout& l = {}) {
  std::vector<weir::job_spec> all;
  for (std::uint32_t i = 0; i < of; ++i)
    all.push_back(shard_of(w, job, i, of, l));
  return all;
}

/// Puts `n` more lines, keys in turn, each where a producer of Java would.
void put_lines(world& w, int begin, int n, std::int32_t partitions) {
  std::map<std::int32_t, std::vector<std::string>> lines;
  for (int i = begin; i < begin + n; ++i)
    lines[weir::murmur2_partition(line_of(i, keys), partitions)].push_back(line_of(i, keys));
  for (auto& [partition, of_it] : lines)
    w.put("in", partition, of_it);
}

/// Jobs until a condition, then stopped.
void run_until(
    std::vector<weir::job_spec> specs, const std::function<bool()>& condition,
    const std::function<void(const std::vector<weir::job_status>&)>& look = [](const auto&) {}) {
  auto runtime = must(weir::start_runtime({2}, std::move(specs)));
  const auto end = weir::system_clock().monotonic() + patience;
  while (!condition()) {
    REQUIRE(weir::system_clock().monotonic() < end);
    for (auto& e : runtime->wait(2ms))
      check_phase(e, job_phase::running);
  }
  look(runtime->status());
  runtime->request_stop();
  for (auto& e : runtime->wait(patience))
    check_phase(e, job_phase::stopped);
}

} // namespace shards_test
using namespace shards_test;

TEST_CASE("the shard of a key is that of its partition in every topic whose partitions the shards divide") {
  for (std::uint32_t of : {1U, 2U, 3U, 7U})
    for (std::int32_t times : {1, 2, 5}) {
      const auto partitions = static_cast<std::int32_t>(of) * times;
      for (int i = 0; i < 200; ++i) {
        const auto key = "customer-" + std::to_string(i);
        const auto partition = weir::murmur2_partition(key, partitions);
        const weir::service_shard shard{weir::shard_of_key(key, of), of, "s"};
        CAPTURE(of, partitions, key);
        REQUIRE(shard.partition(shard.place_of(partition)) == partition);
        REQUIRE(shard.place_of(partition) < shard.count(partitions));
      }
    }
}

TEST_CASE("shards count each row once, over stops and hard ends, each from its own partitions") {
  for (std::uint32_t of : {2U, 3U, 6U}) {
    world w;
    w.topic("in", 6);
    int total = 0;
    for (int run = 0; run < 4; ++run) {
      CAPTURE(of, run);
      const auto hard = run % 2 != 0;
      auto all = shards(w, counted(), of, layouts()[static_cast<std::size_t>(run)]);
      if (hard)
        for (auto& s : all)
          s.shutdown_timeout = weir::duration{0};
      put_lines(w, total, 230, 6);
      total += 230;
      run_until(
          std::move(all), [&] { return w.size("out") == static_cast<std::size_t>(total); },
          [&](const std::vector<weir::job_status>& now) {
            std::set<std::int32_t> read;
            for (std::uint32_t i = 0; i < of; ++i) {
              CHECK(now[i].job == "counted." + std::to_string(i));
              CHECK(now[i].partitions.size() == 6 / of);
              for (const auto& p : now[i].partitions) {
                CHECK(static_cast<std::uint32_t>(p.partition) % of == i);
                CHECK(p.next_offset == must(w.log().partition(must(w.log().topic("in")), p.partition)).next);
                read.insert(p.partition);
              }
            }
            CHECK(read.size() == 6);
          });
      CHECK(w.values("out") == numbered_lines(total, keys));
    }
    // All of it comes to be in the service's one group.
    const auto in = must(w.log().topic("in"));
    run_until(shards(w, counted(), of), [&] {
      auto shown = true;
      for (std::int32_t p = 0; p < 6; ++p)
        shown = shown && must(w.log().group_offset("test.counted", in, p)).value_or(-1) == must(w.log().partition(in, p)).next;
      return shown;
    });
  }
}

TEST_CASE("a hard end of one shard does not touch the others, and a shard alone does its part") {
  world w;
  w.topic("in", 4);
  put_lines(w, 0, 230, 4);
  std::size_t first = 0;
  for (int i = 0; i < 230; ++i)
    first += weir::shard_of_key(line_of(i, keys), 2) == 0 ? 1 : 0;
  REQUIRE((first > 0 && first < 230));
  run_until({shard_of(w, counted(), 0, 2)}, [&] { return w.size("out") == first; });
  run_until({shard_of(w, counted(), 1, 2)}, [&] { return w.size("out") == 230; });
  CHECK(w.values("out") == numbered_lines(230, keys));
}

TEST_CASE("through() brings rows to the shard of their key, in a topic that the shards divide") {
  world w;
  w.topic("in", 2);
  for (int run = 0; run < 3; ++run) {
    std::vector<std::string> lines;
    for (int i = 0; i < 230; ++i)
      lines.push_back(line_of(i, keys));
    w.put("in", run % 2, lines); // Wherever: the topic has no keys.
    const auto total = 230 * (run + 1);
    run_until(shards(w, counted(true), 2), [&] { return w.size("out") == static_cast<std::size_t>(total); });
    CHECK(w.values("out") == numbered_lines(total, keys));
  }
  CHECK(must(w.log().topic("by-line")).options.partitions == 4);
  for (auto& r : w.read("by-line"))
    REQUIRE(r.partition == weir::murmur2_partition(*r.key, 4));
}

TEST_CASE("a topic that the shards do not divide is refused, with the numbers and what to do") {
  world w;
  w.topic("in", 4);
  running r({shard_of(w, counted(), 2, 3)});
  check_failed(r.end(), weir::errc::incompatible, {"topic 'in' of source 'in' has 4 partitions", "the 3 shards of 'counted'"});
  CHECK(r.status().restarts == 0);
}

TEST_CASE("a row that lies in another shard than its key's ends the job before it counts, whatever the policy") {
  world w;
  w.topic("in", 2);
  const auto wrong = weir::murmur2_partition("k1", 2) == 0 ? 1 : 0;
  w.put("in", wrong, {"k1"});
  weir::source_options skip;
  skip.errors = weir::on_error::skip;
  weir::job job{"counted"};
  job.source("in", at("in"), skip).key_by(itself).process("count", number_lines{}).sink("out", at("out"));
  running r({shard_of(w, job, static_cast<std::uint32_t>(wrong), 2)});
  check_failed(r.end(), weir::errc::incompatible,
               {"the key of the row of 'in' partition " + std::to_string(wrong) + ", offset 0, belongs to shard " +
                    std::to_string(1 - wrong) + " of 2, but came to shard " + std::to_string(wrong),
                "key_by(…).through(…)", "run 'counted' without shards"});
  CHECK(r.status().restarts == 0);
  CHECK(w.size("out") == 0);
}

TEST_CASE(
    "a service that has state is not divided anew: not its shards, not those that never ran, nor the whole, here and by the "
    "copies") {
  for (bool copies : {false, true}) {
    CAPTURE(copies);
    world w;
    w.topic("in", 4);
    put_lines(w, 0, 230, 4);
    // With copies each job is elsewhere, as on nodes.
    auto at = [&](weir::job_spec s, const std::string& place) {
      if (copies) {
        s.store_directory = w.path(place);
        s.checkpoint.directory = w.path("copies");
      }
      return s;
    };
    std::filesystem::create_directory(w.path("copies"));
    auto two = shards(w, counted(), 2);
    for (auto& s : two)
      s = at(s, "two");
    run_until(two, [&] { return w.size("out") == 230; });
    for (std::uint32_t i : {0U, 3U})
      check_failed(running({at(shard_of(w, counted(), i, 4), "four")}).end(), weir::errc::incompatible,
                   {"service 'counted' has state in 2 shards in '", "but is to run in 4 shards"});
    check_failed(running({at(w.spec(counted()), "one")}).end(), weir::errc::incompatible,
                 {"has state in 2 shards in '", "but is to run as a whole"});
    CHECK(w.size("out") == 230);
    run_until(two, [] { return true; });
  }
}

TEST_CASE("a whole service that has state is not divided") {
  world w;
  w.topic("in", 4);
  put_lines(w, 0, 230, 4);
  run_until({w.spec(counted())}, [&] { return w.size("out") == 230; });
  running r({shard_of(w, counted(), 1, 2)});
  check_failed(r.end(), weir::errc::incompatible, {"has state as a whole in '", "but is to run in 2 shards"});
}

namespace shards_test {

struct event {
  std::string key;
  std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(event, (), (key, number))
struct total {
  std::int64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(total, (), (sum))

using summing = weir::actor_service<std::string, total>;
const weir::request<std::string, event, total> total_of{"sums", "total"};
const weir::request<std::string, event, total> add_to{"sums", "add"};
const weir::request<std::string, event, total> relayed{"relay", "relayed"};

/// Sums per key; adds by command.
summing make_sums() {
  summing c{"sums"};
  c.on("in", weir::topic<event>{{"main", "in"}}, &event::key,
       [](const event& e, summing::context& ctx) { ctx.state().sum += e.number; });
  auto commands = c.commands("commands", weir::topic<event>{{"main", "sums.commands"}},
                             [](const event& e, summing::context& ctx) { ctx.state().sum += e.number; });
  c.answers(total_of, [](const event&, summing::reader& ctx) { return ctx.state(); });
  c.answers(add_to, [commands](const event& e, summing::reader& ctx) {
    ctx.append(commands, e);
    return ctx.state();
  });
  return c;
}
/// Asks the sums.
summing make_relay() {
  summing r{"relay"};
  r.on("in", weir::topic<event>{{"main", "in"}}, &event::key, [](const event&, summing::context&) {});
  r.answers(relayed, [](const event& e, summing::reader& ctx) -> weir::async<total> {
    auto answer = co_await ctx.ask(total_of, ctx.key(), e);
    if (!answer)
      throw std::runtime_error(answer.err().message);
    co_return *answer;
  });
  return r;
}

std::string key_of(int i) { return "key-" + std::to_string(i); }

} // namespace shards_test

TEST_CASE("an ask of a service goes to the shard of its key, from outside and from another service, and so do commands") {
  world w;
  w.topic("in", 6);
  for (int i = 0; i < 40; ++i)
    w.put("in", weir::murmur2_partition(key_of(i), 6), {R"({"key":")" + key_of(i) + R"(","number":)" + std::to_string(i) + "}"});
  std::vector<weir::job_spec> specs;
  for (std::uint32_t i = 0; i < 4; ++i) {
    specs.push_back(w.empty_spec());
    specs.back().plan = must((i < 3 ? make_sums() : make_relay()).plan(weir::plan_options{.parallelism = 2}));
    if (i < 3)
      weir::become_shard(specs.back().plan, {i, 3, "sums"});
  }
  auto runtime = must(weir::start_runtime({2}, std::move(specs)));
  const auto end = weir::system_clock().monotonic() + patience;
  auto eventually = [&](const weir::request<std::string, event, total>& what, int i, std::int64_t sum) {
    for (;;) {
      auto a = runtime->ask(what, key_of(i), event{});
      if (a && a->sum == sum)
        return true;
      if (weir::system_clock().monotonic() > end) {
        INFO((a ? "sum " + std::to_string(a->sum) : a.err().message));
        CHECK(false);
        return false;
      }
      (void)runtime->wait(2ms);
    }
  };
  for (int i = 0; i < 40; ++i) {
    REQUIRE(eventually(total_of, i, i));
    REQUIRE(eventually(relayed, i, i));
  }
  for (int i = 0; i < 40; ++i)
    REQUIRE(runtime->ask(add_to, key_of(i), event{"", 100}).ok());
  for (int i = 0; i < 40; ++i)
    REQUIRE(eventually(relayed, i, i + 100));
  CHECK(must(w.log().topic("sums.commands")).options.partitions == 6);
  for (std::uint32_t i = 0; i < 3; ++i) {
    auto named = runtime->ask(total_of.at("sums." + std::to_string(i)), key_of(1), event{});
    if (weir::shard_of_key(key_of(1), 3) == i) {
      CHECK(named->sum == 101);
    } else {
      CHECK(named.err().code == weir::ask_errc::no_service);
      CHECK(named.err().message.find("ask service 'sums'") != std::string::npos);
    }
  }
  runtime->request_stop();
  for (auto& e : runtime->wait(patience))
    check_phase(e, job_phase::stopped);
}

TEST_CASE("an event that lies in another shard than its actor's ends the service before it counts, by record key or by field") {
  for (bool by_record : {true, false}) {
    CAPTURE(by_record);
    world w;
    w.topic("in", 2);
    const auto wrong = weir::murmur2_partition("key-1", 2) == 0 ? 1 : 0;
    auto in = must(w.log().topic("in"));
    weir::log_batch batch;
    const std::string value = R"({"key":"key-1","number":1})";
    must(batch.add(in, {"in", wrong, "key-1", value, {}, 1'700'000'000'000}));
    must(w.log().commit(batch, {}));
    summing c{"sums"};
    const auto handle = [](const event&, summing::context&) {};
    weir::subscribe_options skip;
    skip.errors = weir::on_error::skip;
    if (by_record)
      c.on("in", weir::topic<event>{{"main", "in"}}, handle, skip);
    else
      c.on("in", weir::topic<event>{{"main", "in"}}, &event::key, handle, skip);
    auto s = w.empty_spec();
    s.plan = must(c.plan(weir::plan_options{.parallelism = 1}));
    weir::become_shard(s.plan, {static_cast<std::uint32_t>(wrong), 2, "sums"});
    running r({std::move(s)});
    check_failed(r.end(), weir::errc::incompatible,
                 {"operator 'in.key'", "belongs to shard " + std::to_string(1 - wrong) + " of 2"});
  }
}
