#pragma once
#include <cstdint>
#include <memory>
#include <variant>
#include <weir/record/batch.hpp>

namespace weir {

/// Rows, in the order they were sent.
struct data_frame {
  std::unique_ptr<any_batch> rows;
  /// What the sender was charged, of a frame that was decoded: the same rows may take other memory here, and credit that comes
  /// back must be what was spent. 0: what the rows take.
  std::size_t charged = 0;
};
/// No row with an earlier event time will come on this channel (but for late ones).
struct watermark_frame {
  timestamp time;
};
/// Ends epoch k of the channel.
struct barrier_frame {
  std::uint64_t checkpoint = 0;
  /// After this barrier nothing follows: the job stops behind this checkpoint, timers do not fire any more.
  bool final_barrier = false;
};
/// The channel stops (or starts again) counting for the merged watermark.
struct status_frame {
  bool idle = false;
};
/// The bounded input is over: no frame follows but barriers. Its watermark is the end of time.
struct end_frame {};

/// The one thing that crosses a channel; one FIFO per channel. Wire tags are the indices, but for rows: never reorder.
using frame = std::variant<data_frame, watermark_frame, barrier_frame, status_frame, end_frame>;

/// Bytes a frame is charged against credit; control frames cost nothing.
[[nodiscard]] std::size_t credit_cost(const frame& f);

/// Envelope: version, tag, body, CRC-32C. Any thread.
void encode_frame(const frame& f, const batch_codec& codec, std::string& out);
/// Errors: decode_failed, for a wrong version, tag, checksum, length or body.
[[nodiscard]] result<frame> decode_frame(std::string_view in, const batch_codec& codec);

} // namespace weir
