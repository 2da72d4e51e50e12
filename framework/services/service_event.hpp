#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/record/batch.hpp>
#include <weir/record/batch_codec.hpp>

namespace weir {

/// An event on its way to the owner of its key: a decoded value of one of the service's subscriptions. Its encoded key, and
/// the id of one that is a command, are in its batch, as the key and the value of the originals of other rows are: raw_key,
/// raw_value.
struct service_event {
  std::uint16_t subscription = 0;
  std::shared_ptr<const void> value;
};

template <>
inline std::size_t extra_bytes(const service_event&) {
  return 64; // The value's type is not known here.
}

/// Appends an event with its encoded key and command id (empty: none) to a batch; of `meta` all but the key's hash and the
/// bytes is taken.
void add_event(batch<service_event>& to, service_event e, std::string_view key, std::string_view command_id, row_meta meta);

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
