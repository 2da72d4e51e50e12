#pragma once
#include <optional>
#include <weir/core/timestamp.hpp>
#include <weir/record/bytes.hpp>

namespace weir {

/// Decides when a partition is idle, from facts alone: the reader tells what its polls brought, and when. A partition is idle
/// only when its end at the high watermark was reported and polls kept coming back empty for the configured time. Time in
/// which the reader did not look (no credit, a stopped process) does not count, so that our own slowness or records that
/// wait unread never make a partition idle. The end is remembered until a record comes or `on_behind` takes it back.
///
/// Pure; times are monotonic; one thread at a time.
class idleness_tracker {
 public:
  /// `after`: none = never idle. `look` bounds the gap between two polls that still counts as looking.
  explicit idleness_tracker(std::optional<duration> after, duration look = std::chrono::seconds(5));

  /// A poll came back. `records`: it brought some; `at_end`: the connector reported the end at the high watermark with
  /// it. Returns the new status if it changed (true: idle).
  std::optional<bool> on_poll(bool records, bool at_end, duration now);
  /// The reader has no credit and does not poll: what comes meanwhile is unknown. The waiting begins anew.
  void on_unread() { since_.reset(); }
  /// There are records behind our position after all (the high watermark moved: hidden by an open transaction, or not
  /// fetched yet). Not idle until the end is reported again; an idle partition stays so until a record comes.
  void on_behind() {
    at_end_ = false;
    since_.reset();
  }

  [[nodiscard]] bool idle() const { return idle_; }
  /// When the reader should poll although nothing woke it; none: no need.
  [[nodiscard]] std::optional<duration> next_look() const;

  /// Appends the flag (u8).
  void save(byte_writer& out) const { out.u8(idle_ ? 1 : 0); }
  /// A partition that was idle at the barrier is idle after the restart until a record comes: else the watermark would be
  /// held by a partition that no longer counted. False, and unchanged, when malformed.
  [[nodiscard]] bool restore(byte_reader& in);

 private:
  std::optional<duration> after_;
  duration look_;
  bool at_end_ = false;
  bool idle_ = false;
  std::optional<duration> since_; // First empty poll of the present run at the end.
  duration last_poll_{0};
};

} // namespace weir
