#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/cluster/types.hpp>

/// The manifest of a checkpoint in the shared directory: docs/formats/control.md. It is written before the checkpoint is
/// complete and means nothing until a committed control record names it.
namespace weir::cluster {

/// One delta, or a full snapshot, of a key-group range. Its file's name is its id: names are never used twice.
struct chain_link {
  file_ref file;
  std::uint64_t checkpoint = 0; ///< It became part of the chain with this one.
  bool snapshot = false;        ///< All of the range: what came before is not needed.
};
BOOST_DESCRIBE_STRUCT(chain_link, (), (file, checkpoint, snapshot))

/// What restores a range: applied in order. A snapshot stands first only.
struct range_chain {
  key_range range;
  std::vector<chain_link> links;
};
BOOST_DESCRIBE_STRUCT(range_chain, (), (range, links))

/// Output of an epoch in one slot that was not known to be published when the manifest was made.
struct outbox_entry {
  slot_id slot;
  std::uint64_t checkpoint = 0;
  std::uint64_t after = 0; ///< The checkpoint its attempt started from: nobody publishes it before all slots have reached that.
  std::vector<file_ref> files;
};
BOOST_DESCRIBE_STRUCT(outbox_entry, (), (slot, checkpoint, after, files))

/// A participant's contribution as recorded.
struct recorded_contribution {
  std::string vertex;
  std::int32_t index = 0;
  std::string inline_state;
  std::uint64_t delta_end = 0;
  std::uint64_t outbox_end = 0;
  bool finished = false;
};
BOOST_DESCRIBE_STRUCT(recorded_contribution, (), (vertex, index, inline_state, delta_end, outbox_end, finished))

struct cluster_manifest {
  std::string job;
  std::string lineage; ///< 16 bytes.
  fence by;            ///< Chunk numbers count within this attempt.
  std::uint64_t checkpoint = 0;
  std::vector<recorded_contribution> contributions;
  std::vector<range_chain> chains;
  std::vector<outbox_entry> outbox; ///< Ascending by checkpoint, then slot.
  /// Every file that this checkpoint needs.
  [[nodiscard]] std::vector<std::string> files() const;
  [[nodiscard]] const range_chain* chain_of(const key_range& range) const;
};
BOOST_DESCRIBE_STRUCT(cluster_manifest, (), (job, lineage, by, checkpoint, contributions, chains, outbox))

[[nodiscard]] std::string encode_manifest(const cluster_manifest& m);
/// The caller has compared size and hash with the control record. Errors: incompatible, store_corrupt.
result<cluster_manifest> decode_manifest(const std::string& name, std::string_view bytes);

/// A chunk that a node has durably written to the shared directory: prepared, part of nothing yet.
struct prepared_chunk {
  enum class kind : std::uint8_t { delta, snapshot, outbox };
  participant_id who;
  kind what = kind::delta;
  std::uint64_t number = 0; ///< Of the participant in this attempt: outbox chunks count apart from the others.
  key_range range;          ///< Of a delta or snapshot.
  slot_id slot;             ///< Of an outbox chunk.
  file_ref file;
};

struct manifest_facts {
  std::string job;
  lineage_id lineage;
  fence by;
  std::uint64_t base = 0; ///< The checkpoint that the attempt started from; 0: empty.
  std::uint64_t checkpoint = 0;
  const cluster_manifest* previous = nullptr; ///< Of the newest complete checkpoint; null: none.
  std::vector<contribution> contributions;
  std::vector<prepared_chunk> chunks;  ///< All that nodes have named in this attempt, in any order, twice or not.
  std::map<slot_id, marker> published; ///< As far as known; it may be behind.
};
/// The manifest of a checkpoint whose participants have all acknowledged. Pure. Per participant the chunks since the last
/// complete checkpoint of this attempt, up to what its acknowledgement says.
///
/// Errors: unavailable (a chunk that an acknowledgement speaks of is not among the facts: close the attempt at this
/// checkpoint), incompatible (the previous manifest is of another lineage).
result<cluster_manifest> make_manifest(const manifest_facts& facts);

} // namespace weir::cluster
