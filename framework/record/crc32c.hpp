#pragma once
#include <cstdint>
#include <string_view>

namespace weir {

/// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78) of `bytes`, going on from the checksum of what came before
/// (0 at the start). Uses the SSE4.2 instruction where the machine has it. Any thread.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

namespace detail {
/// The table-driven form, for machines without the instruction.
[[nodiscard]] std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t before);
} // namespace detail

} // namespace weir
