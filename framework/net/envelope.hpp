#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include <weir/core/result.hpp>

namespace weir {

/// Which run of which job a frame belongs to. Ordered: a later leader first, then a later attempt.
struct attempt_id {
  std::uint64_t job = 0; ///< Agreed by the nodes.
  std::uint64_t term = 0;
  std::uint64_t attempt = 0;
  friend bool operator==(const attempt_id&, const attempt_id&) = default;
};

enum class envelope_kind : std::uint8_t {
  data = 1,   ///< Frames of a channel, or a part of them.
  credit = 2, ///< The receiver processed so many bytes of a channel.
  report = 3, ///< What was sent and received per channel of an attempt; also the sign of life of the connection.
};

/// In front of everything on a connection for frames. Layout: docs/formats.md.
struct envelope {
  envelope_kind kind = envelope_kind::data;
  bool more = false; ///< Of data: the next envelope of the channel goes on with the same message.
  attempt_id of;
  std::uint64_t session = 0;
  std::uint32_t channel = 0;
  std::uint64_t sequence = 0; ///< Of data: counts 1, 2, 3 … per channel, attempt and session.
  std::uint32_t length = 0;   ///< Bytes that follow.
  std::uint32_t checksum = 0; ///< CRC-32C of the header without it, and of what follows.
};

inline constexpr std::uint8_t envelope_version = 1;
inline constexpr std::size_t envelope_bytes = 60;
inline constexpr std::size_t longest_payload = std::size_t{1} << 20; ///< Checked before anything is allocated.

/// Appends header and payload; fills length and checksum. `payload` is at most longest_payload.
void append_envelope(envelope e, std::string_view payload, std::vector<char>& out);
/// Decodes a header of envelope_bytes. Errors: incompatible (another version), too_large, decode_failed.
result<envelope> decode_envelope(std::string_view header);
/// Errors: decode_failed, when header or payload are not what was sent.
result<> check_envelope(std::string_view header, std::string_view payload);

/// What one end knows of a channel.
struct channel_report {
  std::uint32_t channel = 0;
  std::uint64_t sent = 0;     ///< Last sequence handed to the connection.
  std::uint64_t received = 0; ///< Last sequence that came.
  friend bool operator==(const channel_report&, const channel_report&) = default;
};

/// Payload of a credit.
struct credit_return {
  std::uint64_t bytes = 0;
  channel_report report; ///< Its channel is the envelope's.
};
[[nodiscard]] std::string encode_credit(const credit_return& c);
result<credit_return> decode_credit(std::string_view bytes, std::uint32_t channel);

/// Payload of a report. As many as fit into one payload: see most_reports.
inline constexpr std::size_t most_reports = 20000;
[[nodiscard]] std::string encode_reports(const std::vector<channel_report>& reports);
result<std::vector<channel_report>> decode_reports(std::string_view bytes);

} // namespace weir
