#include <algorithm>
#include <weir/time/watermark_generator.hpp>

namespace weir {

namespace {
constexpr std::uint8_t format = 1;
}

watermark_generator::watermark_generator(duration bound) : bound_(std::max(bound, duration{0})) {}

void watermark_generator::raise() {
  // Saturates: event times near the beginning of time must not wrap round to its end.
  auto room = static_cast<std::uint64_t>(latest_.us) - static_cast<std::uint64_t>(min_timestamp.us);
  auto back = static_cast<std::uint64_t>(bound_.count()) + 1;
  auto w = back >= room ? min_timestamp : timestamp{static_cast<std::int64_t>(static_cast<std::uint64_t>(latest_.us) - back)};
  watermark_ = std::max(watermark_, w);
}

void watermark_generator::save(byte_writer& out) const {
  out.u8(format);
  out.i64(latest_.us);
  out.i64(watermark_.us);
}

bool watermark_generator::restore(byte_reader& in) {
  auto version = in.u8();
  timestamp latest{in.i64()};
  timestamp watermark{in.i64()};
  if (!in.ok() || version != format || (watermark > min_timestamp && watermark >= latest))
    return false;
  latest_ = std::max(latest_, latest);
  watermark_ = std::max(watermark_, watermark);
  raise();
  return true;
}

} // namespace weir
