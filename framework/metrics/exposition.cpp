#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <cassert>
#include <sstream>
#include <weir/metrics/exposition.hpp>

namespace weir {
namespace {

prometheus::MetricType type_of(metric_type t) {
  switch (t) {
    case metric_type::counter:
      return prometheus::MetricType::Counter;
    case metric_type::gauge:
      return prometheus::MetricType::Gauge;
    case metric_type::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

double seconds(duration d) { return static_cast<double>(d.count()) / 1e6; }

} // namespace

struct metric_samples::families {
  std::vector<prometheus::MetricFamily> all;

  prometheus::ClientMetric& add(metric m, std::initializer_list<std::string_view> values) {
    auto& out = all[static_cast<std::size_t>(m)].metric.emplace_back();
    const auto& names = describe(m).labels;
    assert(names.size() == values.size());
    auto name = names.begin();
    for (auto value : values)
      out.label.push_back({std::string(*name++), std::string(value)});
    return out;
  }
};

metric_samples::metric_samples() : families_(std::make_unique<families>()) {
  for (const auto& m : metric_catalog())
    families_->all.push_back({m.name, m.help, type_of(m.type), {}});
}

metric_samples::~metric_samples() = default;

void metric_samples::add(metric m, std::initializer_list<std::string_view> labels, double value) {
  auto& sample = families_->add(m, labels);
  if (describe(m).type == metric_type::counter)
    sample.counter.value = value;
  else
    sample.gauge.value = value;
}

void metric_samples::add(metric m, std::initializer_list<std::string_view> labels, const duration_counts& value) {
  auto& to = families_->add(m, labels).histogram;
  to.sample_count = value.count;
  to.sample_sum = seconds(value.sum);
  std::uint64_t up_to = 0;
  for (std::size_t i = 0; i < duration_bounds.size(); ++i) {
    up_to += value.counts[i];
    to.bucket.push_back({up_to, seconds(duration_bounds[i])});
  }
}

std::string metric_samples::text() && {
  std::vector<prometheus::MetricFamily> present;
  for (auto& f : families_->all)
    if (!f.metric.empty())
      present.push_back(std::move(f));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, present);
  return std::move(out).str();
}

} // namespace weir
