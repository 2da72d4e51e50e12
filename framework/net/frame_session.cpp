#include <utility>
#include <weir/net/frame_session.hpp>

namespace weir {
namespace {

std::string where(std::uint32_t channel) { return "channel " + std::to_string(channel) + ": "; }

} // namespace

std::uint64_t frame_session::send(std::uint32_t channel, duration now) {
  auto& c = channels_[channel];
  if (!c.unheard)
    c.unheard = now;
  return ++c.sent;
}

result<std::optional<std::string>> frame_session::receive(const envelope& e, std::string payload) {
  auto& c = channels_[e.channel];
  if (e.sequence != c.received + 1)
    return error{errc::decode_failed, where(e.channel) + "frame " + std::to_string(e.sequence) + " came, " +
                                          std::to_string(c.received + 1) + " was expected: frames are missing or came twice"};
  ++c.received;
  c.missing.reset();
  if (!e.more && c.partial.empty())
    return std::optional(std::move(payload));
  if (c.partial.size() + payload.size() > longest_message)
    return error{errc::too_large, where(e.channel) + "a message is longer than " + std::to_string(longest_message) + " bytes"};
  c.partial += payload;
  if (e.more)
    return std::optional<std::string>{};
  return std::optional(std::exchange(c.partial, {}));
}

result<> frame_session::reported(const channel_report& theirs, duration now) {
  auto& c = channels_[theirs.channel];
  if (theirs.received > c.sent || theirs.received < c.their_received || theirs.sent < c.their_sent)
    return error{errc::decode_failed, where(theirs.channel) + "the other end reports " + std::to_string(theirs.received) +
                                          " received of " + std::to_string(c.sent) + " sent, and " + std::to_string(theirs.sent) +
                                          " sent"};
  if (theirs.received == c.sent)
    c.unheard.reset();
  else if (theirs.received > c.their_received)
    c.unheard = now;
  if (theirs.sent <= c.received)
    c.missing.reset();
  else if (!c.missing)
    c.missing = now;
  c.their_received = theirs.received;
  c.their_sent = theirs.sent;
  return success();
}

channel_report frame_session::report(std::uint32_t channel) const {
  auto i = channels_.find(channel);
  return i == channels_.end() ? channel_report{channel, 0, 0} : channel_report{channel, i->second.sent, i->second.received};
}

std::vector<channel_report> frame_session::reports() const {
  std::vector<channel_report> all;
  all.reserve(channels_.size());
  for (const auto& [id, c] : channels_)
    all.push_back({id, c.sent, c.received});
  return all;
}

result<> frame_session::check(duration now) const {
  for (const auto& [id, c] : channels_) {
    if (c.unheard && now - *c.unheard >= stands_for)
      return error{errc::unavailable, where(id) + "of " + std::to_string(c.sent) + " frames sent the other end has " +
                                          std::to_string(c.their_received) + ", for 2 s"};
    if (c.missing && now - *c.missing >= stands_for)
      return error{errc::unavailable, where(id) + "of " + std::to_string(c.their_sent) + " frames that the other end sent " +
                                          std::to_string(c.received) + " came, for 2 s"};
  }
  return success();
}

void frame_session::forgive(duration now) {
  for (auto& [id, c] : channels_) {
    if (c.unheard)
      c.unheard = now;
    if (c.missing)
      c.missing = now;
  }
}

} // namespace weir
