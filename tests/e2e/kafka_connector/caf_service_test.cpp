#include <weir/caf.hpp>
#include <weir/core/clock.hpp>
#include <weir/core/logger.hpp>

#include "actors/runtime.hpp"
#include "tests/catch.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace kafka_test;
using namespace std::chrono_literals;

// A plain CAF actor on a real broker: what it answered is committed to its group, what it published is acknowledged.

namespace {

using text_event = weir::caf_event<std::string>;

/// Publishes each value again; never answers the value "silent".
caf::behavior relay(caf::event_based_actor* self, weir::caf_context ctx, weir::caf_publication<std::string> out) {
  auto open = std::make_shared<std::vector<caf::response_promise>>();
  return {[=](const text_event& e) -> caf::result<void> {
    auto answer = self->make_response_promise();
    open->push_back(answer);
    if (e.value != "silent")
      ctx.publish(self, out, e.value, e.value)
          .then([=]() mutable { answer.deliver(caf::unit); },
                [=](caf::error& failed) mutable { answer.deliver(std::move(failed)); });
    return answer;
  }};
}

struct world {
  world() { create_topic(in, 2); }
  weir::job_spec spec() {
    weir::caf_service s{"relay"};
    auto to = s.publishes("out", weir::topic<std::string>{{"main", out}});
    s.subscribe("in", weir::topic<std::string>{{"main", in}});
    s.spawns([to](const weir::caf_context& ctx) { return ctx.spawn(relay, ctx, to); });
    weir::job_spec made;
    made.plan = must(s.plan({}));
    made.name_space = name_space;
    made.store_directory = directory.path;
    made.connections["main"] = connection;
    made.checkpoint.interval = 50ms;
    made.shutdown_timeout = 3s;
    return made;
  }
  std::int64_t committed(std::int32_t partition) {
    auto source = must(connection->open_source(name_space + ".relay", 1 << 20, {}));
    return must(source->resolve(in, partition, weir::start_group{}));
  }
  bool soon(const std::function<bool()>& condition) {
    auto end = weir::system_clock().monotonic() + 60s;
    while (weir::system_clock().monotonic() < end) {
      if (condition())
        return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
  temporary_directory directory;
  std::string in = fresh("caf-in"), out = fresh("caf-out"), name_space = fresh("caf");
  std::shared_ptr<weir::connection> connection = connect();
};

} // namespace

TEST_CASE("a plain CAF actor on Kafka: its group stands at the lowest event that is not done, and goes on there") {
  weir::configure_logging(weir::log_level::error, weir::log_format::text);
  world w;
  foreign_producer producer;
  for (int i = 0; i < 20; ++i)
    producer.send(w.in, i % 2, i == 10 ? "silent" : std::to_string(i));
  {
    auto service = must(weir::start_runtime({2}, {w.spec()}));
    // 10 is offset 5 of partition 0.
    REQUIRE(w.soon([&] { return w.committed(0) == 5 && w.committed(1) == 10; }));
    CHECK(service->status().at(0).commits->open == 1);
    service->request_stop();
    auto ends = service->wait(60s);
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].phase == weir::job_phase::stopped);
  }
  CHECK(w.committed(0) == 5);
  CHECK(w.committed(1) == 10);
  producer.send(w.in, 1, "new");
  auto again = must(weir::start_runtime({2}, {w.spec()}));
  REQUIRE(w.soon([&] { return w.committed(1) == 11; }));
  REQUIRE(w.soon([&] { return again->status().at(0).records_out == 5; })); // 12, 14, 16, 18 again, and the new one.
  again->request_stop();
  CHECK(again->wait(60s).size() == 1);
  CHECK(w.committed(0) == 5);
  std::map<std::string, int> published;
  auto partitions = must(must(w.connection->open_source("look", 1 << 20, {}))->describe(w.out)).partitions;
  for (std::int32_t p = 0; p < partitions; ++p) {
    partition_scan scan(*w.connection, w.out, p, 0);
    REQUIRE(scan.until_end());
    for (const auto& r : scan.records)
      ++published[r.record.value.value_or("")];
  }
  CHECK(published.size() == 20);
  CHECK(published["2"] == 1);
  CHECK(published["12"] == 2);
  CHECK(published["new"] == 1);
}
