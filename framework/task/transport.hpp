#pragma once
#include <memory>
#include <string>
#include <vector>
#include <weir/record/frame.hpp>

namespace weir {

/// What one message between two tasks carries: frames of one channel, in order. In memory the frames themselves are
/// moved; over a transport that encodes, only `encoded` is filled.
struct packet {
  std::vector<frame> frames;
  std::string encoded;
};

/// How frames cross a channel. Stateless and shared by all channels of a job; any thread.
class channel_transport {
 public:
  virtual ~channel_transport() = default;
  [[nodiscard]] virtual std::shared_ptr<packet> wrap(std::vector<frame> frames, const batch_codec* codec) const = 0;
  /// Errors: decode_failed; the channel is broken then and its job must restart.
  [[nodiscard]] virtual result<std::vector<frame>> unwrap(packet& p, const batch_codec* codec) const = 0;
};

/// Moves frames: for channels inside a process.
const channel_transport& memory_transport();
/// Encodes and decodes each frame as a connection between processes would.
const channel_transport& encoding_transport();

} // namespace weir
