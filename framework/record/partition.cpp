#include <weir/record/partition.hpp>

namespace weir {
namespace {

std::uint32_t little_endian(const unsigned char* p) {
  return static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 | static_cast<std::uint32_t>(p[2]) << 16 |
         static_cast<std::uint32_t>(p[3]) << 24;
}

/// MurmurHash2, 32 bit, by Austin Appleby (public domain), with the seed of org.apache.kafka.common.utils.Utils.murmur2.
std::uint32_t murmur2(std::string_view data) {
  constexpr std::uint32_t seed = 0x9747b28c;
  constexpr std::uint32_t m = 0x5bd1e995;
  constexpr int r = 24;
  const auto* p = reinterpret_cast<const unsigned char*>(data.data());
  auto n = data.size();
  auto h = seed ^ static_cast<std::uint32_t>(n);
  for (; n >= 4; p += 4, n -= 4) {
    auto k = little_endian(p) * m;
    k ^= k >> r;
    h = h * m ^ k * m;
  }
  if (n >= 3)
    h ^= static_cast<std::uint32_t>(p[2]) << 16;
  if (n >= 2)
    h ^= static_cast<std::uint32_t>(p[1]) << 8;
  if (n >= 1) {
    h ^= p[0];
    h *= m;
  }
  h ^= h >> 13;
  h *= m;
  return h ^ (h >> 15);
}

} // namespace

std::uint32_t murmur2_of_key(std::string_view key) { return murmur2(key) & 0x7fffffff; }

std::int32_t murmur2_partition(std::string_view key, std::int32_t partitions) {
  if (partitions <= 1)
    return 0;
  return static_cast<std::int32_t>(murmur2_of_key(key) % static_cast<std::uint32_t>(partitions));
}

std::string shard_name(const std::string& service, std::uint32_t index) { return service + "." + std::to_string(index); }

} // namespace weir
