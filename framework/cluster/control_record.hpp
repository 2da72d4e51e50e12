#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>
#include <weir/cluster/types.hpp>

/// Records of the control topic `<namespace>.weir-control`; docs/formats/control.md. The topic is compacted: of each key
/// only the newest record is sure to stay, so every record says all there is to say under its key.
namespace weir::cluster {

/// A leader takes office. Its offset is the term.
struct term_record {
  std::string node;
  std::uint64_t nonce = 0; ///< Random: by it a leader knows its own record after an unknown commit.
};
BOOST_DESCRIBE_STRUCT(term_record, (), (node, nonce))

/// A node is known. A tombstone removes it.
struct member_record {
  std::string node;
  std::string address;        ///< host:port for peers.
  std::uint32_t capacity = 1; ///< Share of the work, relative to the others'.
  std::uint64_t start = 0;    ///< Random number of the node's process.
  bool draining = false;      ///< Gets no work, and gives up what it has.
};
BOOST_DESCRIBE_STRUCT(member_record, (), (node, address, capacity, start, draining))

/// A node that hears no leader is alive all the same. The only record that is not the leader's.
struct alive_record {
  std::string node;
  std::uint64_t start = 0;
  std::uint64_t beat = 0; ///< Grows with each sign of life of this start.
};
BOOST_DESCRIBE_STRUCT(alive_record, (), (node, start, beat))

struct range_owner {
  key_range range;
  std::string node;
};
BOOST_DESCRIBE_STRUCT(range_owner, (), (range, node))

struct partition_owner {
  source_partition partition;
  std::string node;
};
BOOST_DESCRIBE_STRUCT(partition_owner, (), (partition, node))

struct slot_owner {
  slot_id slot;
  std::string node;
  bool draining = false; ///< Takes no new output; goes off the record when all it has is published.
};
BOOST_DESCRIBE_STRUCT(slot_owner, (), (slot, node, draining))

struct node_start {
  std::string node;
  std::uint64_t start = 0;
};
BOOST_DESCRIBE_STRUCT(node_start, (), (node, start))

/// An attempt of a job begins: who does what, from which checkpoint on. Its offset is the incarnation of all markers that
/// are written in this attempt.
struct assignment_record {
  std::string job;
  std::string lineage;               ///< 16 bytes: of the job, made with its first attempt.
  std::string fingerprint;           ///< Of the job's plan: a node that differs must not take part.
  std::optional<std::uint64_t> base; ///< The complete checkpoint it starts from; none: empty.
  std::vector<node_start> nodes;     ///< Who takes part, and with which process: a later one of the node does not.
  std::vector<range_owner> ranges;
  std::vector<partition_owner> partitions;
  std::vector<slot_owner> slots; ///< All that were ever used and are not retired.
};
BOOST_DESCRIBE_STRUCT(assignment_record, (), (job, lineage, fingerprint, base, nodes, ranges, partitions, slots))

/// Checkpoint k of the job is complete. This record, committed, is all that makes it so.
struct complete_record {
  std::string job;
  std::uint64_t checkpoint = 0;
  file_ref manifest;
  bool ended = false; ///< The bounded input was read to its end.
};
BOOST_DESCRIBE_STRUCT(complete_record, (), (job, checkpoint, manifest, ended))

/// The attempt at checkpoint k was closed: its number is never used again.
struct closed_record {
  std::string job;
  std::uint64_t checkpoint = 0;
};
BOOST_DESCRIBE_STRUCT(closed_record, (), (job, checkpoint))

/// Files that nobody needs any more: after this is committed they may be deleted, and their names are never used again.
/// A tombstone follows when they are gone.
struct garbage_record {
  std::string job;
  std::uint64_t batch = 0;
  std::vector<std::string> names;
};
BOOST_DESCRIBE_STRUCT(garbage_record, (), (job, batch, names))

/// The services file in force. Secrets are references in it, never values.
struct services_record {
  std::uint64_t version = 0;
  std::string text;
  std::optional<std::string> fallback; ///< What was in force before, to go back to.
};
BOOST_DESCRIBE_STRUCT(services_record, (), (version, text, fallback))

using control_body = std::variant<term_record, member_record, alive_record, assignment_record, complete_record, closed_record,
                                  garbage_record, services_record>;

/// Who wrote a record, and its place among the records of that leader.
struct stamp {
  fence by;                 ///< attempt: of the record's job; 0 where the record belongs to none. term: 0 in a term_record.
  std::uint64_t serial = 0; ///< Grows with each record of a term.
};
BOOST_DESCRIBE_STRUCT(stamp, (), (by, serial))

struct control_record {
  stamp mark;
  control_body body;
};

/// Key and value as they lie in the topic. No value: a tombstone.
struct control_entry {
  std::string key;
  std::optional<std::string> value;
};
struct control_entry_at {
  std::uint64_t offset = 0;
  control_entry entry;
};

/// What replaces what: equal keys, and the topic keeps the newer record.
[[nodiscard]] std::string key_of(const control_body& b);
[[nodiscard]] control_entry encode_control(const control_record& r);
/// Errors: incompatible (a newer version or an unknown type), store_corrupt (anything else, or a record under a key that
/// is not its own). The message names the key.
result<control_record> decode_control(std::string_view key, std::string_view value);

} // namespace weir::cluster
