#include <weir/net/envelope.hpp>
#include <weir/record/bytes.hpp>
#include <weir/record/crc32c.hpp>

namespace weir {
namespace {

constexpr std::size_t checksum_at = envelope_bytes - 4;
constexpr std::uint8_t flag_more = 1;
constexpr std::uint64_t most_credit = std::uint64_t{1} << 40; ///< No channel has more, and sums of it fit.

error malformed(const std::string& what) { return {errc::decode_failed, "envelope: " + what}; }

} // namespace

void append_envelope(envelope e, std::string_view payload, std::vector<char>& out) {
  std::string header;
  header.reserve(envelope_bytes);
  byte_writer w(header);
  w.u8(envelope_version);
  w.u8(static_cast<std::uint8_t>(e.kind));
  w.u8(e.more ? flag_more : 0);
  w.u8(0);
  w.u32(static_cast<std::uint32_t>(payload.size()));
  w.u64(e.of.job);
  w.u64(e.of.term);
  w.u64(e.of.attempt);
  w.u64(e.session);
  w.u64(e.sequence);
  w.u32(e.channel);
  w.u32(0); // Reserved.
  w.u32(crc32c(payload, crc32c(header)));
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), payload.begin(), payload.end());
}

result<envelope> decode_envelope(std::string_view header) {
  if (header.size() != envelope_bytes)
    return malformed("a header of " + std::to_string(header.size()) + " bytes");
  byte_reader in(header);
  if (auto version = in.u8(); version != envelope_version)
    return error{errc::incompatible, "envelope: version " + std::to_string(version) + ", this node speaks version " +
                                         std::to_string(envelope_version)};
  envelope e;
  auto kind = in.u8();
  auto flags = in.u8();
  auto reserved = in.u8();
  if (kind < 1 || kind > 3 || flags > flag_more || reserved != 0 || (flags != 0 && kind != 1))
    return malformed("unknown kind or flags");
  e.kind = static_cast<envelope_kind>(kind);
  e.more = flags == flag_more;
  e.length = in.u32();
  if (e.length > longest_payload)
    return error{errc::too_large, "envelope: " + std::to_string(e.length) + " bytes are announced, at most " +
                                      std::to_string(longest_payload) + " are allowed"};
  e.of.job = in.u64();
  e.of.term = in.u64();
  e.of.attempt = in.u64();
  e.session = in.u64();
  e.sequence = in.u64();
  e.channel = in.u32();
  if (in.u32() != 0)
    return malformed("unknown kind or flags");
  e.checksum = in.u32();
  return e;
}

result<> check_envelope(std::string_view header, std::string_view payload) {
  auto expected = byte_reader(header.substr(checksum_at)).u32();
  if (crc32c(payload, crc32c(header.substr(0, checksum_at))) != expected)
    return malformed("wrong checksum");
  return success();
}

std::string encode_credit(const credit_return& c) {
  std::string bytes;
  byte_writer w(bytes);
  w.u64(c.bytes);
  w.u64(c.report.sent);
  w.u64(c.report.received);
  return bytes;
}

result<credit_return> decode_credit(std::string_view bytes, std::uint32_t channel) {
  byte_reader in(bytes);
  credit_return c;
  c.bytes = in.u64();
  if (c.bytes > most_credit)
    return malformed("a credit of " + std::to_string(c.bytes) + " bytes");
  c.report = {channel, in.u64(), in.u64()};
  if (!in.done())
    return malformed("a credit is cut short");
  return c;
}

std::string encode_reports(const std::vector<channel_report>& reports) {
  std::string bytes;
  byte_writer w(bytes);
  w.varint(reports.size());
  for (const auto& r : reports) {
    w.u32(r.channel);
    w.u64(r.sent);
    w.u64(r.received);
  }
  return bytes;
}

result<std::vector<channel_report>> decode_reports(std::string_view bytes) {
  byte_reader in(bytes);
  auto n = in.varint();
  if (n > most_reports)
    return malformed("too many reports");
  std::vector<channel_report> reports;
  for (; n > 0 && in.ok(); --n) {
    auto channel = in.u32();
    auto sent = in.u64();
    reports.push_back({channel, sent, in.u64()});
  }
  if (!in.done())
    return malformed("reports are cut short");
  return reports;
}

} // namespace weir
