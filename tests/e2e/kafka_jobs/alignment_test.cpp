#include <set>
#include "tests/actors/job_checks.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"
#include "tests/e2e/kafka_jobs/kafka_spec.hpp"

using job_test::check_phase;
using job_test::running;
using kafka_test::must;
using namespace std::chrono_literals;
using weir::job_phase;

namespace {

constexpr std::int64_t records = 20'000; ///< A second of event time each: five and a half hours.
constexpr std::int64_t first_ms = 1'767'225'600'000;

/// Writes a value for each second from `from` on, its time stamp that second.
void put(weir::connection& main, const std::string& topic, std::int32_t partition, std::int64_t from, std::int64_t n) {
  auto sink = must(main.open_sink(8u << 20, {}));
  kafka_test::bell rung;
  auto p = must(sink->open_direct(rung.ringer()));
  for (std::int64_t i = from; i < from + n; ++i) {
    auto value = std::to_string(partition) + "-" + std::to_string(i);
    while (!must(p->send({topic, partition, std::nullopt, value, {}, first_ms + 1000 * i})))
      REQUIRE(rung.wait(std::chrono::milliseconds(60'000)));
  }
  while (!must(p->flushed()))
    REQUIRE(rung.wait(std::chrono::milliseconds(60'000)));
}

const weir::partition_status& partition(const weir::job_status& s, std::size_t i) { return s.partitions.at(i); }

} // namespace

TEST_CASE("a Kafka partition hours ahead waits with its queue full, and goes on as the slow one comes nearer") {
  temporary_directory folder;
  auto topic = kafka_test::fresh("drifting"), copies = kafka_test::fresh("copies");
  kafka_test::create_topic(topic, 2);
  kafka_test::create_topic(copies, 1);
  std::shared_ptr<weir::connection> main = kafka_test::connect();
  put(*main, topic, 0, 0, records);
  weir::job job{kafka_test::fresh("job")};
  job.source("in", weir::topic<std::string>{{"main", topic}})
      .event_time(weir::bounded_out_of_orderness{1s}, {}, weir::align{.group = "g", .max_drift = 10min})
      .sink("copies", weir::topic<std::string>{{"main", copies}});
  auto spec = kafka_test::spec_of(job, main, folder.path);
  spec.memory_limit = std::size_t{32} << 20;
  std::int64_t slow = 0;
  {
    running r({spec});
    REQUIRE(r.until([](const weir::job_status& s) { return s.partitions.size() == 2 && partition(s, 0).waits_for; }));
    CHECK(partition(r.status(), 0).next_offset <= 1024);
    for (auto second : {3000, 9000, 15'000}) {
      put(*main, topic, 1, second, 1);
      ++slow;
      REQUIRE(r.until([&](const weir::job_status& s) {
        return partition(s, 1).next_offset == slow && partition(s, 0).waits_for && partition(s, 0).next_offset > second + 600;
      }));
      CHECK(partition(r.status(), 0).next_offset <= second + 600 + 1024 + 1);
    }
    check_phase(r.stop(), job_phase::stopped);
  }
  spec.until_end = true;
  running rest({spec});
  check_phase(rest.end(), job_phase::ended);
  kafka_test::partition_scan scan(*main, copies, 0, 0);
  REQUIRE(scan.until_records(static_cast<std::size_t>(records + slow), std::chrono::milliseconds(60'000)));
  REQUIRE(scan.until_end());
  std::set<std::string> values;
  for (auto& r : scan.records)
    values.insert(r.record.value.value_or("(null)"));
  CHECK(scan.records.size() == static_cast<std::size_t>(records + slow));
  CHECK(values.size() == scan.records.size());
}
