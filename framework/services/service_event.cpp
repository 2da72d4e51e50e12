#include <weir/services/service_event.hpp>

namespace weir {

void add_event(batch<service_event>& to, service_event e, std::string_view key, std::string_view command_id, row_meta meta) {
  record_view bytes;
  bytes.key = key;
  if (!command_id.empty())
    bytes.value = command_id;
  meta.raw = to.keep_raw(bytes);
  meta.key_hash = hash_bytes(key);
  to.push(std::move(e), meta);
}

event_batch_codec::event_batch_codec(std::shared_ptr<const event_codecs> codecs) : codecs_(std::move(codecs)) {
  std::string all;
  for (const auto& c : *codecs_)
    all += c.name + "=" + c.schema + ";";
  schema_ = hash_bytes(all);
}

void event_batch_codec::encode(const any_batch& rows, byte_writer& out) const {
  const auto& typed = static_cast<const batch<service_event>&>(rows);
  detail::encode_batch_frame(rows, schema_, out);
  for (const auto& e : typed.values) {
    out.varint(e.subscription);
    (*codecs_)[e.subscription].encode(e.value.get(), out);
  }
}

result<std::unique_ptr<any_batch>> event_batch_codec::decode(byte_reader& in) const {
  auto rows = std::make_unique<batch<service_event>>();
  auto n = detail::decode_batch_frame(in, schema_, *rows);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    service_event e;
    auto subscription = in.varint();
    if (!in.ok() || subscription >= codecs_->size())
      break;
    e.subscription = static_cast<std::uint16_t>(subscription);
    e.value = (*codecs_)[subscription].decode(in);
    if (!e.value)
      break;
    rows->append_value(std::move(e));
  }
  if (!in.ok() || rows->values.size() != n)
    return {errc::decode_failed, "batch of service events: malformed bytes, or events of another service"};
  return std::unique_ptr<any_batch>(std::move(rows));
}

} // namespace weir
