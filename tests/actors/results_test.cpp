#include <random>
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"

using namespace job_test;
using weir::job_phase;

namespace results_test {

struct event {
  std::string name;
  std::int64_t number = 0;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(event, (), (name, number, at))

struct sum_row {
  std::string name;
  weir::timestamp start;
  std::int64_t sum = 0, count = 0;
};
BOOST_DESCRIBE_STRUCT(sum_row, (), (name, start, sum, count))

std::string event_json(const std::string& name, std::int64_t number, std::int64_t second) {
  return R"({"name":")" + name + R"(","number":)" + std::to_string(number) + R"(,"at":")" +
         weir::to_string(weir::timestamp{(1'767'225'600 + second) * 1'000'000}) + "\"}";
}

weir::job filter_and_map() {
  weir::job job{"filter-and-map"};
  job.source("in", weir::topic<event>{{"main", "in"}})
      .filter([](const event& e) { return e.number % 3 == 0; })
      .map([](const event& e) { return e.name + "=" + std::to_string(e.number * 2); })
      .sink("out", weir::topic<std::string>{{"main", "out"}});
  return job;
}

} // namespace results_test
using namespace results_test;

TEST_CASE("filter and map give the same records in every layout") {
  for (const auto& l : layouts()) {
    INFO(text(l));
    world w;
    w.topic("in", 3);
    std::vector<std::string> expected;
    for (std::int32_t p = 0; p < 3; ++p) {
      std::vector<std::string> values;
      for (int i = 0; i < 200; ++i) {
        auto number = p * 1000 + i;
        values.push_back(event_json("n", number, i));
        if (number % 3 == 0)
          expected.push_back("n=" + std::to_string(number * 2));
      }
      w.put("in", p, values);
    }
    std::sort(expected.begin(), expected.end());
    auto end = w.run_to_end(w.spec(filter_and_map(), l));
    INFO(cause(end));
    REQUIRE(end.phase == job_phase::ended);
    CHECK(w.values("out") == expected);
  }
}
