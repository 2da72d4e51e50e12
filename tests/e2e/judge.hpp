#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The judge of order-totals. It knows the contract of the service and nothing of how Weir works, and shares no code
// with it: what it finds wrong is wrong.

namespace weir::e2e {

/// A record as a reader of the topic sees it.
struct topic_record {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::int64_t timestamp_ms = 0;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Everything that is judged: the input, and the two outputs as a read_committed reader sees them. Records of one
/// partition are in the order of their offsets; the order of the partitions does not matter.
struct run_facts {
  std::string orders_topic = "orders";
  std::vector<topic_record> orders;
  std::vector<topic_record> totals;
  std::vector<topic_record> late;
  std::int32_t totals_partitions = 0;         ///< 0: the partition of a key is not checked.
  std::vector<std::string> open_transactions; ///< "topic/partition" whose last stable offset is below its high watermark.
};

/// All topics of a run of any service, by the names that the configuration for the embedded log gives them.
struct world_facts {
  std::string input_topic; ///< As it is called in this world.
  std::map<std::string, std::vector<topic_record>> topics;
  std::map<std::string, std::int32_t> partitions;
  std::vector<std::string> open_transactions;
};

struct rules {
  std::chrono::milliseconds window = std::chrono::minutes(1);
  std::chrono::milliseconds bound = std::chrono::seconds(5); ///< How far out of order an order may be within its partition.
};

struct verdict {
  std::vector<std::string> complaints; ///< A sentence for each thing that is wrong, at most 50 of them.
  std::size_t complaint_count = 0;     ///< How many there were.
  std::size_t orders = 0;              ///< Or what else the input is.
  std::size_t totals = 0;              ///< Or what else comes out.
  std::size_t late = 0;

  [[nodiscard]] bool right() const { return complaint_count == 0; }
};

/// Computes every total from the input alone and compares: per customer and window exactly one total, right in each
/// byte, under its key and time stamp, in its partition; totals and late records together are the input and no order
/// is in both; nothing is late that came within the bound of its own partition; per key, windows and late records
/// are in order; no transaction is open.
[[nodiscard]] verdict judge(const run_facts& facts, const rules& r = {});

/// One line of `weir log consume --envelope`. Throws std::runtime_error saying what is wrong with it.
[[nodiscard]] topic_record parse_envelope(std::string_view line);

/// Milliseconds since 1970 of "2026-01-01T00:00:03.250Z"; none if it is not a time of this form.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);
/// The reverse, with a fraction only if it is not zero.
[[nodiscard]] std::string format_time(std::int64_t ms);

/// The partition that a Java producer gives a key: murmur2 (Austin Appleby), seed 0x9747b28c, sign bit cleared.
[[nodiscard]] std::int32_t java_partition(std::string_view key, std::int32_t partitions);

} // namespace weir::e2e
