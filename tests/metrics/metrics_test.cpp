#include <algorithm>
#include <set>
#include <string>
#include <weir/metrics/exposition.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("the table is indexed by the metric, and every name is once there and by the rules of Prometheus") {
  std::set<std::string> names;
  std::size_t at = 0;
  for (const auto& m : metric_catalog()) {
    INFO(m.name);
    CHECK(static_cast<std::size_t>(m.id) == at++);
    std::string name = m.name;
    CHECK(names.insert(name).second);
    CHECK((name.starts_with("weir_") || name.starts_with("process_")));
    CHECK((m.type == metric_type::counter) == name.ends_with("_total"));
    CHECK(std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; }));
    for (const char* other : {"_ms", "_us", "_milliseconds", "_kib", "_percent"})
      CHECK_FALSE(name.ends_with(other));
    if (m.type == metric_type::histogram)
      CHECK(name.ends_with("_seconds"));
    CHECK(std::string(m.help).ends_with('.'));
  }
}

TEST_CASE("samples come out with help, type and escaped labels, and metrics without one are left out") {
  metric_samples samples;
  samples.add(metric::service_restarts, {"a\"b\\c\nd"}, 3);
  samples.add(metric::service_lag, {"other"}, 1234567890123.0);
  auto text = std::move(samples).text();
  INFO(text);
  CHECK(text.find("# HELP weir_service_restarts_total Restarts") != std::string::npos);
  CHECK(text.find("# TYPE weir_service_restarts_total counter\n") != std::string::npos);
  CHECK(text.find("weir_service_restarts_total{service=\"a\\\"b\\\\c\\nd\"} 3\n") != std::string::npos);
  CHECK(text.find("weir_service_lag_records{service=\"other\"} 1234567890123\n") != std::string::npos);
  CHECK(text.find("weir_operator") == std::string::npos);
}

TEST_CASE("a histogram counts each duration once, on a bound in the bucket below it, and is printed cumulative") {
  duration_histogram h;
  for (auto d : {duration{0}, duration{5ms}, duration{6ms}, duration{1s}, duration{1h}})
    h.observe(d);
  auto counts = h.counts();
  CHECK(counts.count == 5);
  CHECK(counts.sum == 1h + 1s + 11ms);
  CHECK(counts.counts.front() == 2);
  CHECK(counts.counts.back() == 1);
  metric_samples samples;
  samples.add(metric::checkpoint_duration, {"s"}, counts);
  auto text = std::move(samples).text();
  INFO(text);
  for (const char* line : {"weir_checkpoint_duration_seconds_count{service=\"s\"} 5\n", "_bucket{service=\"s\",le=\"1\"} 4\n",
                           "_bucket{service=\"s\",le=\"300\"} 4\n", "_bucket{service=\"s\",le=\"+Inf\"} 5\n"})
    CHECK(text.find(line) != std::string::npos);
}

TEST_CASE("the page names every metric") {
  auto page = metrics_reference();
  for (const auto& m : metric_catalog())
    CHECK(page.find("| `" + std::string(m.name) + "` |") != std::string::npos);
  CHECK(page.find("0.005, 0.01, 0.025") != std::string::npos);
}
