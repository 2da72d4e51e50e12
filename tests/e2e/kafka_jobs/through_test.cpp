#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"
#include "tests/e2e/kafka_jobs/kafka_spec.hpp"

using namespace job_test;
using weir::job_phase;

TEST_CASE("rows that go through a Kafka topic by key count once over restarts, and its partitions must stay as many") {
  temporary_directory folder;
  auto in = kafka_test::fresh("in"), by_line = kafka_test::fresh("by-line"), out = kafka_test::fresh("out");
  kafka_test::create_topic(in, 1);
  kafka_test::create_topic(out, 1);
  std::shared_ptr<weir::connection> main = kafka_test::connect();
  weir::job job{kafka_test::fresh("job")};
  job.source("in", at(in))
      .key_by(itself)
      .through("by-line", at(by_line), {.partitions = 3})
      .key_by(itself)
      .process("count", number_lines{})
      .sink("out", at(out));
  auto spec = kafka_test::spec_of(job, main, folder.path);
  spec.restart.max_attempts = 3;
  spec.restart.initial_backoff = 1ms;
  kafka_test::foreign_producer producer;
  constexpr int lines = 400, keys = 20;
  for (int i = 0; i < lines; ++i)
    producer.send(in, 0, line_of(i, keys));
  const auto expected = numbered_lines(lines, keys);
  for (bool hard : {true, false}) {
    auto s = spec;
    if (hard)
      s.shutdown_timeout = weir::duration{0};
    running r({s});
    if (hard) {
      REQUIRE(r.until([](const weir::job_status& now) { return now.records_in > 0; }));
      continue;
    }
    CHECK(kafka_test::committed_values(*main, out, expected.size()) == expected);
    check_phase(r.stop(), job_phase::stopped);
  }
  CHECK(kafka_test::committed_values(*main, out, expected.size()) == expected);

  kafka_test::raise_partitions(by_line, 4);
  running grown({spec});
  check_failed(grown.end(), weir::errc::incompatible,
               {"topic '" + by_line + "' of through() 'by-line' had 3 partitions and has 4", "Give through() another topic"});
}
