#pragma once
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <weir/metrics/catalog.hpp>
#include <weir/metrics/histogram.hpp>

namespace weir {

/// The samples of one scrape. One thread.
class metric_samples {
 public:
  metric_samples();
  ~metric_samples();
  metric_samples(const metric_samples&) = delete;
  metric_samples& operator=(const metric_samples&) = delete;

  /// A counter or gauge; `labels` are the values in the order of the table, and as many.
  void add(metric m, std::initializer_list<std::string_view> labels, double value);
  void add(metric m, std::initializer_list<std::string_view> labels, const duration_counts& value);

  /// The text format of Prometheus; metrics without a sample are left out. Uses the samples up.
  [[nodiscard]] std::string text() &&;

 private:
  struct families;
  std::unique_ptr<families> families_;
};

} // namespace weir
