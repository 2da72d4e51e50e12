#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

/// A declared state of one operator in one task; index into the task's tables.
struct state_handle {
  std::uint32_t index = 0;
};

enum class state_kind : std::uint8_t {
  value = 0,   ///< key -> value
  ordered = 1, ///< (time, key) -> value, iterated by time: timers, window slices
};

struct state_declaration {
  std::string operator_name; ///< As the user named the operator.
  std::string state_name;    ///< Unique in the operator.
  state_kind kind = state_kind::value;
  std::string schema; ///< Fingerprint of key and value types; another one at restore is refused as incompatible.
};

/// The keyed state of one task: a cache over the base rows in LMDB plus pinned entries that are not in the base yet.
/// Keys and values are bytes; the typed facades are in state/typed_state.hpp. Only the owning task calls.
/// A returned view is valid until the next call on this object. Reads of the base may block on the disk.
/// Errors of the base (corrupt, full) are returned; state is unchanged then.
class keyed_state {
 public:
  virtual ~keyed_state() = default;

  /// Declares a state before the first record. Errors: incompatible, already_exists.
  virtual result<state_handle> declare(const state_declaration& d) = 0;

  // --- value states
  virtual result<std::optional<std::string_view>> get(state_handle h, std::uint16_t key_group, std::string_view key) = 0;
  virtual result<> put(state_handle h, std::uint16_t key_group, std::string_view key, std::string_view value) = 0;
  virtual result<> erase(state_handle h, std::uint16_t key_group, std::string_view key) = 0;

  // --- ordered states
  virtual result<std::optional<std::string_view>> get(state_handle h, std::uint16_t key_group, timestamp time,
                                                      std::string_view key) = 0;
  virtual result<> put(state_handle h, std::uint16_t key_group, timestamp time, std::string_view key, std::string_view value) = 0;
  virtual result<> erase(state_handle h, std::uint16_t key_group, timestamp time, std::string_view key) = 0;

  /// The smallest time of a present entry in this key group at or after `from`, or none. Cheap when nothing is due: the
  /// engine keeps a lower bound per key group.
  virtual result<std::optional<timestamp>> first_time(state_handle h, std::uint16_t key_group, timestamp from) = 0;

  /// Calls `visit(time, key, value)` for entries of the key group in (time, key) order, beginning behind the entry
  /// (`from`, `after_key`) (an empty after_key begins with the first entry at `from`), while time <= `until`, until
  /// `visit` returns false. `visit` must not change this state; erase afterwards.
  /// Merges base cursor, pending entries and overlay.
  virtual result<> scan(state_handle h, std::uint16_t key_group, timestamp from, std::string_view after_key, timestamp until,
                        const std::function<bool(timestamp, std::string_view key, std::string_view value)>& visit) = 0;

  /// Drops every entry of the key group with time <= `until`: one range tombstone, no cost per entry.
  virtual result<> drop_until(state_handle h, std::uint16_t key_group, timestamp until) = 0;

  /// Calls `visit` for all present entries of a value state in a key group, in no particular order; for inspection.
  virtual result<> for_each(state_handle h, std::uint16_t key_group,
                            const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;
};

} // namespace weir
