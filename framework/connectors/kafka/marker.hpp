#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <weir/checkpoint/types.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>
#include <weir/core/result.hpp>

namespace weir::kafka {

/// The value of a marker record; the form is in docs/kafka.md. Durable: never change what a version means.
[[nodiscard]] std::string encode_marker(const marker& m);
/// Errors: store_corrupt, for anything that encode_marker does not write.
result<marker> decode_marker(std::string_view text);

/// The newest committed marker of `id` in one partition of the marker topic; none if there is none. Reads
/// read_committed until the position reaches the high watermark (read_uncommitted) asked for at the start, so a marker
/// behind another id's open transaction is waited for, not missed. Looks at the end first, then further back.
/// Blocks up to `limit`. Errors: unavailable (also: hidden by a foreign transaction for all of `limit`), not_found,
/// not_authorized, store_corrupt.
result<std::optional<marker>> read_newest_marker(const kafka_config& config, const std::string& topic, std::int32_t partition,
                                                 const std::string& id, std::chrono::milliseconds limit, const logger& log);

} // namespace weir::kafka
