#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/record/batch.hpp>
#include <weir/record/batch_codec.hpp>

namespace weir {

/// An event on its way to the owner of its key: a decoded value of one of the service's subscriptions.
struct service_event {
  std::uint16_t subscription = 0;
  std::string key; ///< Encoded.
  std::string id;  ///< Of a command that a request appended; else empty.
  std::shared_ptr<const void> value;
};

template <>
inline std::size_t extra_bytes(const service_event& e) {
  constexpr std::size_t value = 64; // Its type is not known here.
  return extra_bytes(e.key) + extra_bytes(e.id) + value;
}

/// How the values of one subscription become bytes and come back.
struct event_codec {
  std::string name;   ///< Of the subscription.
  std::string schema; ///< Of its values.
  std::function<void(const void* value, byte_writer& out)> encode;
  /// Null when the bytes are no value of this subscription.
  std::function<std::shared_ptr<const void>(byte_reader& in)> decode;
};
using event_codecs = std::vector<event_codec>;

/// Batches of events between the readers and the tasks of one service. Any thread.
class event_batch_codec final : public batch_codec {
 public:
  explicit event_batch_codec(std::shared_ptr<const event_codecs> codecs);
  void encode(const any_batch& rows, byte_writer& out) const override;
  [[nodiscard]] result<std::unique_ptr<any_batch>> decode(byte_reader& in) const override;

 private:
  std::shared_ptr<const event_codecs> codecs_;
  std::uint64_t schema_;
};

} // namespace weir
