#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir {

/// Random identity of a store, made at its creation. Numbers are never compared across lineages.
struct lineage_id {
  std::array<std::uint8_t, 16> bytes{};
  friend auto operator<=>(const lineage_id&, const lineage_id&) = default;
  [[nodiscard]] std::string text() const; ///< 32 hex digits.
};

/// What a publisher last wrote, in the same transaction as the output (design section 8).
struct marker {
  lineage_id lineage;
  std::uint64_t incarnation = 0;
  std::uint64_t checkpoint = 0; ///< Every epoch below it is published whole.
  std::uint64_t ordinal = 0;    ///< Records of epoch `checkpoint` that are published; `all_records` = whole.
  friend bool operator==(const marker&, const marker&) = default;
};
inline constexpr std::uint64_t all_records = ~std::uint64_t{0};

/// How a publish went. `unknown` = look at the marker before doing it again (a new publisher).
enum class publish_outcome : std::uint8_t {
  done,
  retriable,  ///< Nothing is visible; the same publish may succeed later.
  unwritable, ///< One record can never be written; `record` says which. Nothing is visible.
  gone,       ///< Topic or right is gone: stop publishing, keep the outbox. Nothing is visible.
  damaged,    ///< The outbox itself cannot be read: doing it again reads the same bytes. Nothing is visible.
  fenced,     ///< Terminal for the job.
  unknown,    ///< May or may not have happened.
};

/// The participant of a checkpoint: one parallel instance of a vertex, or one partition reader.
struct participant_id {
  std::string vertex;
  std::int32_t index = 0; ///< Subtask, or partition for a reader.
  friend auto operator<=>(const participant_id&, const participant_id&) = default;
};

/// What a participant contributes to checkpoint k: small state inline, and how far its staged chunks reach.
/// Chunks are numbered per participant and incarnation from 0; k takes those from the previous complete checkpoint's end
/// up to (not including) `delta_end` / `outbox_end`: a closed attempt's chunks fall to the next complete one.
struct contribution {
  participant_id who;
  std::string inline_state; ///< Offsets, watermark generator, operator watermark, idle flag; see docs/formats.md.
  std::uint64_t delta_end = 0;
  std::uint64_t outbox_end = 0;
  bool finished = false; ///< The participant's input is over; it acks every later checkpoint at once.
};

} // namespace weir
