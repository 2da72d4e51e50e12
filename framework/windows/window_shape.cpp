#include <weir/windows/window_shape.hpp>

#include <algorithm>
#include <numeric>
#include <weir/core/quantity.hpp>

namespace weir {

namespace {
constexpr std::int64_t max_slices = 100'000;
/// 10,000 years: far above any use, far below what overflows.
constexpr std::int64_t max_size = std::int64_t{10'000} * 366 * 24 * 3600 * 1'000'000;
} // namespace

window_shape::window_shape(sliding w)
    : size_(w.size.count()), slide_(w.slide.count()), slice_(std::gcd(size_, slide_)), tumbling_(false) {}

result<> window_shape::check() const {
  if (size_ <= 0 || size_ % 1000 != 0 || size_ > max_size)
    return {errc::invalid_argument, "the window size must be a whole number of milliseconds above zero and at most 10,000 years"};
  if (slide_ <= 0 || slide_ % 1000 != 0)
    return {errc::invalid_argument, "the slide must be a whole number of milliseconds above zero"};
  if (slide_ > size_)
    return {errc::invalid_argument, "the slide is longer than the window: records between two windows would be lost"};
  if (size_ / slice_ > max_slices)
    return {errc::invalid_argument,
            "the window would be cut into more than 100,000 slices: choose a slide that divides the size"};
  return success();
}

bool window_shape::valid_lateness(duration d) { return d >= duration{0} && d <= duration{max_size}; }

bool window_shape::covers(timestamp t) const {
  return t.us > min_timestamp.us + 4 * size_ && t.us < max_timestamp.us - 4 * size_;
}

timestamp window_shape::clamp(timestamp watermark, duration lateness) const {
  auto low = min_timestamp.us + 2 * size_ + lateness.count();
  auto high = max_timestamp.us - 2 * size_;
  return {std::clamp(watermark.us, low, high)};
}

std::string window_shape::text() const {
  if (tumbling_)
    return "tumbling " + format_duration(size());
  return "sliding " + format_duration(size()) + " every " + format_duration(slide());
}

} // namespace weir
