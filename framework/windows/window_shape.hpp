#pragma once
#include <optional>
#include <string>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// Windows [start, start + size) that do not overlap; starts are multiples of size since 1970 UTC, also before it.
struct tumbling {
  duration size{0};
};

/// Windows [start, start + size) that start at every multiple of slide since 1970 UTC, also before it; a record is in
/// size / slide of them.
struct sliding {
  duration size{0};
  duration slide{0};
};

/// The arithmetic of tumbling and sliding windows. Time is cut into slices of gcd(size, slide); every window is a run of
/// whole slices, so one partial aggregate per slice and key serves all windows that overlap (Li et al., "No pane, no
/// gain", 2005). A slice is named by its end. All divisions floor. Pure.
class window_shape {
 public:
  window_shape(tumbling w) : size_(w.size.count()), slide_(w.size.count()), slice_(size_), tumbling_(true) {}
  window_shape(sliding w);

  /// Errors: invalid_argument for a size or slide that is not a whole, positive number of milliseconds, a slide longer
  /// than the size (records between windows would vanish), or a window of more than 100,000 slices.
  [[nodiscard]] result<> check() const;

  [[nodiscard]] static bool valid_lateness(duration d);

  [[nodiscard]] duration size() const { return duration{size_}; }
  [[nodiscard]] duration slide() const { return duration{slide_}; }
  [[nodiscard]] duration slice() const { return duration{slice_}; }
  [[nodiscard]] bool one_slice() const { return size_ == slice_; }

  /// Whether all windows of a record of that time can be expressed; false within a few windows of the ends of time.
  [[nodiscard]] bool covers(timestamp t) const;
  /// End of the slice that holds t.
  [[nodiscard]] timestamp slice_end(timestamp t) const { return {floor(t.us, slice_) + slice_}; }
  /// End of the first window that holds the slice.
  [[nodiscard]] timestamp first_end(timestamp slice) const { return {ceil(slice.us - size_, slide_) + size_}; }
  /// End of the last window that holds the slice.
  [[nodiscard]] timestamp last_end(timestamp slice) const { return {floor(slice.us - slice_, slide_) + size_}; }
  /// The latest window end that is <= t.
  [[nodiscard]] timestamp end_at_or_before(timestamp t) const { return {floor(t.us - size_, slide_) + size_}; }
  /// No window that ends after `end` holds a slice up to the returned one: they may be dropped when `end` is done.
  [[nodiscard]] timestamp done_slices(timestamp end) const { return {end.us - size_ + slide_}; }
  /// A watermark beyond which nothing new can fire for times that are covered; keeps the arithmetic in range.
  [[nodiscard]] timestamp clamp(timestamp watermark, duration lateness) const;

  /// `tumbling 1m`, `sliding 5m every 1m`.
  [[nodiscard]] std::string text() const;

 private:
  [[nodiscard]] static std::int64_t floor(std::int64_t t, std::int64_t unit) {
    auto r = t % unit;
    return r < 0 ? t - r - unit : t - r;
  }
  [[nodiscard]] static std::int64_t ceil(std::int64_t t, std::int64_t unit) {
    auto f = floor(t, unit);
    return f == t ? t : f + unit;
  }
  std::int64_t size_ = 0;
  std::int64_t slide_ = 0;
  std::int64_t slice_ = 0;
  bool tumbling_ = false;
};

} // namespace weir
