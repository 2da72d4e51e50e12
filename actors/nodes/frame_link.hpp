#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <weir/net/frame_session.hpp>
#include "actors/messages.hpp"
#include "actors/nodes/caf_wire.hpp"

namespace weir {

/// Counted by a connection for frames; any thread may read.
struct frame_link_figures {
  std::atomic<std::uint64_t> sent{0}; ///< Messages of channels.
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> bytes_sent{0};
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> dropped_session{0}; ///< Envelopes of another session.
  std::atomic<std::uint64_t> dropped_attempt{0}; ///< Envelopes of an attempt that does not run here (any more).
  std::atomic<std::size_t> queued{0};            ///< Bytes handed in and not yet given to CAF.
  std::atomic<std::size_t> unsent{0};            ///< Bytes in CAF's buffer.
};

struct frame_link_settings {
  /// Bytes in CAF's unbounded buffer: what comes more waits here, per channel.
  std::size_t most_unsent = std::size_t{1} << 20;
  /// One message is cut into parts of so many bytes, so that a long one of one channel does not hold the others.
  std::size_t part = std::size_t{256} << 10;
  /// More than credit can have allowed: who hands in so much fails its attempt.
  std::size_t most_queued = std::size_t{512} << 20;
  duration interval = std::chrono::milliseconds(500); ///< Between two reports.
  std::shared_ptr<frame_link_figures> figures = std::make_shared<frame_link_figures>();
};

namespace msg {

/// An attempt of a job begins on this link; from its owner, answered when it is open. Channels that come in go to tasks, credits
/// that come back to the tasks that send.
struct open_attempt {
  attempt_id of;
  std::map<std::uint32_t, caf::actor> receivers; ///< By channel: gets msg::frames.
  std::map<std::uint32_t, caf::actor> senders;   ///< By channel: gets msg::credit.
  caf::actor owner;                              ///< Gets attempt_failed, once.
};
struct close_attempt {
  attempt_id of;
};
/// A message of a channel that goes out.
struct send_frames {
  attempt_id of;
  std::uint32_t channel;
  std::shared_ptr<packet> what;
};
/// A credit that goes out.
struct send_credit {
  attempt_id of;
  std::uint32_t channel;
  std::size_t bytes;
};
struct attempt_failed {
  attempt_id of;
  error why;
};
struct link_tick {};

} // namespace msg

/// Limits for make_scribe of a connection for frames.
wire_limits frame_wire_limits();

/// The actor that drives one connection for frames, on CAF's io thread; takes the messages above. It ends with the connection;
/// every attempt that is open then has failed. Any thread.
caf::actor spawn_frame_link(caf::actor_system& system, caf::io::scribe_ptr scribe, std::shared_ptr<node_connection> who,
                            frame_link_settings settings);

/// Stands for the tasks of another node: what a task sends it (msg::frames of an out-channel, msg::credit of an in-channel) goes
/// over the link. One for each attempt and link; it ends when told to.
caf::behavior remote_tasks(caf::event_based_actor* self, const caf::actor& link, attempt_id of);

} // namespace weir

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::open_attempt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::close_attempt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::send_frames)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::send_credit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::attempt_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::link_tick)
