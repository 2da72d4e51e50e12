#include <weir/task/plan_check.hpp>
#include <weir/task/snapshot.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

/// Every proper prefix and every version but the present one is refused with a value, not a crash.
template <class Decode>
void refuses_damage(const std::string& whole, Decode decode) {
  for (std::size_t n = 0; n < whole.size(); ++n) {
    auto cut = decode(std::string_view(whole).substr(0, n));
    INFO("cut to " << n << " of " << whole.size() << " bytes");
    REQUIRE_FALSE(cut.ok());
    CHECK(cut.err().code == errc::store_corrupt);
  }
  auto longer = decode(whole + "x");
  REQUIRE_FALSE(longer.ok());
  CHECK(longer.err().code == errc::store_corrupt);
  auto newer = whole;
  newer[0] = 2;
  auto refused = decode(newer);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.err().code == errc::incompatible);
}

std::string message(const result<>& r) { return r.ok() ? "" : r.err().message; }

const char* const plan =
    "job totals max_parallelism=128\n"
    "operator per-minute window tumbling 1min key=string\n"
    "source orders connection=main topic=orders\n";

} // namespace

TEST_CASE("a reader's position survives encoding, with and without a last record") {
  reader_snapshot s;
  s.next_offset = 42;
  s.watermark = {-5};
  s.idle = true;
  s.chain = std::string("a\0b", 3);
  for (auto last : {false, true}) {
    if (last)
      s.last = record_fingerprint{41, 1'700'000'000'000'000, 0xfedc'ba98'7654'3210};
    auto back = decode_reader_snapshot(encode(s));
    REQUIRE(back.ok());
    CHECK(back->next_offset == 42);
    CHECK(back->last == s.last);
    CHECK(back->watermark == timestamp{-5});
    CHECK(back->idle);
    CHECK(back->chain == s.chain);
  }
}

TEST_CASE("a task's, a job's and a bounded run's snapshots and a list survive encoding") {
  auto task = decode_task_snapshot(encode(task_snapshot{max_timestamp, "chain"}));
  REQUIRE(task.ok());
  CHECK(task->watermark == max_timestamp);
  CHECK(task->chain == "chain");

  job_snapshot j{{{"orders", 12}, {"empty", 0}}, {{"main", "cluster-1"}}};
  auto job = decode_job_snapshot(encode(j));
  REQUIRE(job.ok());
  CHECK(job->partitions == j.partitions);
  CHECK(job->clusters == j.clusters);

  stop_offsets ends{{"orders", {{0, 7}, {1, std::int64_t{1} << 40}}}, {"other", {}}};
  auto stops = decode_stop_offsets(encode(ends));
  REQUIRE(stops.ok());
  CHECK(*stops == ends);

  std::vector<std::string> items{"", "one", std::string("\0", 1)};
  auto list = decode_list(encode_list(items));
  REQUIRE(list.ok());
  CHECK(*list == items);
}

TEST_CASE("a snapshot that is cut short, too long or of another format is refused") {
  reader_snapshot r;
  r.last.emplace();
  r.chain = "chain";
  refuses_damage(encode(r), decode_reader_snapshot);
  refuses_damage(encode(task_snapshot{{1}, "chain"}), decode_task_snapshot);
  refuses_damage(encode(job_snapshot{{{"orders", 3}}, {{"main", "x"}}}), decode_job_snapshot);
  refuses_damage(encode(stop_offsets{{"orders", {{0, 7}}}}), decode_stop_offsets);
  refuses_damage(encode_list({"one", "two"}), decode_list);
}

TEST_CASE("an unchanged plan and one with a new operator can be restored") {
  CHECK(message(check_restorable(plan, plan, {})).empty());
  CHECK(message(check_restorable(plan, plan + std::string("operator more process key=string\n"), {})).empty());
}

TEST_CASE("a plan without an operator that has state is refused unless the state is dropped by name") {
  std::string now = plan;
  auto at = now.find("operator");
  now.erase(at, now.find('\n', at) + 1 - at);
  auto refused = check_restorable(plan, now, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.err().code == errc::incompatible);
  CHECK(message(refused).find("operator per-minute is gone") != std::string::npos);
  CHECK(message(refused).find("--drop-state per-minute") != std::string::npos);
  CHECK_FALSE(check_restorable(plan, now, {"minute"}).ok());
  CHECK(message(check_restorable(plan, now, {"per-minute"})).empty());
}

TEST_CASE("a plan whose window, source topic or number of key groups changed is refused and shows both") {
  for (auto [from, to] :
       {std::pair{"1min", "2min"}, {"topic=orders", "topic=others"}, {"max_parallelism=128", "max_parallelism=256"}}) {
    std::string now = plan;
    now.replace(now.find(from), std::string(from).size(), to);
    auto refused = check_restorable(plan, now, {"per-minute", "orders"});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.err().code == errc::incompatible);
    CHECK(message(refused).find(from) != std::string::npos);
    CHECK(message(refused).find(to) != std::string::npos);
  }
}

TEST_CASE("everything that stands in the way of a restore is named at once") {
  std::string now = plan;
  now.replace(now.find("1min"), 4, "2min");
  now.erase(now.find("source"));
  auto refused = check_restorable(plan, now, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(message(refused).find("per-minute") != std::string::npos);
  CHECK(message(refused).find("source orders") != std::string::npos);
}

TEST_CASE(
    "a checkpoint of a shard is not restored into another shard or the whole, nor one of the whole into a shard, whatever is "
    "dropped") {
  const std::string whole = "job totals max_parallelism=128\nsource in connection=main topic=t\n";
  const auto shard = whole + "shard 0 of 3\n";
  CHECK(check_restorable(shard, shard, {}).ok());
  for (const auto& [was, is] :
       {std::pair(whole, shard), {shard, whole}, {shard, whole + "shard 0 of 6\n"}, {shard, whole + "shard 1 of 3\n"}}) {
    CAPTURE(was, is);
    auto refused = check_restorable(was, is, {"0", "1"});
    REQUIRE(!refused.ok());
    CHECK(message(refused).find("the checkpoint is that of ") != std::string::npos);
  }
}
