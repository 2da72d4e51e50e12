#pragma once
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include <weir/state/keyed_state.hpp>
#include <weir/state/row_key.hpp>

namespace weir::state_detail {

/// Which freeze an entry or range tombstone belongs to: 0 = as in the base; a freeze's number; or, with the top bit set,
/// the checkpoint whose delta brought it at a restore.
using change_tag = std::uint64_t;
inline constexpr change_tag loaded_bit = change_tag{1} << 63;

/// One key's newest value in RAM, or the fact that it is absent.
struct entry {
  std::string key;   ///< Bounded form.
  std::string value; ///< Empty while spilled.
  timestamp time;    ///< 0 in value states.
  change_tag tag = 0;
  std::uint64_t spill_chunk = 0;  ///< Number of the participant's chunk that holds the value, while `spill_known`.
  std::uint32_t spill_offset = 0; ///< Where in that chunk; set as soon as the entry is encoded into a spill.
  std::uint32_t spill_size = 0;
  std::uint32_t slot = 0; ///< Its place in state_table::all.
  std::uint32_t table = 0;
  std::uint16_t key_group = 0;
  bool tombstone = false;
  bool listed = false;      ///< In the list of the epoch `tag`, to be encoded.
  bool unlinked = false;    ///< Not in its table any more: only the list holds it.
  bool dead = false;        ///< Unlinked and not to be encoded either.
  bool fresh = false;       ///< Nothing below (base, chunks) knows this key: erasing it needs no tombstone.
  bool referenced = false;  ///< Touched since the last sweep.
  bool in_spill = false;    ///< In a spill that is handed out and not confirmed: must not change or be freed.
  bool spill_known = false; ///< A committed chunk holds this very value.
  bool spilled = false;     ///< The value is only there, not here.

  [[nodiscard]] std::size_t bytes() const {
    constexpr std::size_t indexes = 32; // Hash slot at its load factor, place in `all`, malloc headers.
    return sizeof(entry) + indexes + (key.capacity() > 15 ? key.capacity() : 0) + (value.capacity() > 15 ? value.capacity() : 0);
  }
};

struct lookup_key {
  std::uint16_t key_group;
  timestamp time;
  std::string_view key;
};

/// What the index holds: the pointer is exchanged in place when a frozen entry is copied, the key stays.
struct index_slot {
  mutable entry* e;
};

struct index_hash {
  using is_transparent = void;
  std::size_t operator()(const lookup_key& k) const;
  std::size_t operator()(const index_slot& s) const { return (*this)(lookup_key{s.e->key_group, s.e->time, s.e->key}); }
};

struct index_equal {
  using is_transparent = void;
  static bool same(const lookup_key& a, const lookup_key& b) {
    return a.key_group == b.key_group && a.time == b.time && a.key == b.key;
  }
  static lookup_key of(const lookup_key& k) { return k; }
  static lookup_key of(const index_slot& s) { return {s.e->key_group, s.e->time, s.e->key}; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return same(of(a), of(b));
  }
};

/// Order of an ordered state inside a key group.
struct order_key {
  timestamp time;
  std::string_view key;
};
struct order_less {
  using is_transparent = void;
  static order_key of(const order_key& k) { return k; }
  static order_key of(const index_slot& s) { return {s.e->time, s.e->key}; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    auto x = of(a), y = of(b);
    return x.time != y.time ? x.time < y.time : x.key < y.key;
  }
};

/// A range tombstone: everything at or before `until` that is older than it is gone.
struct range_drop {
  timestamp until;
  change_tag tag = 0;
  bool emitted = false; ///< Encoded into a chunk of its freeze already.
};

/// What an ordered state keeps per key group.
struct group_state {
  std::set<index_slot, order_less> order;
  std::vector<range_drop> drops; ///< Not in the base yet, oldest first.
  // Nothing present lies in [bound_from, bound): the search for the first time begins at `bound`. With `bound_exact`, an
  // entry is at `bound` (or none at all, when bound_none).
  bool bound_valid = false;
  bool bound_exact = false;
  bool bound_none = false;
  timestamp bound_from;
  timestamp bound;

  /// Base rows at or before this time are dropped; none while there is no range tombstone.
  [[nodiscard]] std::optional<timestamp> dropped_until() const;
  void note_put(timestamp t);
  void note_removal(timestamp t);
  void note_drop(timestamp until);
};

/// Looks of the eviction clock that an entry brings along. Clean entries among n that must stay are found behind n / 16 further
/// ones: so much may lie in memory beyond the limit.
inline constexpr std::size_t looks_per_entry = 16;

/// The entries of one declared state in RAM. It owns every linked entry; lists own unlinked ones.
class state_table {
 public:
  state_table(std::uint32_t number, std::uint64_t id, state_kind kind, std::uint16_t first_group, std::uint16_t last_group);
  state_table(state_table&&) = delete;
  ~state_table();

  [[nodiscard]] entry* find(const lookup_key& k) const;
  /// Makes and links an entry; none with this key may be linked.
  entry* insert(const lookup_key& k);
  /// Puts `by` (same key) in the place of `e`, which becomes unlinked.
  void exchange(entry* e, entry* by);
  /// Takes e out of the indexes; the caller frees it or leaves it to its list.
  void unlink(entry* e);
  [[nodiscard]] group_state& group(std::uint16_t key_group) { return groups_[key_group - first_group_]; }

  const std::uint32_t number;
  const std::uint64_t id;
  const state_kind kind;
  state_declaration declaration; ///< Empty operator name: known only from loaded rows so far.
  bool declared = false;         ///< By the running job.
  bool stored = false;           ///< The declaration is in the base or in a chunk.
  bool in_ram = false;           ///< Every present key has an entry here: a miss is an answer.
  std::vector<entry*> all;       ///< Linked entries, for sweeps.
  std::size_t hand = 0;          ///< Of the eviction clock, in `all`.
  std::size_t looks = 0;         ///< That the clock may still take, see task_table::sweep.

 private:
  const std::uint16_t first_group_;
  boost::unordered_flat_set<index_slot, index_hash, index_equal> index_;
  std::vector<group_state> groups_; ///< Of ordered states only.
};

} // namespace weir::state_detail
