#pragma once
#include <caf/all.hpp>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include <weir/core/result.hpp>
#include <weir/storage/job_store.hpp>
#include <weir/task/command_appender.hpp>
#include <weir/task/epoch_publisher.hpp>
#include <weir/task/reader_core.hpp>
#include <weir/task/task_core.hpp>
#include <weir/task/transport.hpp>

// What the actors of one job say to each other inside a process. None of it crosses to another process: frames do that in
// the encoded form of their packet.

namespace weir {
/// Participants that are partition readers are told from tasks of the same vertex by this prefix.
inline constexpr std::string_view reader_prefix = "source:";

/// Where the frames of a channel come from.
struct upstream {
  caf::actor sender;
  const batch_codec* codec = nullptr;
};
} // namespace weir

namespace weir::msg {

/// Frames of one channel, to the receiving task.
struct frames {
  std::uint32_t channel;
  std::shared_ptr<packet> what;
};
/// The receiver processed this much of the channel, to the sending task.
struct credit {
  std::uint32_t channel;
  std::size_t bytes;
};
/// Go on working; from an actor to itself.
struct run {};
/// A hint that there may be something to do: from librdkafka, the log, a producer, a timer.
struct wake {};
/// The time that a task waits for has come; from a task to itself. One that is not waited for any more is stale.
struct due {
  timestamp at;
};
/// Inject a barrier, to readers.
struct barrier {
  std::uint64_t checkpoint;
  bool final_barrier;
};
/// A participant's acknowledgement, to the coordinator.
struct acknowledge {
  std::uint64_t checkpoint;
  contribution what;
};
struct decline {
  std::uint64_t checkpoint;
  participant_id who;
  std::string why;
};
/// A participant's input is over, to the supervisor.
struct finished {
  participant_id who;
};
/// Next offsets per source vertex and partition, for people and lag monitors.
using source_positions = std::map<std::string, std::map<std::int32_t, std::int64_t>>;
/// Checkpoint k is complete, to the publisher and the tasks of actor services. Other tasks need not know: what of it is in the
/// base, `applied` tells them.
struct complete {
  std::uint64_t checkpoint;
  std::shared_ptr<const source_positions> positions;
};
struct closed {
  std::uint64_t checkpoint;
};
/// The base holds every complete delta up to this checkpoint, to tasks.
struct applied {
  std::uint64_t checkpoint;
};
/// Sinks: the outbox is at its limit, or below it again.
struct outbox_full {
  bool full;
};
/// Changes or output of a participant, to the store.
struct stage {
  enum class kind : std::uint8_t { delta, spill, outbox };
  participant_id who;
  kind what;
  std::string chunk;
};
/// A spilled chunk can be read back under this number: store to task.
struct spilled {
  std::uint64_t number;
};
/// Record k as complete, to the store; answered with store_completed.
struct store_complete {
  checkpoint_manifest manifest;
};
struct store_completed {
  std::uint64_t checkpoint;
  result<> outcome;
};
struct store_close {
  std::uint64_t checkpoint;
};
struct store_closed {
  std::uint64_t checkpoint;
  bool was_complete;
};
/// Chunks of the outbox of complete epochs, to the store; answered with outbox.
struct read_outbox {
  std::uint64_t checkpoint;
};
struct outbox {
  std::uint64_t checkpoint;
  result<epoch_output> what;
};
/// The fates of records that their topic refuses for good, to the store; `kept` is told when they are durable. Whoever asked
/// waits for it: the store ends with the promise broken.
struct keep_fates {
  std::string encoded;
  std::shared_ptr<std::promise<result<>>> kept;
};
/// All up to the marker is published: publisher to store, and store to supervisor and coordinator when recorded.
struct published {
  marker what;
};
/// Something failed for good: to the supervisor.
struct failed {
  std::string where;
  error cause;
};
/// The memory gate has closed: to the coordinator, from whoever closed it; and from itself while it is closed.
struct hurry {};
struct hurry_on {};
/// One last checkpoint, then nothing: supervisor to coordinator.
struct drain {};
/// An ask for a key of the receiving task; answered with ask_reply.
struct ask {
  ask_message what;
  duration timeout{0}; ///< The asker waits no longer.
};
struct ask_reply {
  ask_outcome outcome;
};
/// Sends an ask to the task that owns its key. It, and its answer, overtake the data on the way to either task: an ask with a
/// time-out must not wait behind a backlog.
template <class Self>
auto send_ask(Self* from, const caf::actor& owner, duration timeout, ask_message m) {
  // CAF's overload for times of the standard library forgets the priority.
  return from->template request<caf::message_priority::high>(owner, caf::duration{timeout}, ask{std::move(m), timeout});
}
/// Lets a parked key go on, to the task that owns it; answered with true when it was parked.
struct release_key {
  std::string encoded_key;
  unpark how;
};
/// Gives an actor what it drives; its first message.
struct install_reader {
  std::shared_ptr<std::unique_ptr<reader_core>> core;
};
struct install_task {
  std::shared_ptr<task_core::parts> parts; ///< Without host: the actor is it.
  std::optional<task_snapshot> saved;
  std::uint64_t restored_checkpoint;
  std::map<std::uint32_t, upstream> inputs;                                        ///< By channel.
  std::shared_ptr<std::vector<command_appender::target>> command_topics = nullptr; ///< Of an actor service's task.
};
/// The actor took what it was given and is restored: to the supervisor.
struct ready {};
/// Every participant of the job is installed: readers and tasks begin. Until then nobody sends a frame.
struct go {};
/// The coordinator's final checkpoint is complete: to the supervisor.
struct drained {
  std::uint64_t checkpoint;
  bool ended;
};

} // namespace weir::msg

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::frames)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::credit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::barrier)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::acknowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::decline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::complete)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::applied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::outbox_full)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::stage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::store_complete)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::store_completed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::store_close)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::store_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::read_outbox)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::keep_fates)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::outbox)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::published)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::hurry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::hurry_on)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::drain)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::drained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::install_reader)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::install_task)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::ask_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::release_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::go)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::msg::spilled)
