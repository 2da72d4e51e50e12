#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/state/delta_format.hpp>
#include <weir/state/state_table.hpp>
#include <weir/state/task_state.hpp>

namespace weir::state_detail {

/// The implementation of task_state. Entries are told apart by their tag (see change_tag) against three numbers: the
/// running freeze, whether the frozen list is drained, and what the base holds; nothing walks the entries at a barrier.
///
///   clean    tag 0, or at or below applied_freeze_ / below applied_checkpoint_end_: may be evicted
///   dirty    tag == freezes_ + 1
///   frozen   tag == freezes_ and still listed: a change makes a new entry, the old one stays with the list
///   pending  any other: in a chunk, not in the base yet
///
/// access: task_table.cpp; iteration: table_scan.cpp; barriers, restore and memory: table_life.cpp.
class task_table final : public task_state {
 public:
  task_table(const task_state_options& options, std::unique_ptr<base_reader> base);
  ~task_table() override;

  result<state_handle> declare(const state_declaration& d) override;
  result<std::optional<std::string_view>> get(state_handle h, std::uint16_t key_group, std::string_view key) override;
  result<> put(state_handle h, std::uint16_t key_group, std::string_view key, std::string_view value) override;
  result<> erase(state_handle h, std::uint16_t key_group, std::string_view key) override;
  result<std::optional<std::string_view>> get(state_handle h, std::uint16_t key_group, timestamp time,
                                              std::string_view key) override;
  result<> put(state_handle h, std::uint16_t key_group, timestamp time, std::string_view key, std::string_view value) override;
  result<> erase(state_handle h, std::uint16_t key_group, timestamp time, std::string_view key) override;
  result<std::optional<timestamp>> first_time(state_handle h, std::uint16_t key_group, timestamp from) override;
  result<> scan(state_handle h, std::uint16_t key_group, timestamp from, std::string_view after_key, timestamp until,
                const std::function<bool(timestamp, std::string_view, std::string_view)>& visit) override;
  result<> drop_until(state_handle h, std::uint16_t key_group, timestamp until) override;
  result<> for_each(state_handle h, std::uint16_t key_group,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override;

  result<> load_pending(std::string_view chunk_bytes, std::uint64_t checkpoint) override;
  std::uint64_t freeze() override;
  std::optional<delta_chunk> drain(std::size_t max_bytes) override;
  void applied(std::uint64_t freeze) override;
  void applied_checkpoint(std::uint64_t checkpoint) override;
  void end_batch() override;
  std::optional<delta_chunk> take_spill() override;
  void spill_stored(std::uint64_t number) override;
  [[nodiscard]] std::size_t memory_bytes() const override { return memory_; }
  [[nodiscard]] std::size_t dirty_entries() const override { return dirty_.entries.size() - dirty_.position - dirty_.dead; }

 private:
  /// A range tombstone waiting to be encoded.
  struct listed_drop {
    std::uint32_t table;
    std::uint16_t key_group;
    timestamp until;
  };
  /// Changes of one epoch that no chunk holds yet.
  struct change_list {
    std::vector<entry*> entries;
    std::vector<listed_drop> drops;
    std::vector<std::uint32_t> declarations; ///< Tables.
    std::size_t position = 0;                ///< Of the next entry to encode.
    std::size_t dead = 0;
    [[nodiscard]] bool done() const { return position == entries.size() && drops.empty() && declarations.empty(); }
  };
  struct spill {
    std::vector<entry*> entries;
    std::size_t value_bytes = 0;
  };

  [[nodiscard]] change_tag current() const { return freezes_ + 1; }
  [[nodiscard]] bool pinned(change_tag tag) const {
    if (tag & loaded_bit)
      return (tag & ~loaded_bit) >= applied_checkpoint_end_;
    return tag > applied_freeze_;
  }
  [[nodiscard]] bool frozen(const entry& e) const { return e.listed && e.tag == freezes_; }

  // --- access
  result<state_table*> checked(state_handle h, state_kind kind, std::uint16_t key_group);
  result<std::optional<std::string_view>> read(state_table& t, std::uint16_t key_group, timestamp time, std::string_view key);
  result<> write(state_table& t, std::uint16_t key_group, timestamp time, std::string_view key, std::string_view value);
  result<> remove(state_table& t, std::uint16_t key_group, timestamp time, std::string_view key);
  /// The entry of a key, brought in from the base when need be; null when the key is absent and has no entry.
  result<entry*> find_or_load(state_table& t, const lookup_key& k);
  /// The entry to change in this epoch: `e` itself, or its replacement while it is frozen. Listed afterwards.
  entry* own(state_table& t, entry* e);
  void list(entry* e);
  void set_value(entry* e, std::string_view value);
  /// Takes an entry out of its table and frees it unless a list still needs it.
  void discard(state_table& t, entry* e);
  void free_entry(entry* e);
  void compact_dirty();
  result<> bring_back(entry* e);
  /// True when base rows of the key's group at this time are hidden by a range tombstone.
  static bool hidden(state_table& t, std::uint16_t key_group, timestamp time);
  /// The whole key and the user's value out of a stored pair.
  static result<std::pair<std::string_view, std::string_view>> unwrap(const state_table& t, std::string_view bounded,
                                                                      std::string_view stored);
  state_table& table_of(std::uint64_t id, state_kind kind);

  // --- iteration
  using row_visitor = std::function<bool(timestamp, std::string_view bounded, std::string_view stored)>;
  result<> walk(state_table& t, std::uint16_t key_group, timestamp from, std::string_view after_bounded, timestamp until,
                bool values, const row_visitor& visit);

  // --- life
  /// A chunk of the next changes of a list; none when nothing was left. With `spilled`, its entries wait there.
  std::optional<delta_chunk> encode(change_list& from, std::uint64_t freeze, std::size_t max_bytes, spill* spilled);
  void forget_applied_drops();
  void evict();
  /// Evicts from one table until the limit is met or no look is left. All entries may be looked at twice when some may have
  /// become evictable, and a few for each one that came in: while nothing can go, a batch costs as much as it brings, not as much
  /// as there is.
  void sweep(state_table& t);
  void allow_full_sweep();
  void let_go_of_value(entry* e);

  task_state_options options_;
  std::unique_ptr<base_reader> base_;
  std::vector<std::unique_ptr<state_table>> tables_;
  std::vector<std::uint32_t> handles_; ///< state_handle -> table.
  std::uint64_t freezes_ = 0;
  std::uint64_t applied_freeze_ = 0;
  std::uint64_t applied_checkpoint_end_ = 0; ///< One above the newest loaded checkpoint that the base holds.
  change_list dirty_;
  change_list frozen_;
  std::deque<delta_chunk> ready_;
  std::deque<spill> spills_;       ///< Handed out, not confirmed.
  bool drained_ = true;            ///< The caller was told that the last freeze has no more chunks.
  std::size_t spilling_bytes_ = 0; ///< Values that leave memory when spills_ are confirmed.
  bool any_spilled_ = false;       ///< Some entry's value may be only in a chunk.
  std::vector<std::pair<std::uint32_t, std::uint16_t>> drop_places_; ///< (table, key group) with range tombstones.
  std::size_t memory_ = 0;
  std::string key_scratch_;
  std::string row_scratch_;
  std::string value_scratch_;
  std::uint64_t cached_chunk_ = 0;
  std::string cached_chunk_bytes_; ///< The last spilled chunk read back.
};

} // namespace weir::state_detail
