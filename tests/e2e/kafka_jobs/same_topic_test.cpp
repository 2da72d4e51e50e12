#include "tests/actors/job_checks.hpp"
#include "tests/actors/numbering.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"
#include "tests/e2e/kafka_jobs/kafka_spec.hpp"

using namespace job_test;
using weir::job_phase;

TEST_CASE("two sources of a job read the same Kafka topic, exactly once over a restart, and the group shows both") {
  temporary_directory folder;
  auto topic = kafka_test::fresh("same"), copies = kafka_test::fresh("copies"), marked = kafka_test::fresh("marked");
  for (auto& name : {topic, copies, marked})
    kafka_test::create_topic(name, 1);
  std::shared_ptr<weir::connection> main = kafka_test::connect();
  weir::job job{kafka_test::fresh("job")};
  job.source("copied", at(topic)).sink("copies", at(copies));
  auto twice = job.source("marked", at(topic)).map([](const std::string& v) { return "m" + v; });
  twice.sink("marks", at(marked));

  auto spec = kafka_test::spec_of(job, main, folder.path);
  std::vector<std::string> lines, marks;
  kafka_test::foreign_producer out;
  for (int run = 0; run < 2; ++run) {
    for (int i = 0; i < 200; ++i) {
      lines.push_back(std::to_string(1000 + 200 * run + i));
      marks.push_back("m" + lines.back());
      out.send(topic, 0, lines.back());
    }
    running r({spec});
    REQUIRE(r.until([&](const weir::job_status& now) {
      return now.partitions.size() == 2 && now.partitions[0].next_offset == static_cast<std::int64_t>(lines.size()) &&
             now.partitions[1].next_offset == static_cast<std::int64_t>(lines.size());
    }));
    auto end = r.stop();
    check_phase(end, job_phase::stopped);
    CHECK_FALSE(end.output_unpublished);
    CHECK(kafka_test::committed_values(*main, copies, lines.size()) == lines);
    CHECK(kafka_test::committed_values(*main, marked, marks.size()) == marks);
    auto source = must(main->open_source("test." + spec.plan.job, 1 << 20, {}));
    CHECK(must(source->resolve(topic, 0, weir::start_group{})) == static_cast<std::int64_t>(lines.size()));
  }
}
