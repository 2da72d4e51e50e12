#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>
#include <weir/net/envelope.hpp>

namespace weir {

/// What one end of a connection for frames knows of one attempt of a job: numbers what it sends, judges what comes, notices what
/// does not arrive. Time is given by the caller, of a clock that never goes back. Pure; one thread.
class frame_session {
 public:
  /// A difference between sent and received that stands for longer fails the attempt.
  static constexpr duration stands_for = std::chrono::seconds(2);
  /// Bytes of one message in parts: what one channel can make us hold that is not whole yet.
  static constexpr std::size_t longest_message = std::size_t{128} << 20;

  explicit frame_session(attempt_id of) : of_(of) {}
  [[nodiscard]] const attempt_id& of() const { return of_; }

  /// The sequence of the next data envelope on a channel, which is handed to the connection now.
  std::uint64_t send(std::uint32_t channel, duration now);
  /// Data came on a channel. A whole message if this was its last part. Errors: decode_failed for a gap or a repetition,
  /// too_large: the attempt has failed.
  result<std::optional<std::string>> receive(const envelope& e, std::string payload);
  /// The other end's figures of a channel came. Errors: decode_failed, when it received what was never sent.
  result<> reported(const channel_report& theirs, duration now);
  /// Our figures of a channel.
  [[nodiscard]] channel_report report(std::uint32_t channel) const;
  /// Our figures of all channels.
  [[nodiscard]] std::vector<channel_report> reports() const;
  /// Errors: unavailable, when what one end sent has not come to the other for too long.
  [[nodiscard]] result<> check(duration now) const;
  /// This process did not run for a while: every difference stands from now on only.
  void forgive(duration now);

 private:
  struct channel_state {
    std::uint64_t sent = 0, received = 0;
    std::uint64_t their_sent = 0, their_received = 0; ///< By their last report.
    std::optional<duration> unheard;                  ///< Since when their_received is behind `sent` without moving.
    std::optional<duration> missing;                  ///< Since when `received` is behind their_sent without moving.
    std::string partial;                              ///< Parts of a message that is not whole.
  };
  attempt_id of_;
  std::map<std::uint32_t, channel_state> channels_;
};

} // namespace weir
