#pragma once
#include <boost/describe.hpp>
#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <weir/checkpoint/types.hpp>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

/// Words of the cluster (design, sections 9 and 10). Structs with BOOST_DESCRIBE_STRUCT are parts of durable formats
/// (docs/formats/control.md): their fields keep name, order and type; new ones come at the end with a default.
namespace weir::cluster {

/// Who speaks for a job, and in which of its attempts. The term is the offset of the leader's first committed control
/// record; attempts of a job are counted over all terms. Compared as a pair: the higher one has replaced the lower.
struct fence {
  std::uint64_t term = 0;
  std::uint64_t attempt = 0;
  friend auto operator<=>(const fence&, const fence&) = default;
};
BOOST_DESCRIBE_STRUCT(fence, (), (term, attempt))

/// Key groups first to last, both included: the unit that is assigned, restored and written as a full snapshot.
struct key_range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend auto operator<=>(const key_range&, const key_range&) = default;
};
BOOST_DESCRIBE_STRUCT(key_range, (), (first, last))

/// A partition of a source.
struct source_partition {
  std::string source;
  std::int32_t partition = 0;
  friend auto operator<=>(const source_partition&, const source_partition&) = default;
};
BOOST_DESCRIBE_STRUCT(source_partition, (), (source, partition))

/// A publisher slot: its number within a job and connection gives the transactional id.
struct slot_id {
  std::string connection;
  std::uint32_t index = 0;
  friend auto operator<=>(const slot_id&, const slot_id&) = default;
};
BOOST_DESCRIBE_STRUCT(slot_id, (), (connection, index))

/// `<space>.<job>.<connection>.<index>`, as a process of its own names it.
[[nodiscard]] std::string transactional_id(const std::string& space, const std::string& job, const slot_id& slot);

/// A file of the shared directory as a manifest or control record names it: whoever reads it checks size and hash.
struct file_ref {
  std::string name;
  std::uint64_t size = 0;
  std::uint64_t hash = 0; ///< XXH3-64 over the bytes.
  friend bool operator==(const file_ref&, const file_ref&) = default;
};
BOOST_DESCRIBE_STRUCT(file_ref, (), (name, size, hash))

[[nodiscard]] file_ref describe_file(std::string name, std::string_view bytes);
/// Errors: store_corrupt, naming the file and what differs.
result<> check_file(const file_ref& expected, std::string_view bytes);

/// A lineage as the 16 raw bytes that records hold. `lineage_from` of anything but 16 bytes is the zero lineage.
[[nodiscard]] std::string raw_lineage(const lineage_id& l);
[[nodiscard]] lineage_id lineage_from(std::string_view raw);

/// The times of the cluster, in one place. All are measured on the clock of the node that waits.
struct timing {
  duration keep_alive = std::chrono::milliseconds(500); ///< Between two signs of life to a peer.
  duration lost = std::chrono::seconds(2);              ///< Without one: the peer is lost.
  duration jump = std::chrono::seconds(1);              ///< A tick that comes this much late: the node itself was frozen.
  duration give_up = std::chrono::seconds(2);           ///< Without Kafka or the directory the leader gives up the lead.
  duration lonely_first = std::chrono::seconds(10);     ///< After giving up for want of peers: not again for this long,
  duration lonely_longest = std::chrono::minutes(5);    ///< doubled each time up to this.
  unsigned failures_before_ban = 3;                     ///< Attempts that fail in a row before causes are left out,
  duration ban_first = std::chrono::seconds(30);        ///< for this long,
  duration ban_longest = std::chrono::minutes(10);      ///< doubled each time up to this.
};

} // namespace weir::cluster
