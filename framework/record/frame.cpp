#include <weir/record/crc32c.hpp>
#include <weir/record/frame.hpp>

namespace weir {
namespace {

constexpr std::uint8_t frame_version = 1;
constexpr std::uint8_t charged_data = 5; ///< Tag of rows with what they cost their sender.
constexpr std::size_t checksum_size = 4;

result<frame> malformed(const std::string& what) { return error{errc::decode_failed, "frame: " + what}; }

/// The body of a frame with this tag; the reader fails for a malformed control frame.
result<frame> decode_body(std::uint8_t tag, byte_reader& in, const batch_codec& codec) {
  switch (tag) {
    case 0: // Written by earlier releases.
    case charged_data: {
      auto charged = tag == charged_data ? in.varint() : 0;
      WEIR_ASSIGN(auto rows, codec.decode(in));
      return frame{data_frame{std::move(rows), static_cast<std::size_t>(charged)}};
    }
    case 1:
      return frame{watermark_frame{timestamp{in.i64()}}};
    case 2: {
      barrier_frame b;
      b.checkpoint = in.u64();
      auto flag = in.u8();
      b.final_barrier = flag == 1;
      if (flag > 1)
        in.fail();
      return frame{b};
    }
    case 3: {
      auto flag = in.u8();
      if (flag > 1)
        in.fail();
      return frame{status_frame{flag == 1}};
    }
    case 4:
      return frame{end_frame{}};
    default:
      return malformed("unknown tag " + std::to_string(tag));
  }
}

} // namespace

std::size_t credit_cost(const frame& f) {
  const auto* data = std::get_if<data_frame>(&f);
  if (data == nullptr || !data->rows)
    return 0;
  return data->charged != 0 ? data->charged : data->rows->bytes();
}

void encode_frame(const frame& f, const batch_codec& codec, std::string& out) {
  const auto start = out.size();
  byte_writer w(out);
  w.u8(frame_version);
  w.u8(std::holds_alternative<data_frame>(f) ? charged_data : static_cast<std::uint8_t>(f.index()));
  if (const auto* data = std::get_if<data_frame>(&f)) {
    w.varint(credit_cost(f));
    codec.encode(*data->rows, w);
  } else if (const auto* watermark = std::get_if<watermark_frame>(&f)) {
    w.i64(watermark->time.us);
  } else if (const auto* barrier = std::get_if<barrier_frame>(&f)) {
    w.u64(barrier->checkpoint);
    w.u8(barrier->final_barrier ? 1 : 0);
  } else if (const auto* status = std::get_if<status_frame>(&f)) {
    w.u8(status->idle ? 1 : 0);
  }
  w.u32(crc32c(std::string_view(out).substr(start)));
}

result<frame> decode_frame(std::string_view in, const batch_codec& codec) {
  if (in.size() < 2 + checksum_size)
    return malformed("only " + std::to_string(in.size()) + " bytes");
  if (static_cast<std::uint8_t>(in[0]) != frame_version)
    return malformed("unknown version " + std::to_string(static_cast<unsigned char>(in[0])));
  auto covered = in.substr(0, in.size() - checksum_size);
  if (byte_reader(in.substr(covered.size())).u32() != crc32c(covered))
    return malformed("wrong checksum");
  byte_reader body(covered.substr(2));
  WEIR_ASSIGN(auto f, decode_body(static_cast<std::uint8_t>(in[1]), body, codec));
  if (!body.done())
    return malformed("body has another length than its tag says");
  return f;
}

} // namespace weir
