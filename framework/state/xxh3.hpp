#pragma once
#include <cstdint>
#include <string_view>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace weir {

/// 64-bit XXH3. Internal to state/ and storage/: the algorithm is part of the durable formats.
inline std::uint64_t xxh3(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }
inline std::uint64_t xxh3(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

} // namespace weir
