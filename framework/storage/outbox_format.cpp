#include <weir/record/bytes.hpp>
#include <weir/storage/job_store.hpp>

namespace weir {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::uint8_t has_key = 0x10;
constexpr std::uint8_t has_value = 0x20;

} // namespace

void encode_outbox(const outbox_record& r, std::string& chunk) {
  byte_writer w(chunk);
  w.u8(static_cast<std::uint8_t>(version | (r.key ? has_key : 0) | (r.value ? has_value : 0)));
  w.string(r.connection);
  w.string(r.topic);
  w.svarint(r.partition);
  w.svarint(r.time_ms);
  if (r.key)
    w.string(*r.key);
  if (r.value)
    w.string(*r.value);
  w.string(r.packed_headers);
}

result<> decode_outbox(std::string_view chunk, const std::function<bool(const outbox_record&)>& visit) {
  byte_reader in(chunk);
  while (in.remaining() > 0) {
    auto at = chunk.size() - in.remaining();
    auto head = in.u8();
    outbox_record r;
    r.connection = in.string();
    r.topic = in.string();
    auto partition = in.svarint();
    r.time_ms = in.svarint();
    if (head & has_key)
      r.key = in.string();
    if (head & has_value)
      r.value = in.string();
    r.packed_headers = in.string();
    r.partition = static_cast<std::int32_t>(partition);
    if (!in.ok() || (head & 0x0f) != version || (head & 0xc0) != 0 || r.partition != partition)
      return error{errc::store_corrupt, "outbox: malformed record at byte " + std::to_string(at)};
    if (!visit(r))
      break;
  }
  return success();
}

} // namespace weir
