#include <utility>
#include <weir/connectors/kafka/message.hpp>
#include <weir/core/result.hpp>
#include <weir/record/bytes.hpp>

namespace weir::kafka {

record_view view_of(const rd_kafka_message_t& m, message_headers& headers) {
  record_view v;
  if (m.key)
    v.key = std::string_view(static_cast<const char*>(m.key), m.key_len);
  if (m.payload)
    v.value = std::string_view(static_cast<const char*>(m.payload), m.len);
  rd_kafka_timestamp_type_t type{};
  auto ms = rd_kafka_message_timestamp(&m, &type);
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
    v.time = timestamp::from_ms(ms);
  v.partition = m.partition;
  v.offset = m.offset;
  headers.of(m);
  v.headers = headers_view(headers);
  return v;
}

std::string_view message_headers::packed() {
  const auto* m = std::exchange(message_, nullptr);
  rd_kafka_headers_t* h = nullptr;
  if (m && rd_kafka_message_headers(m, &h) == RD_KAFKA_RESP_ERR_NO_ERROR && h) {
    byte_writer out(packed_);
    out.varint(rd_kafka_header_cnt(h));
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(h, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      out.string(name);
      out.u8(value ? 1 : 0);
      if (value)
        out.string(std::string_view(static_cast<const char*>(value), size));
    }
  }
  return packed_;
}

result<headers_ptr> to_headers(std::string_view packed) {
  if (packed.empty())
    return headers_ptr();
  byte_reader in(packed);
  auto n = in.varint();
  if (n > packed.size())
    in.fail();
  headers_ptr list(rd_kafka_headers_new(in.ok() ? n : 0));
  for (; in.ok() && n > 0; --n) {
    auto name = in.string();
    auto flag = in.u8();
    if (flag > 1)
      in.fail();
    auto value = flag == 1 ? in.string() : std::string_view();
    if (in.ok())
      rd_kafka_header_add(list.get(), name.data() ? name.data() : "", static_cast<ssize_t>(name.size()),
                          flag == 1 ? bytes_of(value) : nullptr, static_cast<ssize_t>(value.size()));
  }
  if (!in.done())
    return {errc::decode_failed, "the packed headers of a record are malformed"};
  return list;
}

std::size_t wire_size(std::size_t key, std::size_t value, std::size_t packed_headers) {
  constexpr std::size_t batch_header = 61;
  constexpr std::size_t record_header = 36; // Length, attributes, two deltas and three more lengths, at their longest.
  // A packed header has at least three bytes; on the wire its value may need four bytes of length more.
  return batch_header + record_header + key + value + packed_headers * 2;
}

} // namespace weir::kafka
